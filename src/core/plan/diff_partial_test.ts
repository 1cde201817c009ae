import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import { hostOf } from "../../../test/host_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";
import { everythingOn, withoutWanted } from "./spared.ts";

Deno.test("While some Nodes are unknown nothing is removed, and what is missing is added", () => {
  const host = hostOf(desireOf([1, 2].map(ordinaryNode)));
  const partial = { ...desireOf([ordinaryNode(1), ordinaryNode(3)]), spared: everythingOn(host) };
  const lines = describe(diff(partial, host, 1000));
  assert.ok(lines.some((line) => line.startsWith("+ peer n3")));
  assert.deepEqual(lines.filter((line) => line.startsWith("-")), []);
});

/** The changes of the table when some Nodes are not known any more. */
function tableChanges(before: DesiredState, known: DesiredState): string[] {
  const plan = diff(
    { ...known, spared: everythingOn(hostOf(before)) },
    { ...hostOf(before), reference: hostOf(known).reference },
    1000,
  );
  return describe({ ...plan, steps: plan.steps.filter(({ part }) => part === "table"), waiting: [] });
}

const THREE = desireOf([1, 2, 3].map(ordinaryNode));

Deno.test("While some Nodes are not known, a table whose rules change goes on guarding what it guarded", () => {
  const changes = tableChanges(THREE, desireOf([1, 2].map(ordinaryNode), { FILTER_IPV4: "1" }));
  assert.equal(
    changes[1],
    "+ element pod-cidrs-v4: 10.244.1.0/24, 10.244.2.0/24, 10.244.3.0/24 (its rules differ)",
  );
});

Deno.test("While some Nodes are not known, a prefix takes the place of those in it, and none comes into a wider one", () => {
  const wide = desireOf([1, 2].map(ordinaryNode), { CLUSTER_POD_CIDRS: "10.244.2.0/23" });
  assert.deepEqual(tableChanges(THREE, wide), [
    "+ element pod-cidrs-v4: 10.244.2.0/23 (missing)",
    "- element pod-cidrs-v4: 10.244.2.0/24 (not wanted)",
    "- element pod-cidrs-v4: 10.244.3.0/24 (not wanted)",
  ]);
  assert.deepEqual(tableChanges(wide, THREE), ["+ element pod-cidrs-v6: fd00:10:244:3::/64 (missing)"]);
});

Deno.test("What was wanted once, and what came later, is not spared", () => {
  const host = hostOf(THREE);
  const spared = withoutWanted(everythingOn(host), desireOf([1, 2].map(ordinaryNode)));
  const stranger = { ...host.wireguard!.peers.values().next().value!, publicKey: "stranger" };
  const peers = new Map([...host.wireguard!.peers, ["stranger", stranger]]);
  const plan = diff(
    { ...desireOf([ordinaryNode(1)]), spared },
    { ...host, wireguard: { ...host.wireguard!, peers } },
    1000,
  );
  const lines = describe({ ...plan, waiting: [] }).filter((line) => line.startsWith("-"));
  assert.ok(lines.some((line) => line.startsWith(`- peer ${keyOf(2)}`)));
  assert.ok(lines.some((line) => line.startsWith("- peer stranger")));
  assert.ok(lines.every((line) => !line.includes(keyOf(3)) && !line.includes("10.244.3.")), lines.join("\n"));
});
