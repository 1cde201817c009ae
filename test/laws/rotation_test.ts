// Keys rotate, of one node or of all at once, in any order of what agents do and hear, with agents that are killed between any
// two actions: not one packet is lost, and in the end each node has its next key alone.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ModelNode } from "./model_rotating_node.ts";
import { ModelCluster } from "./model_rotation.ts";

const NODES = 3;

/** A cluster in which all is as it is wanted. */
function settled(originals = 0): ModelCluster {
  const cluster = new ModelCluster(NODES, originals);
  rounds(cluster, 5);
  cluster.isCounting = true;
  cluster.tick();
  assert.deepEqual(cluster.lost, []);
  return cluster;
}

/** Everybody hears everything and does all that is to be done, once a second. */
function rounds(cluster: ModelCluster, count: number, isDone: () => boolean = () => false): void {
  for (let i = 0; i < count && !isDone(); i++) {
    for (const node of cluster.nodes) for (const other of cluster.nodes) cluster.learn(node, other);
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

/** One thing that costs packets. */
const mishap = fc.record({
  kind: fc.constantFrom("reboot" as const, "flush" as const, "unplug" as const),
  node,
});

type Happening = typeof happening | typeof mishap extends fc.Arbitrary<infer T> ? T : never;

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
    case "reboot":
      return cluster.reboot(at(it.node));
    case "flush":
      return at(it.node).routes.clear();
    case "unplug":
      at(it.node).devices.delete("wigglenet-next");
  }
}

/** All rotations end, and nobody knows a key that is not a Node's. */
function assertEnds(cluster: ModelCluster): void {
  rounds(cluster, 300, () => cluster.nodes.every(isAtRest));
  rounds(cluster, 3);
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
