// Keys rotate, of one node or of all at once, in any order of what agents do and hear, with agents that are killed between any
// two actions: not one packet is lost, and in the end each node has its next key alone.

import assert from "node:assert/strict";
import fc from "fast-check";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import { keyOf } from "../cluster.ts";
import type { ModelNode } from "./model_rotating_node.ts";
import { FIRST_DAY, ModelCluster } from "./model_rotation.ts";

const NODES = 3;

/** A cluster in which all is as it is wanted. */
function settled(originals = 0, withoutIpv6?: number): ModelCluster {
  const cluster = new ModelCluster(NODES, originals);
  if (withoutIpv6 !== undefined) cluster.nodes[withoutIpv6]!.lacksIpv6 = true;
  rounds(cluster, 5);
  cluster.isCounting = true;
  cluster.tick();
  assert.deepEqual(cluster.lost, []);
  return cluster;
}

/** Everybody hears everything and does all that is to be done, once a second. */
function rounds(cluster: ModelCluster, count: number, isDone: () => boolean = () => false): void {
  for (let i = 0; i < count && !isDone(); i++) {
    for (const node of cluster.nodes) cluster.learnStrangers(node);
    for (const node of cluster.nodes) cluster.pass(node);
    cluster.tick();
  }
}

function isAtRest({ files, devices }: ModelNode): boolean {
  return files.next === undefined && files.requested === undefined && devices.size === 1;
}

const node = fc.integer({ min: 0, max: NODES - 1 });

/** One thing that happens. */
const happening = fc.oneof(
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
const claim = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("claims" as const), who: fc.nat(1), key: whose, next: whose }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leaves" as const), who: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hears" as const), node }) },
);

/** The network of a node is out, for less or for more than a silence is taken for a leave; all agents run. */
const outage = fc.record({
  kind: fc.constant("outage" as const),
  node,
  seconds: fc.constantFrom(3, 8),
});

/** One thing that costs packets. */
const mishap = fc.record({
  kind: fc.constantFrom(
    "reboot" as const,
    "flush" as const,
    "unplug" as const,
    "edit" as const,
    "switch" as const,
  ),
  node,
});

type Happening = typeof happening | typeof mishap | typeof claim | typeof outage extends fc.Arbitrary<infer T>
  ? T
  : never;

function keyTold(
  cluster: ModelCluster,
  number: number,
  { of, node }: { of: "own" | "key" | "next"; node: number },
) {
  const said = cluster.api.get(cluster.nodes[node]!.name)!;
  return of === "own" ? keyOf(number) : said[of === "key" ? ANNOTATION.publicKey : ANNOTATION.nextKey]!;
}

function happen(cluster: ModelCluster, it: Happening): void {
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
      return outageOf(cluster, at(it.node), it.seconds);
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

function outageOf(cluster: ModelCluster, node: ModelNode, seconds: number): void {
  node.isOut = true;
  rounds(cluster, seconds);
  node.isOut = false;
}

function unplug({ devices, routes }: ModelNode): void {
  devices.delete("wigglenet-next");
  for (const route of routes) if (route.includes(" dev wigglenet-next ")) routes.delete(route);
}

/** All rotations end, and nobody knows a key that is not a Node's. */
function assertEnds(cluster: ModelCluster): void {
  cluster.strangers.clear();
  for (const node of cluster.nodes) node.setting = "manual";
  rounds(cluster, 300, () => cluster.nodes.every(isAtRest));
  rounds(cluster, 10);
  cluster.isCounting = true;
  cluster.tick();
  const keys = new Set<string>(cluster.nodes.map(({ files }) => files.key));
  for (const { name, devices, files, plan } of cluster.nodes) {
    assert.deepEqual([...devices.keys()], ["wigglenet"], `${name}: ${JSON.stringify({ files, plan })}`);
    const [device] = [...devices.values()];
    assert.equal(device!.publicKey, files.key);
    for (const key of device!.peers.keys()) assert.ok(keys.has(key), `${name} still has the peer ${key}`);
  }
  assert.deepEqual(cluster.lost, []);
}

Deno.test("One node rotates its key: nothing is lost, and the old key is gone everywhere", () => {
  const cluster = settled();
  const [n1] = cluster.nodes as [ModelNode];
  const before = n1.files.key;
  cluster.request(n1);
  rounds(cluster, 40, () => isAtRest(n1) && n1.files.key !== before);
  assert.notEqual(n1.files.key, before);
  assertEnds(cluster);
});

Deno.test("All rotate at once", () => {
  const cluster = settled();
  const before = cluster.nodes.map(({ files }) => files.key);
  cluster.nodes.forEach((node) => cluster.request(node));
  assertEnds(cluster);
  for (const [i, { files }] of cluster.nodes.entries()) assert.notEqual(files.key, before[i]);
});

Deno.test("While one node hears and does nothing nobody's key takes over, and nothing is lost", () => {
  const cluster = settled();
  const [n1, n2, n3] = cluster.nodes as [ModelNode, ModelNode, ModelNode];
  const before = n1.files.key;
  cluster.request(n1);
  for (let i = 0; i < 100; i++) {
    for (const node of [n1, n2]) {
      for (const other of cluster.nodes) cluster.learn(node, other);
      cluster.pass(node);
    }
    cluster.tick();
  }
  assert.equal(n1.files.key, before);
  assert.deepEqual(n1.plan!.ownTurn, { stage: "announced", nextKey: n1.files.next, awaited: [n3.name] });
  assertEnds(cluster);
  assert.notEqual(n1.files.key, before);
});

Deno.test("A node with the original's agent is not waited for, and alone loses packets", () => {
  const cluster = settled(1);
  const [n1] = cluster.nodes as [ModelNode];
  const before = n1.files.key;
  cluster.request(n1);
  rounds(cluster, 40, () => isAtRest(n1) && n1.files.key !== before);
  assert.notEqual(n1.files.key, before);
  assert.ok(
    cluster.lost.length > 0 && cluster.lost.every((line) => / n3 /.test(`${line} `) && / n1 /.test(line)),
  );
  cluster.lost.length = 0;
  assertEnds(cluster);
});

Deno.test("Whatever happens in whatever order, nothing is lost and all rotations end", () => {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 20, maxLength: 120 }), (happenings) => {
      const cluster = settled();
      for (const it of happenings) happen(cluster, it);
      assert.deepEqual(cluster.lost, []);
      assertEnds(cluster);
    }),
    { numRuns: 60 },
  );
});

Deno.test("Whatever Nodes say that have no machine, and whoever hears of it when, nothing is lost, and all rotations end without them", () => {
  const anything = fc.oneof(
    { weight: 20, arbitrary: happening },
    { weight: 10, arbitrary: claim },
    { weight: 1, arbitrary: outage },
  );
  fc.assert(
    fc.property(fc.array(anything, { minLength: 20, maxLength: 160 }), node, (happenings, withoutIpv6) => {
      const cluster = settled(0, withoutIpv6);
      for (const it of happenings) happen(cluster, it);
      assert.deepEqual(cluster.lost, []);
      assertEnds(cluster);
    }),
    { numRuns: 60 },
  );
});

Deno.test("Whatever is done to hosts meanwhile, all rotations end", () => {
  const anything = fc.oneof({ weight: 9, arbitrary: happening }, { weight: 1, arbitrary: mishap });
  fc.assert(
    fc.property(fc.array(anything, { minLength: 20, maxLength: 120 }), (happenings) => {
      const cluster = settled();
      cluster.isCounting = false;
      for (const it of happenings) happen(cluster, it);
      assertEnds(cluster);
    }),
    { numRuns: 60 },
  );
});
