// Agents with declared networks in the folder of their Nodes: the plan's link stands beside the mesh, is mended, goes with its file,
// and cleanup leaves nothing.

import assert from "node:assert/strict";
import { BRIDGE, declared, VETH, VXLAN, WIREGUARD } from "../declared/walk_through.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const lab = await Lab.create({ nodes: 2 });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const LINK = "wg-n1-n2-0";
const bridge = { ...BRIDGE, spec: { ...BRIDGE.spec, node: "n1" } };
const FILE = `${lab.nodesFolder}/declared.yaml`;

async function write(objects: readonly unknown[]): Promise<void> {
  const part = `${lab.folder}/declared.part`;
  await Deno.writeTextFile(part, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await Deno.rename(part, FILE);
}

/** Of a machine without agent, and when its time is over. */
interface Laptop {
  readonly publicKey: string | undefined;
  readonly expires?: string;
}

function planWith(keys: readonly (string | undefined)[], laptop?: Laptop): unknown {
  return declared("WireGuardNetworkPlan", "backbone", {
    nodes: [
      ...[n1, n2].map((node, i) => ({
        nodeName: node.name,
        underlay: { hostname: node.address(4) },
        addresses: [{ family: "inet", local: `10.4.0.${i + 1}` }],
        ...(keys[i] !== undefined && { publicKey: keys[i] }),
      })),
      ...(laptop === undefined ? [] : [{
        nodeName: "laptop",
        addresses: [{ family: "inet", local: "10.4.0.9" }],
        ...laptop,
      }]),
    ],
    links: [
      {
        fromNode: "n1",
        toNodes: [{ nodeName: "n2" }, ...(laptop === undefined ? [] : [{ nodeName: "laptop" }])],
      },
      ...(laptop === undefined ? [] : [{ fromNode: "laptop", toNodes: [{ nodeName: "n1" }] }]),
      { fromNode: "n2", toNodes: [{ nodeName: "n1" }] },
    ],
  });
}

function keyOf(node: Node): Promise<string> {
  return until(`${node.name}'s key`, async () => {
    const key = await Deno.readTextFile(`${node.folder}/declared/plan-backbone.key`).catch(() => undefined);
    return key && (await node.run(["wg", "pubkey"], { stdin: key })).trim();
  }, { seen: () => node.agent!.tail() });
}

async function answers(): Promise<void> {
  await until("10.4.0.2 to answer n1", async () => {
    return (await n1.attempt(["ping", "-c", "1", "-W", "1", "10.4.0.2"])).code === 0;
  }, { seen: async () => `${(await n1.attempt(["wg", "show"])).stdout}\n${n1.agent!.tail()}` });
}

async function gone(node: Node, name: string): Promise<void> {
  await until(`${name} to be gone on ${node.name}`, async () => {
    return (await node.attempt(["ip", "link", "show", "dev", name])).code !== 0;
  }, { seen: () => node.agent!.tail() });
}

Deno.test("A plan in the folder makes keys and links; with the keys in it the addresses answer", async () => {
  const settings = { "enable-metrics": "true", "metrics-bind-addr": "127.0.0.1:9091" };
  for (const node of lab.nodes) node.startAgent({ settings });
  await write([planWith([])]);
  await write([planWith([await keyOf(n1), await keyOf(n2)])]);
  await answers();
});

Deno.test("status shows the link, with its peer's handshake", async () => {
  const handshake = /^ {4}n2 10\.9\.1\.2:\d+ handshake \d+ s ago$/m;
  // It answers by n2's doing, too, and status tells what was read last.
  await until("the agent to have read it", async () => handshake.test(await n1.statusText()), {
    seen: () => n1.statusText(),
  });
  const { stdout } = await n1.runAgent({ verb: "status" });
  assert.match(
    stdout,
    /wg-n1-n2-0 wireguard up, port \d+, mtu 1420, 10\.4\.0\.1 peer 10\.4\.0\.2\/32 \(WireGuardNetworkPlan/,
  );
  assert.match(stdout, handshake);
});

Deno.test("metrics have the plan, its interface and the age of the handshake", async () => {
  const { stdout } = await n1.attempt(["curl", "-sS", "http://127.0.0.1:9091/metrics"]);
  assert.match(stdout, /^wigglenet_declared_objects\{kind="WireGuardNetworkPlan",reason="Done"\} 1$/m);
  assert.match(stdout, /^wigglenet_declared_interfaces\{state="up"\} 1$/m);
  assert.match(
    stdout,
    /^wigglenet_declared_last_handshake_seconds\{interface="wg-n1-n2-0",peer="n2"\} \d+([.]\d+)?$/m,
  );
});

Deno.test("graph draws the link, with the age of its handshake", async () => {
  const mermaid = (await n1.runAgent({ verb: "graph", args: ["--mermaid"] })).stdout;
  assert.match(mermaid, /n0 ===\|"wg-n1-n2-0<br\/>WireGuardNetworkPlan backbone<br\/>\d+ s"\| n1/);
  const drawn = (await n1.runAgent({ verb: "graph" })).stdout;
  assert.match(drawn, /wg-n1-n2-0 to n2 10\.9\.1\.2:\d+, WireGuardNetworkPlan backbone \d+ s/);
});

Deno.test("A machine without an agent gets its file, reaches its node by it, and does so no more from its day on", async () => {
  const keys = [await keyOf(n1), await keyOf(n2)];
  await write([planWith(keys, { publicKey: undefined })]);
  const argv = n1.agentArgv({ verb: "export" });
  argv.splice(argv.indexOf("export") + 1, 0, "laptop");
  const { code, stdout, stderr } = await n1.attempt(argv);
  assert.equal(code, 0, stderr);
  const [, privateKey] = /^PrivateKey = (.*)$/m.exec(stdout)!;
  const publicKey = (await n1.run(["wg", "pubkey"], { stdin: privateKey! })).trim();
  assert.match(stderr, new RegExp(`shown once and stored nowhere[^]*publicKey: ${RegExp.escape(publicKey)}`));
  const laptop = await lab.addHost("laptop", ["10.9.1.99", "fd09::99"]);
  const file = `${lab.folder}/laptop.conf`;
  await Deno.writeTextFile(file, stdout, { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: "wireguard-go" };
  await laptop.run(["wg-quick", "up", file], { env });
  const expires = new Date(Date.now() + 8_000).toISOString();
  await write([planWith(keys, { publicKey, expires })]);
  const reaches = async () => (await laptop.attempt(["ping", "-c", "1", "-W", "1", "10.4.0.1"])).code === 0;
  await until("n1 to answer the laptop", reaches, {
    seen: async () => `${stdout}\n${await n1.run(["wg", "show"])}`,
  });
  await until("the laptop's link to be gone", async () => {
    const { stdout: links } = await n1.attempt(["ip", "-o", "link", "show"]);
    return !links.includes("/laptop");
  }, { deadlineMs: 20_000, seen: () => n1.agent!.tail() });
  assert.equal(await reaches(), false);
  await laptop.run(["wg-quick", "down", file], { env });
  await write([planWith(keys)]);
});

Deno.test("A key file that is replaced is taken up when the plan says it, and not before", async () => {
  const keys = [await keyOf(n1), await keyOf(n2)];
  const next = (await n2.run(["wg", "genkey"])).trim();
  const nextKey = (await n2.run(["wg", "pubkey"], { stdin: next })).trim();
  await Deno.writeTextFile(`${n2.folder}/declared/plan-backbone.key`, `${next}\n`, { mode: 0o600 });
  const told = `it has the key that WireGuardNetworkPlan backbone says, and .* holds that of ${
    RegExp.escape(nextKey)
  }`;
  await until("n2 to tell which key it waits with", async () => {
    return new RegExp(told).test(await n2.statusText());
  }, { seen: () => n2.agent!.tail() });
  assert.equal((await n2.run(["wg", "show", "wg-n2-n1-0", "public-key"])).trim(), keys[1]);
  await answers();
  await write([planWith([keys[0], nextKey])]);
  await until("n2 to have the new key", async () => {
    return (await n2.run(["wg", "show", "wg-n2-n1-0", "public-key"])).trim() === nextKey;
  }, { seen: () => n2.agent!.tail() });
  await answers();
});

Deno.test("What somebody deletes is back within seconds", async () => {
  await n1.run(["ip", "link", "del", "dev", LINK]);
  await answers();
});

Deno.test("The agent that is killed leaves it standing, and the next one changes nothing", async () => {
  const before = await n1.run(["ip", "-o", "link", "show", "dev", LINK]);
  await n1.agent!.kill("SIGKILL");
  n1.startAgent();
  await n1.inSync();
  await answers();
  assert.equal((await n1.run(["ip", "-o", "link", "show", "dev", LINK])).split(":")[0], before.split(":")[0]);
});

Deno.test("A file that cannot be read changes nothing; without the plan its link goes, and the rest stays", async () => {
  const plan = planWith([await keyOf(n1), await keyOf(n2)]);
  await write([plan, bridge]);
  await until(
    "the dummy",
    async () => (await n1.attempt(["ip", "link", "show", "dev", "br1"])).code === 0,
  );
  await Deno.writeTextFile(FILE, "kind: [");
  await answers();
  await write([bridge]);
  await gone(n1, LINK);
  await gone(n2, "wg-n2-n1-0");
  await n1.run(["ip", "link", "show", "dev", "br1"]);
  await n1.run(["ip", "link", "show", "dev", "wigglenet"]);
});

/** Names of the interfaces in the group of declared networks. */
async function declaredOn(node: Node): Promise<string> {
  const links = JSON.parse(await node.run(["ip", "-N", "-j", "link", "show", "group", "147"]));
  return links.map(({ ifname }: { ifname?: string }) => ifname ?? []).flat().sort().join(" ");
}

const OF_ALL_KINDS = [
  bridge,
  ...[VETH, WIREGUARD].map((it) => ({ ...it, spec: { ...it.spec, node: "n1" } })),
  {
    ...VXLAN,
    spec: { ...VXLAN.spec, node: "n1", vxlan: { vni: 100, dev: "wg1", group: "10.4.0.2" } },
  },
];
/** Those of wg1 on this node alone. */
const SERVERS = ["sh", "-c", "pgrep --ns $$ --nslist net -fc '^[^ ]*wireguard-go -f wg1' || true"];
const ALL_NAMES = "br1 veth1-a veth1-b vxlan1 wg1";

async function allStand(): Promise<void> {
  await until("all kinds to stand, with a key", async () => {
    const { stdout } = await n1.attempt(["wg", "show", "wg1", "peers"]);
    return await declaredOn(n1) === ALL_NAMES && stdout !== "";
  }, { seen: () => n1.agent!.tail() });
}

Deno.test("What goes from the folder while a node's agent is away goes from the node when it starts", async () => {
  await write(OF_ALL_KINDS);
  await allStand();
  await n1.agent!.kill("SIGKILL");
  await Deno.remove(FILE);
  assert.equal(await declaredOn(n1), ALL_NAMES);
  assert.equal((await n1.run(SERVERS)).trim(), HAS_KERNEL_WIREGUARD ? "0" : "1");
  n1.startAgent();
  await until("nothing to be left", async () => await declaredOn(n1) === "", {
    deadlineMs: 30_000,
    seen: async () => `${await declaredOn(n1)}\n${n1.agent!.tail()}`,
  });
  assert.equal((await n1.run(SERVERS)).trim(), "0");
});

Deno.test("cleanup removes what is declared of all kinds, and nothing that somebody else has made; --purge the keys", async () => {
  await write(OF_ALL_KINDS);
  await allStand();
  await n1.run(["ip", "link", "add", "theirs", "type", "bridge"]);
  await n1.agent!.kill("SIGKILL");
  const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup", args: ["--purge"] });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /interface br1/);
  assert.equal(await declaredOn(n1), "");
  assert.equal((await n1.run(SERVERS)).trim(), "0");
  assert.notEqual((await n1.attempt(["ls", `${lab.folder}/n1/declared`])).code, 0);
  await n1.run(["ip", "link", "show", "dev", "theirs"]);
});
