import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import { DIRECT, ETH0 } from "../../../test/direct_nodes.ts";
import { takeOver } from "./take_over.ts";

/** How many routes are flushed one by one, of so many that go while others of the family stay in the clear. */
function flushed(leaving: number, routes: number): number {
  const desired = desireOf([1, 2].map(ordinaryNode), DIRECT, { interfaces: [ETH0] });
  const surplus = Array.from(
    { length: leaving },
    (_, i) => `10.200.${i}.0/24 via 10.9.1.2 dev eth0 proto 146`,
  );
  const others = Array.from({ length: routes - leaving }, (_, i) => `route ${i}`);
  const observed = {
    ...hostOf(desired),
    routes: { 4: new Set([...surplus, ...others]), 6: new Set<string>() },
  };
  return takeOver(desired, 4, { observed, surplus, isLeaving: () => true }).texts.size;
}

Deno.test("Routes are flushed one by one where that lists no more than 200,000 routes in all", () => {
  assert.deepEqual([flushed(10, 20_000), flushed(11, 20_000), flushed(100, 2_000)], [10, 0, 100]);
});
