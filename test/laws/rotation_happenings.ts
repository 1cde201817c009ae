// What happens to hosts whose keys rotate, in any order, and what has lost packets once.

import fc from "fast-check";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import { keyOf } from "../cluster.ts";
import type { ModelNode } from "./model_rotating_node.ts";
import { FIRST_DAY, type ModelCluster } from "./model_rotation.ts";

export const NODES = 3;

/** Everybody hears everything and does all that is to be done, once a second. */
export function rounds(cluster: ModelCluster, count: number, isDone: () => boolean = () => false): void {
  for (let i = 0; i < count && !isDone(); i++) {
    for (const node of cluster.nodes) cluster.learnStrangers(node);
    for (const node of cluster.nodes) cluster.pass(node);
    cluster.tick();
  }
}

/** A node, by its place. */
export const node = fc.integer({ min: 0, max: NODES - 1 });

/** One thing that happens, and costs nobody a packet. */
export const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("learn" as const), node, of: node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("tick" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("killed" as const), node, most: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("request" as const), node }) },
  { weight: 1, arbitrary: fc.constant({ kind: "rounds" as const }) },
);

/** Nodes that anybody may have made, older and younger than the real ones. */
const STRANGERS = [
  { name: "a-stranger", day: 1, number: 8 },
  { name: "stranger", day: 30, number: 9 },
] as const;

/** Whose key they say: their own, or one that a real node has, or has announced. */
const whose = fc.oneof(
  fc.constant({ of: "own" as const, node: 0 }),
  fc.record({ of: fc.constantFrom("key" as const, "next" as const), node }),
);

/** What somebody makes of such a Node. An older one takes a younger one's key by saying it, with rotations and without (0008). */
export const claim = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("claims" as const), who: fc.nat(1), key: whose, next: whose }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leaves" as const), who: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hears" as const), node }) },
);

/**
 * The network of a node is out, for less or for more than a silence is taken for a leave, a handshake is tried and a session lives; all
 * agents run. Whoever hears nothing for longer than a session lives cannot know of keys that are new; sessions are up to two minutes old.
 */
export const outage = fc.oneof(
  fc.record({
    kind: fc.constant("outage" as const),
    node,
    seconds: fc.constantFrom(3, 8, 25, 100, 200),
    isCutOff: fc.constant(false),
  }),
  fc.record({
    kind: fc.constant("outage" as const),
    node,
    seconds: fc.constantFrom(8, 25, 50),
    isCutOff: fc.constant(true),
  }),
);

/** One thing that costs packets. */
export const mishap = fc.record({
  kind: fc.constantFrom(
    "reboot" as const,
    "flush" as const,
    "unplug" as const,
    "edit" as const,
    "switch" as const,
  ),
  node,
});

/** Any of them. */
export type Happening = typeof happening | typeof mishap | typeof claim | typeof outage extends
  fc.Arbitrary<infer T> ? T
  : never;

function keyTold(
  cluster: ModelCluster,
  number: number,
  { of, node }: { of: "own" | "key" | "next"; node: number },
) {
  const said = cluster.api.get(cluster.nodes[node]!.name)!;
  return of === "own" ? keyOf(number) : said[of === "key" ? ANNOTATION.publicKey : ANNOTATION.nextKey]!;
}

/** Lets it happen. */
export function happen(cluster: ModelCluster, it: Happening): void {
  const at = (i: number) => cluster.nodes[i]!;
  switch (it.kind) {
    case "pass":
      return cluster.pass(at(it.node));
    case "learn":
      return cluster.learn(at(it.node), at(it.of));
    case "tick":
      return cluster.tick();
    case "killed":
      return cluster.pass(at(it.node), it.most);
    case "restart":
      return cluster.restart(at(it.node));
    case "request":
      return cluster.request(at(it.node));
    case "rounds":
      return rounds(cluster, 3);
    case "claims": {
      const { number, ...stranger } = STRANGERS[it.who]!;
      const key = stranger.day < FIRST_DAY ? keyOf(number) : keyTold(cluster, number, it.key);
      const nextKey = keyTold(cluster, 10 + number, it.next);
      const podCIDRs = [`10.244.${number}.0/24`];
      cluster.strangers.set(stranger.name, { ...stranger, key, nextKey, podCIDRs });
      return;
    }
    case "leaves":
      cluster.strangers.delete(STRANGERS[it.who]!.name);
      return;
    case "hears":
      return cluster.learnStrangers(at(it.node));
    case "outage":
      return outageOf(cluster, at(it.node), it);
    case "reboot":
      return cluster.reboot(at(it.node));
    case "flush":
      return at(it.node).routes.clear();
    case "unplug":
      return unplug(at(it.node));
    case "edit":
      cluster.api.set(at(it.node).name, {
        ...cluster.api.get(at(it.node).name),
        [ANNOTATION.nextKey]: keyOf(77),
      });
      return;
    case "switch":
      at(it.node).setting = at(it.node).setting === "off" ? "manual" : "off";
      return cluster.restart(at(it.node));
  }
}

function outageOf(
  cluster: ModelCluster,
  node: ModelNode,
  { seconds, isCutOff }: { seconds: number; isCutOff: boolean },
): void {
  // Two nodes that are cut off one after the other have not heard of each other for longer than a minute (0050, given up).
  if (isCutOff) rounds(cluster, 3);
  Object.assign(node, { isOut: true, isCutOff });
  rounds(cluster, seconds);
  Object.assign(node, { isOut: false, isCutOff: false });
}

function unplug({ devices, routes }: ModelNode): void {
  devices.delete("wigglenet-next");
  for (const route of routes) if (route.includes(" dev wigglenet-next ")) routes.delete(route);
}

const next = (node: number) => ({ of: "next" as const, node });
const OWN = { of: "own", node: 0 } as const;

/** The key of who announces it is given to another one that says it, and a session with that one is taken for one with him. */
export const CLAIMED_BY_A_PEER: readonly Happening[] = [
  { kind: "request", node: 1 },
  { kind: "rounds" },
  { kind: "claims", who: 1, key: next(1), next: next(1) },
  { kind: "outage", node: 0, seconds: 200, isCutOff: false },
  { kind: "hears", node: 0 },
  { kind: "claims", who: 0, key: OWN, next: OWN },
  { kind: "pass", node: 0 },
  { kind: "hears", node: 0 },
  { kind: "rounds" },
];

/** Who hears nothing of the claim's end goes back by what he does not hear, and the key takes over that counts on him. */
export const SILENT_BESIDE_A_CLAIM: readonly Happening[] = [
  { kind: "request", node: 2 },
  { kind: "rounds" },
  { kind: "killed", node: 1, most: 2 },
  { kind: "claims", who: 0, key: OWN, next: next(2) },
  { kind: "rounds" },
  { kind: "leaves", who: 0 },
  { kind: "outage", node: 1, seconds: 8, isCutOff: true },
  { kind: "hears", node: 0 },
  { kind: "rounds" },
  { kind: "rounds" },
];

/** The first handshake meets an entry that goes in the same moment, for nothing had ever come by it. */
export const HANDSHAKE_TOO_LATE: readonly Happening[] = [
  { kind: "request", node: 1 },
  { kind: "killed", node: 1, most: 1 },
  { kind: "request", node: 2 },
  { kind: "outage", node: 1, seconds: 25, isCutOff: false },
  { kind: "claims", who: 1, key: next(1), next: { of: "key", node: 0 } },
  { kind: "hears", node: 2 },
  { kind: "pass", node: 2 },
  { kind: "claims", who: 0, key: OWN, next: OWN },
  { kind: "tick" },
  { kind: "rounds" },
  { kind: "request", node: 0 },
  { kind: "tick" },
  { kind: "killed", node: 0, most: 0 },
  { kind: "rounds" },
  { kind: "tick" },
  { kind: "leaves", who: 0 },
  { kind: "hears", node: 0 },
  { kind: "hears", node: 0 },
  { kind: "tick" },
];

/** While a rotation waits for a node whose network is out, nothing keeps the others' sessions on the first interface. */
export const CLAIMED_WHILE_IT_WAITS: readonly Happening[] = [
  { kind: "request", node: 0 },
  { kind: "outage", node: 2, seconds: 200, isCutOff: false },
  { kind: "claims", who: 1, key: next(0), next: OWN },
  { kind: "hears", node: 0 },
  { kind: "pass", node: 0 },
  { kind: "rounds" },
];

/**
 * A network is back in the second in which the session there ends: between the agent's look and what it does about that a handshake
 * brings it back. The way that it is led off by had no session when that was decided, and what is sent waits for one as it did.
 */
export const BACK_AS_THE_SESSION_ENDS: readonly Happening[] = [
  { kind: "claims", who: 0, key: OWN, next: OWN },
  { kind: "rounds" },
  { kind: "request", node: 1 },
  { kind: "claims", who: 0, key: { of: "key", node: 0 }, next: { of: "key", node: 0 } },
  { kind: "outage", node: 0, seconds: 200, isCutOff: false },
  { kind: "rounds" },
  { kind: "outage", node: 1, seconds: 100, isCutOff: false },
  { kind: "rounds" },
];
