// What stops the start: one clear error with the remedy, exit 1, and nothing half done.

import assert from "node:assert/strict";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { type Output, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/** A node without a key whose agent never ran. */
async function freshNode(): Promise<Node & AsyncDisposable> {
  const lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes;
  await Deno.remove(`${node!.folder}/private.key`);
  return Object.assign(node!, { [Symbol.asyncDispose]: () => lab.close() });
}

/** Hides a program from the node, wherever it stands. */
async function hide(node: Node, program: string): Promise<void> {
  for (const folder of FOLDERS) {
    const isThere = await Deno.stat(`${folder}/${program}`).then(() => true, () => false);
    if (isThere) await node.run(["mount", "--bind", "/dev/null", `${folder}/${program}`]);
  }
}

/** All that the agent could have made, read by programs of the laboratory: those of the node may be hidden. */
async function tracesOn(node: Node): Promise<string> {
  const enter = ["nsenter", `--net=${node.netns}`, "--"];
  const listings = await Promise.all([
    run([...enter, "nft", "list", "ruleset"]),
    run([...enter, "ip", "-brief", "link"]),
    run([...enter, "ip", "route", "show", "proto", "146"]),
    run([...enter, "ip", "-6", "route", "show", "proto", "146"]),
    run([...node.argv(["find", "/run/wigglenet", node.folder, "-type", "f"])]).catch((error) =>
      String(error)
    ),
  ]);
  return listings.join("\n---\n");
}

async function refuses(
  node: Node,
  error: RegExp,
  start: () => Promise<Output> = () => node.runAgent({ verb: "run" }),
): Promise<void> {
  const before = await tracesOn(node);
  const { code, stdout, stderr } = await start();
  assert.deepEqual([code, stdout], [1, ""], stderr);
  assert.match(stderr, error);
  assert.equal(stderr.trim().split("\n").length, 1, `one error: ${stderr}`);
  assert.equal(await tracesOn(node), before);
}

const PROGRAMS: Readonly<Record<string, RegExp>> = {
  nft: /Cannot find nft: install nftables \(apt-get install nftables\)/,
  wg: /Cannot find wg: install wireguard-tools/,
  ip: /Cannot find ip: install iproute2/,
  "wireguard-go": /no WireGuard.*wireguard-go \(apt-get install wireguard-go\)/,
};

for (const [program, error] of Object.entries(PROGRAMS)) {
  const ignore = HAS_KERNEL_WIREGUARD && program === "wireguard-go"; // the agent does without
  Deno.test(`without ${program} the agent does not start and says what to install`, { ignore }, async () => {
    await using node = await freshNode();
    await hide(node, program);
    await refuses(node, error);
  });
}

Deno.test("without any of its programs one error names them all", async () => {
  await using node = await freshNode();
  for (const program of Object.keys(PROGRAMS)) await hide(node, program);
  await refuses(node, /Cannot find nft, ip, wg: install nftables iproute2 wireguard-tools/);
});

Deno.test("with the nft of Debian 11 the agent does not start and says which to install", async () => {
  await using node = await freshNode();
  // All that it is asked; the program itself refuses our table, and may crash (docs/decisions/0028).
  const old = `${node.folder}/nft`;
  const said = `{"nftables": [{"metainfo": {"version": "0.9.8", "release_name": "E.D.S."}}]}`;
  await Deno.writeTextFile(old, `#!/bin/sh\necho '${said}'\n`, { mode: 0o755 });
  for (const folder of FOLDERS) {
    const isThere = await Deno.stat(`${folder}/nft`).then(() => true, () => false);
    if (isThere) await node.run(["mount", "--bind", old, `${folder}/nft`]);
  }
  await refuses(node, /nft 0\.9\.8 is too old to read our table: install nftables 1\.0\.6 or newer/);
});

const ofUserspace = { ignore: HAS_KERNEL_WIREGUARD };
Deno.test(
  "without /dev/net/tun, where WireGuard needs it, the agent does not start",
  ofUserspace,
  async () => {
    await using node = await freshNode();
    await node.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/net"]);
    await refuses(node, /no WireGuard.*\/dev\/net\/tun \(modprobe tun\)/);
  },
);

Deno.test("without CAP_NET_ADMIN the agent does not start", async () => {
  await using node = await freshNode();
  const without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
  await refuses(node, /CAP_NET_ADMIN is missing: run as root/, () => {
    return node.attempt([...without, ...node.agentArgv()], { env: { NO_COLOR: "1" } });
  });
});

Deno.test("an interface of our name but another kind is left alone, and the agent does not start", async () => {
  await using node = await freshNode();
  await node.ip(["link add wigglenet type veth peer name other"]);
  await refuses(
    node,
    /Interface wigglenet exists with kind veth.*ip link del wigglenet.*WIGGLENET_IFACE_NAME/,
  );
});

for (
  const [what, content] of Object.entries({
    empty: "",
    "of words": "no key\n",
    "cut off": "aJ5kQn1pIBHtpYVpTfCH1Ys4F1xLDJLl9jPMN",
    "of a key and more": "aJ5kQn1pIBHtpYVpTfCH1Ys4F1xLDJLl9jPMNsyvqGo=\nmore\n",
  })
) {
  Deno.test(`a key file ${what} stops the start and is never overwritten`, async () => {
    await using node = await freshNode();
    const path = `${node.folder}/private.key`;
    await Deno.writeTextFile(path, content);
    await refuses(node, /Private key file .*private\.key holds no WireGuard key: restore it, or remove it/);
    assert.equal(await Deno.readTextFile(path), content);
  });
}

Deno.test("a key file that was written elsewhere may end as lines do there", async () => {
  await using node = await freshNode();
  const path = `${node.folder}/private.key`;
  const key = await node.run(["wg", "genkey"]);
  await Deno.writeTextFile(path, key.replace("\n", "\r\n"), { mode: 0o600 });
  node.startAgent();
  await node.inSync();
  const publicKey = await node.run(["wg", "pubkey"], { stdin: key });
  assert.equal(await node.run(["wg", "show", "wigglenet", "public-key"]), publicKey);
});

const SEEN = String.raw`; the interfaces that it saw: eth0 \(10\.9\.1\.1\/24, fd09::1\/64\)$`;
for (
  const [text, reason] of Object.entries({
    'interfaces["eth0"][0]': String.raw`it gives no IPv6 prefix, only 10\.9\.1\.1\/24`,
    'interfaces["eth0"].subnet(80, 1)': String.raw`line 1, column 1 at .*: found no matching overload for .*`,
    'interfaces["eth9"][0]': "line 1, column 1 at `interfaces.*`: No such key: eth9",
    'interfaces["eth0"][1].subnet(65, 2)': String
      .raw`.*: fd09::\/64 has no subnet 2 of length 65: the last one is 1`,
  })
) {
  Deno.test(`the expression ${text} stops the start, and the error says why and what it saw`, async () => {
    await using node = await freshNode();
    const settings = { "pod-cidr-source-ipv6": "expression", "pod-cidr-expression": text };
    const error = new RegExp(`^wigglenet: POD_CIDR_EXPRESSION: ${reason}${SEEN}`, "m");
    await refuses(node, error, () => node.runAgent({ verb: "run", settings }));
  });
}

Deno.test("a second agent in the same network refuses to start, whatever its settings", async () => {
  await using node = await freshNode();
  node.startAgent();
  await node.inSync(); // what it reads back after its first apply leaves traces meanwhile
  await refuses(node, /another agent runs in this network namespace/);
  await refuses(node, /another agent runs in this network namespace/, () => {
    return node.runAgent({ verb: "run", settings: { "iface-name": "wg7", "wg-port": "24700" } });
  });
  assert.ok(node.agent!.isRunning);
});

Deno.test("bad settings are named all at once, with exit code 2", async () => {
  await using node = await freshNode();
  const settings = { "wg-port": "0", "filter-ipv4": "yes", "mtu": "9", "firewall-backend": "iptables" };
  const before = await tracesOn(node);
  const { code, stderr } = await node.runAgent({ verb: "run", settings });
  assert.equal(code, 2, stderr);
  for (const name of ["WIGGLENET_WG_PORT", "FILTER_IPV4", "WIGGLENET_MTU", "FIREWALL_BACKEND"]) {
    assert.ok(stderr.includes(name), `${name} in: ${stderr}`);
  }
  assert.equal(await tracesOn(node), before);
});

Deno.test("a host that does not forward is told of with the remedy, is ready all the same, and its sysctls are left alone", async () => {
  await using node = await freshNode();
  const [v4, v6] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
  await node.sysctl("0", [v4!, v6!]);
  node.startAgent({ settings: { "health-bind-addr": "127.0.0.1:9092" } });
  await node.inSync();
  const ready = await node.attempt(["curl", "-sS", "-m", "10", "http://127.0.0.1:9092/readyz"]);
  assert.match(
    ready.stdout,
    /^ready, but IPv4 forwarding: net\.ipv4\.ip_forward is 0: .*; IPv6 forwarding: /,
  );
  for (const [family, name] of [[4, v4], [6, v6]] as const) {
    const line = new RegExp(
      `waiting: IPv${family} forwarding: ${name} is 0: .* NodePorts; on the host, not in a pod: sysctl -w ${name}=1`,
    );
    await node.agent!.line("stderr", new RegExp(` warn +${line.source}`));
    assert.match((await node.runAgent({ verb: "status" })).stdout, line);
    assert.match((await node.run(["sysctl", "-n", name!])).trim(), /^0$/);
  }
  const check = await node.runAgent({ verb: "check", settings: { "wireguard-mode": "userspace" } });
  assert.equal(check.code, 1);
  assert.match(check.stdout, /^error: IPv4 is not forwarded; .*\nerror: IPv6 is not forwarded; .*\n/);
  assert.doesNotMatch(check.stdout, / forwarding:/, "told twice");
  await node.sysctl("1", [v4!, v6!]);
  await node.ip(["link add pair0 type veth peer name pair1"]); // so that it looks at once, not by the half minute
  await node.says(
    "it waits for nothing",
    ({ waiting }) => !waiting.some(({ what }) => /forwarding/.test(what)),
  );
});

Deno.test("with MANAGE_SYSCTLS forwarding is switched on, and again when somebody switches it off; nothing else is written", async () => {
  await using node = await freshNode();
  const names = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
  const values = async () => (await node.run(["sysctl", "-n", ...names])).trim().split("\n");
  const others = async () => {
    const all =
      (await node.run(["sysctl", "-a", "--pattern", "^net\\.ipv[46]\\.(ip_|conf\\.(all|default|eth0|lo))"]))
        .split("\n");
    return all.filter((line) => !/forward|redirects|hop_limit/.test(line)).join("\n");
  };
  await node.sysctl("0", names);
  const before = await others();
  node.startAgent({ settings: { "manage-sysctls": "true" } });
  await node.agent!.line("stderr", /~ sysctl net\.ipv4\.ip_forward=1 \(pods need it\)/);
  await node.inSync();
  assert.deepEqual(await values(), ["1", "1"]);
  await node.sysctl("0", names);
  await node.ip(["link add pair0 type veth peer name pair1"]); // so that it looks at once, not by the half minute
  await until("forwarding to be on again", async () => (await values()).join() === "1,1");
  assert.equal(await others(), before);
});

Deno.test("where MANAGE_SYSCTLS may write nothing, status says so, and all else is done", async () => {
  await using node = await freshNode();
  await node.sysctl("0", ["net.ipv4.ip_forward"]);
  await node.run(["mount", "-o", "bind", "/proc/sys", "/proc/sys"]);
  await node.run(["mount", "-o", "remount,bind,ro", "/proc/sys"]);
  node.startAgent({ settings: { "manage-sysctls": "true" } });
  await node.says("it fails", ({ applied }) => /sysctl/.test(applied.failing["sysctl"]?.error ?? ""));
  await node.conflist();
  assert.match((await node.runAgent({ verb: "status" })).stdout, /^failing: sysctl: .*ip_forward/m);
});

Deno.test("a key is made on first start, for its owner alone, and shown nowhere", async () => {
  await using node = await freshNode();
  const trace = `${node.folder}/execve`;
  const strace = ["strace", "-f", "-qq", "-e", "trace=execve", "-s", "100000", "-o", trace];
  const agent = node.start([...strace, ...node.agentArgv({ settings: { "log-level": "debug" } })]);
  await node.conflist();
  const path = `${node.folder}/private.key`;
  const { mode } = await Deno.stat(path);
  assert.equal(mode! & 0o7777, 0o600);
  const key = (await Deno.readTextFile(path)).trim();
  const publicKey = (await run(["wg", "pubkey"], { stdin: key })).trim();
  assert.equal((await node.run(["wg", "show", "wigglenet", "public-key"])).trim(), publicKey);
  const answers = await Promise.all(
    ["status", "render", "diff"].map((verb) => node.runAgent({ verb, args: ["--json"] })),
  );
  const told = [...answers.flatMap(({ stdout, stderr }) => [stdout, stderr]), ...agent.stderr];
  assert.ok(told.some((text) => text.includes(publicKey)));
  assert.ok(!told.some((text) => text.includes(key)), "an answer or the log shows the private key");
  const argv = await Deno.readTextFile(trace);
  assert.match(argv, /"private-key", "\/.*private\.key"/);
  assert.ok(!argv.includes(key), "an argument list shows the private key");
});
