// The verbs beside `run`, on a node: what they answer, how they exit, and what they leave.

import assert from "node:assert/strict";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { differences } from "./state.ts";

async function freshNode(): Promise<Node & AsyncDisposable> {
  const lab = await Lab.create({ nodes: 2 }); // n2 has no agent
  const [node] = lab.nodes;
  return Object.assign(node!, { [Symbol.asyncDispose]: () => lab.close() });
}

async function started(node: Node): Promise<void> {
  node.startAgent();
  await node.conflist();
  await node.inSync();
}

Deno.test("status --json has the documented fields; without an agent it says so and shows the kernel", async () => {
  await using node = await freshNode();
  await started(node);
  const { code, stdout, stderr } = await node.runAgent({ verb: "status", args: ["--json"] });
  assert.deepEqual([code, stderr], [0, ""]);
  const status = JSON.parse(stdout);
  const fields = ["node", "source", "peers", "applied", "rejected", "waiting", "drift"];
  for (const field of fields) assert.ok(field in status, `${field} in ${stdout}`);
  assert.equal(status.node, "n1");
  assert.deepEqual([status.source.isComplete, status.source.objects, status.source.problems], [true, 2, []]);
  const [peer] = status.peers;
  assert.deepEqual([peer.node, peer.endpoint, peer.handshakeSeconds], ["n2", "10.9.1.2:24601", 0]);
  assert.equal(status.applied.isInSync, true);
  const families = status.unguarded.map((text: string) => /^(IPv\d): .*CLUSTER_POD_CIDRS$/.exec(text)?.[1]);
  assert.deepEqual(families, ["IPv4", "IPv6"]);
  const { mode } = JSON.parse(
    `{"mode":${await node.run(["stat", "-c", "%a", "/run/wigglenet/agent.sock"])}}`,
  );
  assert.equal(mode, 600);

  await node.agent!.kill("SIGKILL");
  const without = await node.runAgent({ verb: "status" });
  assert.equal(without.code, 1);
  assert.match(without.stderr, /no agent answers/);
  assert.match(without.stdout, /10\.244\.2\.0\/24 dev wigglenet/);
  assert.match(without.stdout, /table inet wigglenet/);
  assert.match(without.stdout, /peer: /);
});

Deno.test("graph draws what the agent sees, node prints the manifest that the others have, check finds all well", async () => {
  await using node = await freshNode();
  await started(node);
  const graph = await node.runAgent({ verb: "graph" });
  assert.deepEqual([graph.code, graph.stderr], [0, ""]);
  assert.match(graph.stdout, /^<svg .*>n2<\/text>.*>10\.9\.1\.2:24601<.*<\/svg>\n$/s);

  const printed = await node.runAgent({ verb: "node", args: ["--json"] });
  assert.deepEqual([printed.code, printed.stderr], [0, ""]);
  const { node: told } = parseNode(JSON.parse(printed.stdout), "printed");
  const { node: own } = parseNode(node.manifest, "nodes");
  assert.deepEqual(told, own);

  await Deno.remove(`${node.folder}/../nodes/n2.yaml`); // nobody answers for it
  await node.says("it is alone", ({ peers }) => peers.length === 0);
  const check = await node.runAgent({ verb: "check", settings: { "wireguard-mode": "userspace" } });
  assert.match(check.stdout, /^n1 is well: .*nftables.*\n$/, check.stderr);
  assert.equal(check.code, 0);
  await Deno.chmod(`${node.folder}/private.key`, 0o640);
  const exposed = await node.runAgent({ verb: "check", settings: { "wireguard-mode": "userspace" } });
  assert.match(
    exposed.stdout,
    /^warning: \S+\/private\.key may be read by others than its owner; chmod 600 \S+\n$/,
  );
  assert.equal(exposed.code, 0);
  await Deno.chmod(`${node.folder}/private.key`, 0o600);
  await node.sysctl("0", ["net.ipv4.ip_forward"]);
  await node.agent!.kill("SIGKILL");
  const sick = await node.runAgent({ verb: "check", settings: { "wireguard-mode": "userspace" } });
  assert.equal(sick.code, 1);
  assert.match(sick.stdout, /^error: IPv4 is not forwarded; .*\nerror: no agent runs; .*\n$/);
});

Deno.test("of an agent that hangs check, status and graph say so, and not that none runs", async () => {
  await using node = await freshNode();
  await started(node);
  Deno.kill(node.agent!.pid, "SIGSTOP");
  const answers = ["check", "status", "graph"].map(async (verb) => {
    const { code, stdout, stderr } = await node.runAgent({ verb });
    return [verb, code, /^(error|wigglenet): the agent hangs\b/m.test(stdout + stderr)];
  });
  assert.deepEqual(await Promise.all(answers), [["check", 1, true], ["status", 1, true], ["graph", 1, true]]);
});

Deno.test("an address on the loopback is a node address where NODE_IP_INTERFACES says so; 127.0.0.1 never is", async () => {
  await using node = await freshNode();
  await node.ip(["address add 203.0.113.9/32 dev lo"]);
  const settings = { "node-ip-interfaces": "lo" };
  const { stdout } = await node.runAgent({ verb: "node", args: ["--json"], settings });
  const { status } = JSON.parse(stdout) as typeof node.manifest;
  assert.deepEqual(status.addresses.map(({ address }) => address).sort(), [
    "10.9.1.1",
    "203.0.113.9",
    "fd09::1",
  ]);
});

const THIEF =
  `Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 24601 }); setTimeout(() => {}, 1e6)`;

Deno.test("check names the port that somebody else has, also where the agent has made its interface", async () => {
  await using node = await freshNode();
  node.start([Deno.execPath(), "eval", "--unstable-net", THIEF]);
  await until("the port to be taken", async () => (await node.run(["ss", "-Hlun"])).includes(":24601"));
  node.startAgent();
  await node.says("its interface cannot be set up", ({ applied }) => "link" in applied.failing);
  const { code, stdout } = await node.runAgent({ verb: "check" });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^error: UDP port 24601 is somebody else's: wigglenet cannot listen; ss -ulnp shows who/m,
  );
});

Deno.test("diff exits 0 in sync, 1 with a line for each difference, 2 when it cannot tell, and changes nothing", async () => {
  await using node = await freshNode();
  const first = await node.runAgent({ verb: "diff" });
  assert.equal(first.code, 1);
  assert.match(first.stdout, /^\+ interface wigglenet: .*\(missing\)$/m);
  assert.equal(await node.run(["nft", "list", "ruleset"]), "");
  await started(node);
  await node.agent!.kill();
  assert.deepEqual(await node.runAgent({ verb: "diff" }), { code: 0, stdout: "", stderr: "" });

  await node.ip(["route del 10.244.2.0/24 dev wigglenet", "address add 192.0.2.1/32 dev wigglenet"]);
  await node.run(["nft", "add", "element", "inet", "wigglenet", "pod-cidrs-v4", "{ 172.30.0.0/16 }"]);
  const { code, stdout } = await node.runAgent({ verb: "diff" });
  assert.equal(code, 1);
  assert.deepEqual(stdout.trim().split("\n").map((line) => line.replace(/ proto .*| \(.*/, "")).sort(), [
    "+ route 10.244.2.0/24 dev wigglenet",
    "- address wigglenet: 192.0.2.1/32",
    "- element pod-cidrs-v4: 172.30.0.0/16",
  ]);
  const json = await node.runAgent({ verb: "diff", args: ["--json"] });
  assert.equal(json.code, 1);
  for (const change of JSON.parse(json.stdout)) {
    assert.deepEqual(Object.keys(change).sort(), ["kind", "op", "reason", "target", "text"]);
  }

  const blind = await node.runAgent({ verb: "diff", settings: { nodes: "/nowhere" } });
  assert.deepEqual([blind.code, blind.stdout], [2, ""]);
  assert.match(blind.stderr, /cannot tell.*\/nowhere/);
  await node.run(["mount", "--bind", "/dev/null", "/usr/sbin/nft"]);
  const helpless = await node.runAgent({ verb: "diff" });
  assert.deepEqual([helpless.code, helpless.stdout], [2, ""]);
});

Deno.test("four diffs at once, and what an agent left that was killed: each tells the same", async () => {
  await using node = await freshNode();
  await started(node);
  await node.run(["nft", "add", "table", "inet", "wigglenet-reference", "{ flags dormant; }"]);
  const all = await Promise.all(Array.from({ length: 4 }, () => node.runAgent({ verb: "diff" })));
  assert.deepEqual(all, all.map(() => ({ code: 0, stdout: "", stderr: "" })));
  assert.equal((await node.run(["nft", "list", "tables"])).match(/-reference-/), null);
});

Deno.test("a typo gets the nearest verb or flag, and exit code 2", async () => {
  await using node = await freshNode();
  const verb = await node.runAgent({ verb: "staus" });
  assert.deepEqual([verb.code, verb.stdout], [2, ""]);
  assert.match(verb.stderr, /did you mean `wigglenet status`/);
  const flag = await node.runAgent({ verb: "diff", args: ["--filter-ipv5=true"] });
  assert.equal(flag.code, 2);
  assert.match(flag.stderr, /did you mean --filter-ipv[46]/);
});

/** Everything of the machine that the agent or anything it starts could have touched. */
async function hostOf(node: Node): Promise<string> {
  const commands = [
    ["nft", "-a", "-s", "list", "ruleset"],
    ["ip", "-d", "address"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "rule"],
    ["wg", "show", "all", "dump"],
    ["find", "/run", "/etc/cni", "/etc/wigglenet", node.folder, "-printf", "%p %y %l %m %s\n"],
    ["sysctl", "-a", "--pattern", "^net\\."],
  ];
  const outputs = await Promise.all(commands.map((argv) => node.attempt(argv)));
  const lines = outputs.flatMap(({ stdout }) => stdout.split("\n"));
  // Counters, timers, sizes of folders.
  return lines.map((line) => line.replace(/ valid_lft.*| d {2}\d+ \d+$|conntrack_count.*/, "")).join("\n");
}

/** Things of others that look a little like ours. */
async function furnish(node: Node): Promise<void> {
  await node.ip([
    "link add wigglenet0 type veth peer name other",
    "tuntap add dev tun0 mode tun",
    "link set wigglenet0 up",
    "address add 192.0.2.1/24 dev wigglenet0",
    "route add 10.244.0.0/16 via 10.9.1.254",
    "route add unreachable 10.245.0.0/16 metric 32760",
    "route add 198.51.100.0/24 via 10.9.1.254 proto 145",
  ]);
  const stdin = "add table inet wigglenet2\nadd set inet wigglenet2 pod-cidrs-v4 { type ipv4_addr; }\n" +
    "add table ip wigglenet\nadd chain ip wigglenet forward\n";
  await node.run(["nft", "-f", "-"], { stdin });
  await Deno.writeTextFile(`${node.folder}/cni/05-other.conflist`, "{}");
}

Deno.test("cleanup leaves the host as it was, byte for byte, and refuses while an agent runs", async () => {
  await using node = await freshNode();
  await furnish(node);
  const before = await hostOf(node);
  await started(node);
  const refused = await node.runAgent({ verb: "cleanup" });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /an agent runs/);
  await node.agent!.kill("SIGKILL");
  const { code, stdout, stderr } = await node.runAgent({ verb: "cleanup" });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^- interface wigglenet$/m);
  assert.equal(differences(before, await hostOf(node)), "");
  const again = await node.runAgent({ verb: "cleanup" });
  assert.deepEqual([again.code, again.stdout.trim()], [0, "nothing of ours is here"]);
});

Deno.test("cleanup --purge takes the key along, and what a killed agent left unfinished", async () => {
  await using node = await freshNode();
  await Deno.remove(`${node.folder}/private.key`);
  const before = await hostOf(node);
  await started(node);
  await node.agent!.kill("SIGKILL");
  await node.run(["touch", "/run/wigglenet/input-4711-3"]);
  for (const left of ["inet wigglenet-reference", "inet wigglenet-fastpath-reference-0a1b2c3d"]) {
    await node.run(["nft", "add", "table", ...left.split(" "), "{ flags dormant; }"]);
  }
  const { code, stderr } = await node.runAgent({ verb: "cleanup", args: ["--purge"] });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(differences(before, await hostOf(node)), "");
});
