// What pods say to each other crosses the network of the nodes by the transport that is asked for, and by no other.

import assert from "node:assert/strict";
import { seenOnWire, SOME } from "../wire.ts";
import { World } from "../world.ts";

const world = await World.standing();

Deno.test("between nodes, nothing that pods say to each other is seen but packets of the transport", async () => {
  const { transport } = world.standing;
  const wanted = transport === "direct" ? [...world.families] : [transport];
  const seen = await seenOnWire(world);
  assert.deepEqual(Object.keys(seen).sort(), wanted.sort());
  for (const count of Object.values(seen)) assert.ok(count > SOME, JSON.stringify(seen));
});
