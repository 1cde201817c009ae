import assert from "node:assert/strict";
import type { NodeName } from "../nodes/node.ts";
import { isOldEnough } from "./age.ts";

const DAY_MS = 86_400_000;

Deno.test("Keys of one age rotate within the last tenth of KEY_ROTATION, one node after the other", () => {
  const names = Array.from({ length: 100 }, (_, i) => `node-${i}` as NodeName);
  const due = (days: number) =>
    names.filter((nodeName) => isOldEnough(days * DAY_MS, { keyRotation: 30 * 24, nodeName })).length;
  assert.deepEqual([due(26.9), due(30)], [0, 100]);
  assert.ok(due(28.5) > 30 && due(28.5) < 70, `${due(28.5)}`);
});

Deno.test("Without an age none does", () => {
  for (const keyRotation of ["off", "manual"] as const) {
    assert.equal(isOldEnough(9e15, { keyRotation, nodeName: "n1" as NodeName }), false);
  }
});
