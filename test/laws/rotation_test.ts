// Keys rotate, of one node or of all at once, in any order of what agents do and hear, with agents that are killed between any
// two actions: not one packet is lost, and in the end each node has its next key alone.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ModelNode } from "./model_rotating_node.ts";
import { ModelCluster } from "./model_rotation.ts";
import {
  BACK_AS_THE_SESSION_ENDS,
  claim,
  CLAIMED_BY_A_PEER,
  CLAIMED_WHILE_IT_WAITS,
  HANDSHAKE_TOO_LATE,
  happen,
  type Happening,
  happening,
  mishap,
  node,
  NODES,
  outage,
  rounds,
  SILENT_BESIDE_A_CLAIM,
} from "./rotation_happenings.ts";
import { share } from "./share.ts";

/** That have lost a packet once. */
const HISTORIES = [
  CLAIMED_BY_A_PEER,
  SILENT_BESIDE_A_CLAIM,
  HANDSHAKE_TOO_LATE,
  CLAIMED_WHILE_IT_WAITS,
  BACK_AS_THE_SESSION_ENDS,
];

/** A cluster in which all is as it is wanted. */
function settled(
  { count = NODES, originals = 0, withoutIpv6, isIdle = false }: Readonly<
    { count?: number; originals?: number; withoutIpv6?: number; isIdle?: boolean }
  > = {},
): ModelCluster {
  const cluster = new ModelCluster(count, originals);
  if (withoutIpv6 !== undefined) cluster.nodes[withoutIpv6]!.lacksIpv6 = true;
  cluster.isIdle = isIdle;
  rounds(cluster, 5);
  cluster.isCounting = true;
  cluster.tick();
  assert.deepEqual(cluster.lost, []);
  return cluster;
}

function isAtRest({ files, devices }: ModelNode): boolean {
  return files.next === undefined && files.requested === undefined && devices.size === 1;
}

/** All rotations end, and nobody knows a key that is not a Node's. */
function assertEnds(cluster: ModelCluster): void {
  cluster.strangers.clear();
  for (const node of cluster.nodes) node.setting = "manual";
  rounds(cluster, 3);
  rounds(cluster, 600, () => cluster.nodes.every(isAtRest));
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

Deno.test("However many nodes there are, and whenever each one's keepalives come, a rotation ends", () => {
  for (const isIdle of [false, true]) {
    const cluster = settled({ count: 8, isIdle });
    const last = cluster.nodes.at(-1)!;
    const before = last.files.key;
    cluster.request(last);
    rounds(cluster, 90, () => last.files.key !== before && cluster.nodes.every(isAtRest));
    assert.ok(last.files.key !== before && cluster.nodes.every(isAtRest), `idle: ${isIdle}`);
    assert.deepEqual(cluster.lost, []);
  }
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

Deno.test("A rotation to which nobody has come is taken back by its file", () => {
  const cluster = settled();
  const [n1] = cluster.nodes as [ModelNode];
  const before = n1.files.key;
  cluster.request(n1);
  for (let i = 0; i < 30; i++) {
    cluster.learn(n1, n1);
    cluster.pass(n1);
    cluster.tick();
  }
  assert.equal(n1.plan!.ownTurn?.awaited.length, NODES - 1);
  delete n1.files.next;
  assertEnds(cluster);
  assert.equal(n1.files.key, before);
});

Deno.test("A node with the original's agent is not waited for, and alone loses packets", () => {
  const cluster = settled({ originals: 1 });
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
    fc.property(
      fc.array(happening, { minLength: 20, maxLength: 120 }),
      fc.boolean(),
      (happenings, isIdle) => {
        const cluster = settled({ isIdle });
        for (const it of happenings) happen(cluster, it);
        assert.deepEqual(cluster.lost, []);
        assertEnds(cluster);
      },
    ),
    { numRuns: share(60) },
  );
});

Deno.test("Whatever Nodes say that have no machine, and whoever hears of it when, nothing is lost, and all rotations end without them", () => {
  const anything = fc.oneof(
    { weight: 20, arbitrary: happening },
    { weight: 10, arbitrary: claim },
    { weight: 1, arbitrary: outage },
  );
  fc.assert(
    fc.property(
      fc.array(anything, { minLength: 20, maxLength: 160 }),
      node,
      fc.boolean(),
      (happenings, withoutIpv6, isIdle) => {
        const cluster = settled({ withoutIpv6, isIdle });
        for (const it of happenings) happen(cluster, it);
        assert.deepEqual(cluster.lost, []);
        assertEnds(cluster);
      },
    ),
    {
      numRuns: 2 * HISTORIES.length + share(50),
      examples: HISTORIES.flatMap((it) =>
        [0, 1].map((withoutIpv6): [Happening[], number, boolean] => [[...it], withoutIpv6, false])
      ),
    },
  );
});

Deno.test("Given up: who is cut off from the others and the API for minutes while a key is replaced loses packets until it hears, to and from that node alone", () => {
  const cluster = settled();
  const [n1, n2] = cluster.nodes as [ModelNode, ModelNode];
  cluster.request(n1);
  rounds(cluster, 60, () => n1.files.key === n1.files.next);
  Object.assign(n2, { isOut: true, isCutOff: true });
  rounds(cluster, 200);
  n2.isOut = false;
  rounds(cluster, 1);
  n2.isCutOff = false;
  rounds(cluster, 10);
  assert.ok(cluster.lost.length > 0);
  assert.deepEqual(cluster.lost.filter((line) => !/: (n1 -> n2|n2 -> n1) by/.test(line)), []);
  cluster.lost.length = 0;
  assertEnds(cluster);
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
    { numRuns: share(60) },
  );
});
