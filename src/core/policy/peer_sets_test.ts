// What is told of a set follows what was handed out of it.

import assert from "node:assert/strict";
import { addressesOf, PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";

const A = { matchLabels: { pod: "a" } };
const FROM_TEAM = {
  podSelector: A,
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "red" } } }] }],
};

function changes(cluster: PolicyCluster): unknown[] {
  return cluster.model.takeChange().sets.filter(({ set }) => set.family === 4)
    .map(({ isNew, added, deleted }) => ({ isNew, added, deleted }));
}

const OF_Y = ["a", "b", "c"].map((name) => addressesOf(`y/${name}`)[0]);

Deno.test("A namespace whose labels change takes its pods into a set, and out of it", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson(FROM_TEAM));
  assert.deepEqual(changes(cluster), [{ isNew: true, added: [], deleted: [] }]);
  cluster.namespace("y", { team: "red" });
  assert.deepEqual(changes(cluster), [{ isNew: false, added: OF_Y, deleted: [] }]);
  cluster.namespace("y", { team: "blue" });
  assert.deepEqual(changes(cluster), [{ isNew: false, added: [], deleted: OF_Y }]);
  cluster.namespace("y", { team: "red" });
  cluster.model.removeNamespace("y");
  assert.deepEqual(changes(cluster), []);
});

Deno.test("What happens to a set before it was handed out is in its members, and nowhere else", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson(FROM_TEAM));
  cluster.namespace("y", { team: "red" });
  cluster.model.needs(); // it is made
  cluster.model.removePod("y", "a");
  assert.deepEqual(changes(cluster), [{ isNew: true, added: OF_Y.slice(1), deleted: [] }]);
});

Deno.test("A set that nobody refers to and that comes back before anybody looks was never away", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.namespace("y", { team: "red" });
  cluster.policy(policyJson(FROM_TEAM));
  changes(cluster);
  cluster.model.removePolicy("x", "policy");
  cluster.model.needs();
  cluster.model.removePod("y", "a");
  cluster.policy(policyJson(FROM_TEAM));
  assert.deepEqual(changes(cluster), [{ isNew: false, added: [], deleted: OF_Y.slice(0, 1) }]);
  cluster.model.removePolicy("x", "policy");
  assert.equal(cluster.model.takeChange().goneSets.length, 2);
  cluster.model.removePod("y", "b");
  cluster.policy(policyJson(FROM_TEAM));
  assert.deepEqual(changes(cluster), [{ isNew: true, added: OF_Y.slice(2), deleted: [] }]);
});

Deno.test("The members of a set are sorted and whole whenever they are asked for, however much has changed since the last time", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: A, ingress: [{ from: [{ podSelector: {} }] }] }));
  const members = () =>
    [...cluster.model.desired().sets.values()].find(({ family }) => family === 4)!.members;
  const there = new Set(members());
  for (let i = 0; i < 300; i++) {
    const number = i * 37 % 40;
    const ip = `10.244.9.${number}`;
    if (there.delete(ip)) cluster.model.removePod("x", `more-${number}`);
    else {
      there.add(ip);
      cluster.pod({ name: `more-${number}`, ips: [ip] });
    }
    if (i % 3 === 0 || i % 71 === 0) assert.deepEqual(members(), [...there].sort(), `after ${i + 1} changes`);
  }
});
