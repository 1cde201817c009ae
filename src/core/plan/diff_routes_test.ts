import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";

Deno.test("Routes into our interface that nobody put his name to go: one in the place of ours is replaced, the others last", () => {
  const desired = desireOf([1, 2].map(ordinaryNode), {}, { publicKey: keyOf(1) });
  const host = hostOf(desired);
  const ours = "10.244.2.0/24 dev wigglenet proto 146";
  const unnamed = ["10.244.2.0/24", "10.244.1.1/32", "10.244.9.0/24"].map((to) =>
    `${to} dev wigglenet proto boot`
  );
  const routes = { 4: new Set([...host.routes[4], ...unnamed]), 6: host.routes[6] };
  routes[4].delete(ours);
  const plan = diff(desired, { ...host, routes }, 1000);
  assert.deepEqual(describe(plan).filter((line) => line.includes(" route ")), [
    `+ route ${ours} (missing)`,
    "- route 10.244.9.0/24 dev wigglenet proto boot (not wanted)",
    "- route 10.244.1.1/32 dev wigglenet proto boot (not wanted)",
  ]);
});
