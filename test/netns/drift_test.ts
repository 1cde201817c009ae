// Somebody changes what is ours behind the agent's back: it is back in time, and the log says what was changed.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import assert from "node:assert/strict";
import { isWireGuard, isWithin } from "../lab/frames.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "./mesh.ts";
import { differences, readState } from "./state.ts";

/** What has events. */
const EVENT_MS = 1_000;
/** Peers and processes are polled. */
const POLL_MS = 2_500;

const mesh = await Mesh.create({ nodes: 2 }, { "filter-ipv4": "true", "filter-ipv6": "true" });
const [n1, n2] = mesh.nodes as [Node, Node];
const capture = await mesh.lab.capture();

interface Drift {
  readonly act: () => Promise<unknown>;
  readonly log: RegExp;
  readonly withinMs?: number;
}

/** Changes something and waits until all is as before. The log has told it: at most a minute ago, for it repeats itself no sooner. */
async function heals({ act, log, withinMs = EVENT_MS }: Drift): Promise<void> {
  await until("n1 to be at rest", async () => (await readState(n1)) === (await readState(n1)));
  const before = await readState(n1);
  const lines = n1.agent!.stderr;
  const told = lines.length;
  await act();
  await until("n1 to be as before", async () => {
    return (await readState(n1)) === before && lines.some((line) => log.test(line));
  }, {
    deadlineMs: withinMs,
    seen: async () =>
      `${differences(before, await readState(n1))}\nlog since, wanted ${log}:\n${
        lines.slice(told).join("\n")
      }`,
  });
}

/** As {@link heals}, and traffic flows again in both directions in the same time. */
async function healsTraffic(drift: Drift): Promise<void> {
  const probe = await mesh.probe();
  await heals(drift);
  await probe.flowing();
  const { there, back } = await probe.stop();
  const gaps = `n1 to n2: ${there.longestGapMs.toFixed()} ms, n2 to n1: ${back.longestGapMs.toFixed()} ms`;
  assert.ok(Math.max(there.longestGapMs, back.longestGapMs) <= (drift.withinMs ?? EVENT_MS), gaps);
}

function nft(text: string): () => Promise<unknown> {
  return () => n1.run(["nft", "-f", "-"], { stdin: text });
}

function on(node: Node, ...argv: string[]): () => Promise<unknown> {
  return () => node.run(argv);
}

async function handleOf(chain: string, rule: RegExp): Promise<string> {
  const text = await n1.run(["nft", "-a", "list", "chain", "inet", "wigglenet", chain]);
  const line = text.split("\n").find((line) => rule.test(line));
  return /# handle (\d+)/.exec(line ?? "")?.[1] ?? assert.fail(`${chain} has no rule like ${rule}:\n${text}`);
}

const TABLE: Readonly<Record<string, Drift>> = {
  "the whole ruleset is flushed": { act: nft("flush ruleset"), log: /~ table .*missing/ },
  "the table is deleted": { act: nft("delete table inet wigglenet"), log: /~ table .*missing/ },
  "one rule is deleted": {
    act: async () => {
      await n1.run([
        "nft",
        "delete",
        "rule",
        "inet",
        "wigglenet",
        "guard",
        "handle",
        await handleOf("guard", /v4/),
      ]);
    },
    log: /~ table .*its rules differ/,
  },
  "a rule is added": {
    act: nft("insert rule inet wigglenet forward accept"),
    log: /~ table .*its rules differ/,
  },
  "a chain's policy is changed": {
    act: nft("chain inet wigglenet forward { policy drop; }"),
    log: /~ table .*its rules differ/,
  },
  "the table is put to sleep": {
    act: nft("table inet wigglenet { flags dormant; }"),
    log: /~ table .*its rules differ/,
  },
  "a set is added": {
    act: nft("add set inet wigglenet extra { type ipv4_addr; }"),
    log: /~ table .*its rules differ/,
  },
  "one element is deleted": {
    act: nft("delete element inet wigglenet pod-cidrs-v4 { 10.244.2.0/24 }"),
    log: /\+ element pod-cidrs-v4: 10\.244\.2\.0\/24/,
  },
  "a set is emptied": {
    act: nft("flush set inet wigglenet local-pod-cidrs-v6"),
    log: /\+ element local-pod-cidrs-v6: fd00:10:244:1::\/64/,
  },
  "a foreign element is added": {
    act: nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.0/16 }"),
    log: /- element pod-cidrs-v4: 172\.30\.0\.0\/16/,
  },
  "a foreign range is added": {
    act: nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.5-172.30.0.9 }"),
    log: /(~ table|- element)/,
  },
};

for (const [what, drift] of Object.entries(TABLE)) {
  Deno.test(`${what}: the table is what it was within a second`, () => heals(drift));
}

const NETWORK: Readonly<Record<string, Drift>> = {
  "the interface's MTU is changed": {
    act: on(n1, "ip", "link", "set", "wigglenet", "mtu", "1300"),
    log: /~ interface wigglenet: mtu 1420.*with mtu 1300/,
  },
  "an address is deleted": {
    act: on(n1, "ip", "address", "del", "10.244.1.1/32", "dev", "wigglenet"),
    log: /\+ address wigglenet: 10\.244\.1\.1\/32/,
  },
  "an IPv6 address is deleted": {
    act: on(n1, "ip", "address", "del", "fd00:10:244:1::1/128", "dev", "wigglenet"),
    log: /\+ address wigglenet: fd00:10:244:1::1\/128/,
  },
  "a foreign address is added": {
    act: on(n1, "ip", "address", "add", "192.0.2.1/32", "dev", "wigglenet"),
    log: /- address wigglenet: 192\.0\.2\.1\/32/,
  },
  "an unreachable route is deleted": {
    act: on(n1, "ip", "route", "del", "unreachable", "10.244.2.0/24"),
    log: /\+ route unreachable 10\.244\.2\.0\/24/,
  },
  "an IPv6 unreachable route is deleted": {
    act: on(n1, "ip", "-6", "route", "del", "unreachable", "fd00:10:244:1::/64"),
    log: /\+ route unreachable fd00:10:244:1::\/64/,
  },
  "a route of our protocol is added": {
    act: on(n1, "ip", "route", "add", "172.30.0.0/16", "dev", "wigglenet", "proto", "146"),
    log: /- route 172\.30\.0\.0\/16/,
  },
};

for (const [what, drift] of Object.entries(NETWORK)) {
  Deno.test(`${what}: all is as before within a second`, () => heals(drift));
}

const TRAFFIC: Readonly<Record<string, Drift>> = {
  "a tunnel route is deleted": {
    act: on(n1, "ip", "route", "del", "10.244.2.0/24", "dev", "wigglenet"),
    log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
  },
  "an IPv6 tunnel route is deleted": {
    act: on(n1, "ip", "-6", "route", "del", "fd00:10:244:2::/64", "dev", "wigglenet"),
    log: /\+ route fd00:10:244:2::\/64 dev wigglenet/,
  },
  "a tunnel route is led elsewhere": {
    act: on(n1, "ip", "route", "replace", "10.244.2.0/24", "via", "10.9.1.254"),
    log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
  },
  "the interface is set down": {
    act: on(n1, "ip", "link", "set", "wigglenet", "down"),
    log: /~ interface wigglenet: .*up.*down/,
  },
  "the interface is deleted": {
    act: on(n1, "ip", "link", "del", "wigglenet"),
    log: /\+ interface wigglenet: tun/,
  },
};

for (const [what, drift] of Object.entries(TRAFFIC)) {
  Deno.test(`${what}: traffic flows both ways again within a second`, () => healsTraffic(drift));
}

Deno.test("another kind of interface in its place is left alone and told; once it is gone, ours is back", async () => {
  const probe = await mesh.probe();
  await heals({
    act: async () => {
      await n1.ip(["link del wigglenet", "link add wigglenet type veth peer name other"]);
      await until("the agent to tell", async () => {
        const { stdout } = await n1.runAgent({ verb: "status" });
        return /waiting: interface wigglenet: it exists with kind veth/.test(stdout);
      }, { seen: () => n1.agent!.tail() });
      await n1.ip(["link del wigglenet"]);
    },
    log: /\+ interface wigglenet: tun/,
  });
  await probe.flowing();
  await probe.stop();
});

const keyOf = (node: Node) => node.manifest.metadata.annotations!["wigglenet/public-key"]!;
const set = (...args: string[]) => on(n1, "wg", "set", "wigglenet", ...args);

const POLLED: Readonly<Record<string, Drift>> = {
  "a peer is removed": { act: set("peer", keyOf(n2), "remove"), log: /\+ peer n2: .*missing/ },
  "a peer's allowed IPs are altered": {
    act: set("peer", keyOf(n2), "allowed-ips", "10.244.2.0/25"),
    log: /~ peer n2: .*allowed IPs are/,
  },
  "wireguard-go is killed": {
    act: async () => Deno.kill(await serverOf(n1), "SIGKILL"),
    log: /\+ process wigglenet: wireguard-go/,
  },
};

for (const [what, drift] of Object.entries(POLLED)) {
  Deno.test(`${what}: traffic flows both ways again within 2.5 s`, () => {
    return healsTraffic({ ...drift, withinMs: POLL_MS });
  });
}

const AT_REST: Readonly<Record<string, Drift>> = {
  "a peer's endpoint is altered": {
    act: set("peer", keyOf(n2), "endpoint", "10.9.1.77:24601"),
    log: /~ peer n2: endpoint 10\.9\.1\.2:24601 \(endpoint is 10\.9\.1\.77:24601/,
  },
  "an unknown peer is added": {
    act: set("peer", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE=", "allowed-ips", "10.244.77.0/24"),
    log: /- peer aW5zdGVhZ/,
  },
  "the port is changed": {
    act: set("listen-port", "24602"),
    log: /~ interface wigglenet: listen port 24601/,
  },
};

for (const [what, drift] of Object.entries(AT_REST)) {
  Deno.test(`${what}: all is as before within 2.5 s`, () => heals({ ...drift, withinMs: POLL_MS }));
}

const CNI: Readonly<Record<string, Drift>> = {
  "the CNI file is edited": {
    act: () => n1.run(["tee", n1.conflistPath], { stdin: "{}" }),
    log: /~ cni .*its content differs/,
  },
  "the CNI file is removed": { act: on(n1, "rm", n1.conflistPath), log: /\+ cni .*missing/ },
  "all in /run/wigglenet is removed": { act: on(n1, "rm", "-rf", "/run/wigglenet"), log: /\+ cni .*missing/ },
};

for (const [what, drift] of Object.entries(CNI)) {
  Deno.test(`${what}: it is what it was within a second`, () => heals(drift));
}

Deno.test("while nft monitor dies again and again, the table is still what it was within 2.5 s", async () => {
  const killMonitor = async () => {
    const pid = await pidOf(n1, /^nft\0monitor/);
    if (pid !== undefined) Deno.kill(pid, "SIGKILL");
  };
  let isOver = false;
  const killing = until("the end", async () => {
    await killMonitor();
    return isOver;
  }, { deadlineMs: 60_000 });
  try {
    for (const what of ["the whole ruleset is flushed", "one element is deleted"]) {
      await heals({ ...TABLE[what]!, withinMs: POLL_MS });
    }
  } finally {
    isOver = true;
    await killing;
  }
});

Deno.test("through all of this no packet with a pod's address was readable on the underlay", async () => {
  await mesh.lab.catchUp(capture);
  const packets = await capture.stop();
  const readable = packets.filter((packet) => isWithin(packet, mesh.lab.podCIDRs));
  const shown = readable.slice(0, 10).map(({ source, destination, protocol }) =>
    `${source} ${destination} ${protocol}`
  );
  assert.ok(
    packets.filter((packet) => isWireGuard(packet)).length > 300,
    `only ${packets.length} packets were captured`,
  );
  assert.deepEqual(shown, [], `${readable.length} packets`);
});

Deno.test.afterAll(() => mesh.close());

async function serverOf(node: Node): Promise<number> {
  return await pidOf(node, /wireguard-go\0-f\0wigglenet/) ??
    assert.fail(`no wireguard-go runs on ${node.name}`);
}

/** The process of a node whose arguments, each ended by a zero byte, look like this. */
async function pidOf(node: Node, argv: RegExp): Promise<number | undefined> {
  const network = await Deno.readLink(node.netns);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const there = await Deno.readLink(`/proc/${name}/ns/net`).catch(() => "");
    if (there === network && argv.test(await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => ""))) {
      return Number(name);
    }
  }
}
