// All that somebody changes of what is ours, one by one: the tests of drift heal it, the benchmark measures what it costs.

import assert from "node:assert/strict";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import type { Node } from "../lab/node.ts";
import { type Drift, pidOf, POLL_MS, type Victim } from "./drift.ts";

/** By what happens, in the words of an operator. */
export type Drifts = Readonly<Record<string, Drift>>;

/** The key that a node's manifest says. */
export const keyOf = (node: Node): string => node.manifest.metadata.annotations!["wigglenet/public-key"]!;

function settingOf(victim: Victim): (...args: string[]) => Drift["act"] {
  return (...args) => victim.on("wg", "set", "wigglenet", ...args);
}

async function serverOf(node: Node): Promise<number> {
  return await pidOf(node, /wireguard-go\0-f\0wigglenet/) ??
    assert.fail(`no wireguard-go runs on ${node.name}`);
}

async function handleOf({ node }: Victim, chain: string, rule: RegExp): Promise<string> {
  const text = await node.run(["nft", "-a", "list", "chain", "inet", "wigglenet", chain]);
  const line = text.split("\n").find((line) => rule.test(line));
  return /# handle (\d+)/.exec(line ?? "")?.[1] ?? assert.fail(`${chain} has no rule like ${rule}:\n${text}`);
}

async function deleteRule(victim: Victim, chain: string, rule: RegExp): Promise<void> {
  const handle = await handleOf(victim, chain, rule);
  await victim.node.run(["nft", "delete", "rule", "inet", "wigglenet", chain, "handle", handle]);
}

/** Of routes, addresses and the interface, which cost no packet. */
export function networkDrifts(victim: Victim): Drifts {
  return {
    "the interface's MTU is changed": {
      act: victim.on("ip", "link", "set", "wigglenet", "mtu", "1300"),
      log: /~ interface wigglenet: mtu 1420.*with mtu 1300/,
    },
    "an address is deleted": {
      act: victim.on("ip", "address", "del", "10.244.1.1/32", "dev", "wigglenet"),
      log: /\+ address wigglenet: 10\.244\.1\.1\/32/,
    },
    "an IPv6 address is deleted": {
      act: victim.on("ip", "address", "del", "fd00:10:244:1::1/128", "dev", "wigglenet"),
      log: /\+ address wigglenet: fd00:10:244:1::1\/128/,
    },
    "a foreign address is added": {
      act: victim.on("ip", "address", "add", "192.0.2.1/32", "dev", "wigglenet"),
      log: /- address wigglenet: 192\.0\.2\.1\/32/,
    },
    "an unreachable route is deleted": {
      act: victim.on("ip", "route", "del", "unreachable", "10.244.2.0/24"),
      log: /\+ route unreachable 10\.244\.2\.0\/24/,
    },
    "an IPv6 unreachable route is deleted": {
      act: victim.on("ip", "-6", "route", "del", "unreachable", "fd00:10:244:1::/64"),
      log: /\+ route unreachable fd00:10:244:1::\/64/,
    },
    "a route of our protocol is added": {
      act: victim.on("ip", "route", "add", "172.30.0.0/16", "dev", "wigglenet", "proto", "146"),
      log: /- route 172\.30\.0\.0\/16/,
    },
  };
}

/** Of routes and the interface, which cost packets. */
export function trafficDrifts(victim: Victim): Drifts {
  return {
    "a tunnel route is deleted": {
      act: victim.on("ip", "route", "del", "10.244.2.0/24", "dev", "wigglenet"),
      log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
    },
    "an IPv6 tunnel route is deleted": {
      act: victim.on("ip", "-6", "route", "del", "fd00:10:244:2::/64", "dev", "wigglenet"),
      log: /\+ route fd00:10:244:2::\/64 dev wigglenet/,
    },
    "a tunnel route is led elsewhere": {
      act: victim.on("ip", "route", "replace", "10.244.2.0/24", "via", "10.9.1.254"),
      log: /\+ route 10\.244\.2\.0\/24 dev wigglenet/,
    },
    "the interface is set down": {
      act: victim.on("ip", "link", "set", "wigglenet", "down"),
      log: /~ interface wigglenet: .*up.*down/,
    },
    "the interface is deleted": {
      act: victim.on("ip", "link", "del", "wigglenet"),
      log: /\+ interface wigglenet: (tun|wireguard)/,
    },
  };
}

/** Of peers and processes, which no event tells of. */
export function polledDrifts(victim: Victim): Drifts {
  const [n1, n2] = victim.mesh.nodes as [Node, Node];
  const set = settingOf(victim);
  const drifts: Drifts = {
    "the interface is given another name": {
      act: async () => {
        await n1.attempt(["ip", "link", "del", "renamed"]); // of the time before: it is nobody's any more
        await n1.ip(["link set wigglenet down", "link set wigglenet name renamed"]);
      },
      log: /\+ interface wigglenet: (tun|wireguard)/,
    },
    "a peer is removed": { act: set("peer", keyOf(n2), "remove"), log: /\+ peer n2: .*missing/ },
    "a peer's allowed IPs are altered": {
      act: set("peer", keyOf(n2), "allowed-ips", "10.244.2.0/25"),
      log: /~ peer n2: .*allowed IPs are/,
    },
    ...(HAS_KERNEL_WIREGUARD ? {} : {
      "wireguard-go is killed": {
        act: async () => Deno.kill(await serverOf(n1), "SIGKILL"),
        log: /\+ process wigglenet: wireguard-go/,
      },
    }),
  };
  return slow(drifts);
}

/** Of WireGuard, which cost no packet. */
export function restDrifts(victim: Victim): Drifts {
  const set = settingOf(victim);
  const drifts: Drifts = {
    "an unknown peer is added": {
      act: set("peer", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE=", "allowed-ips", "10.244.77.0/24"),
      log: /- peer aW5zdGVhZ/,
    },
    "the port is changed": {
      act: set("listen-port", "24602"),
      log: /~ interface wigglenet: listen port 24601/,
    },
  };
  return slow(drifts);
}

/** Of the table. */
export function tableDrifts(victim: Victim): Drifts {
  return {
    "the whole ruleset is flushed": { act: victim.nft("flush ruleset"), log: /~ table .*missing/ },
    "the table's rules are flushed": {
      act: victim.nft("flush table inet wigglenet"),
      log: /~ table .*its rules differ/,
    },
    "the table is deleted": { act: victim.nft("delete table inet wigglenet"), log: /~ table .*missing/ },
    "one rule is deleted": {
      act: () => deleteRule(victim, "unencrypted", /v4/),
      log: /~ table .*its rules differ/,
    },
    "a rule is added": {
      act: victim.nft("insert rule inet wigglenet forward accept"),
      log: /~ table .*its rules differ/,
    },
    "a chain's policy is changed": {
      act: victim.nft("chain inet wigglenet forward { policy drop; }"),
      log: /~ table .*its rules differ/,
    },
    "the table is put to sleep": {
      act: victim.nft("table inet wigglenet { flags dormant; }"),
      log: /~ table .*its rules differ/,
    },
    "a set is added": {
      act: victim.nft("add set inet wigglenet extra { type ipv4_addr; }"),
      log: /~ table .*its rules differ/,
    },
    "a source is declared to be believed": {
      act: victim.nft("add element inet wigglenet believed-v4 { 10.9.1.9 . eth0 timeout 5d }"),
      log: /~ table .*a set that packets fill has members of somebody else/,
    },
    "one element is deleted": {
      act: victim.nft("delete element inet wigglenet pod-cidrs-v4 { 10.244.2.0/24 }"),
      log: /\+ element pod-cidrs-v4: 10\.244\.2\.0\/24/,
    },
    "a set is emptied": {
      act: victim.nft("flush set inet wigglenet local-pod-cidrs-v6"),
      log: /\+ element local-pod-cidrs-v6: fd00:10:244:1::\/64/,
    },
    "a foreign element is added": {
      act: victim.nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.0/16 }"),
      log: /- element pod-cidrs-v4: 172\.30\.0\.0\/16/,
    },
    "a foreign range is added": {
      act: victim.nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.5-172.30.0.9 }"),
      log: /(~ table|- element)/,
    },
  };
}

/** Of files. */
export function fileDrifts(victim: Victim): Drifts {
  const n1 = victim.node;
  return {
    "the CNI file is edited": {
      act: () => n1.run(["tee", n1.conflistPath], { stdin: "{}" }),
      log: /~ cni .*its content differs/,
    },
    "the CNI file is removed": { act: victim.on("rm", n1.conflistPath), log: /\+ cni .*missing/ },
    "all in /run/wigglenet is removed": {
      act: victim.on("rm", "-rf", "/run/wigglenet"),
      log: /\+ cni .*missing/,
    },
  };
}

function slow(drifts: Drifts): Drifts {
  return Object.fromEntries(
    Object.entries(drifts).map(([what, drift]) => [what, { ...drift, withinMs: POLL_MS }]),
  );
}
