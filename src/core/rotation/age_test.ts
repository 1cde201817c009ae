import assert from "node:assert/strict";
import type { NodeName } from "../nodes/node.ts";
import { isOldEnough } from "./age.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAMES = Array.from({ length: 200 }, (_, i) => `node-${i}` as NodeName);

function due(ageMs: number, hours = 30 * 24): NodeName[] {
  return NAMES.filter((nodeName) => isOldEnough(ageMs, { keyRotation: hours, nodeName }));
}

/** Who has had a turn by any look between two ages. */
function begun(fromMs: number, toMs: number, hours?: number): number {
  const names = new Set<string>();
  for (let ageMs = fromMs; ageMs < toMs; ageMs += 60_000) {
    for (const name of due(ageMs, hours)) names.add(name);
  }
  return names.size;
}

Deno.test("Keys of one age rotate within the last tenth of KEY_ROTATION, one node after the other", () => {
  assert.deepEqual([due(26.99 * DAY_MS), begun(27 * DAY_MS, 30 * DAY_MS)], [[], NAMES.length]);
  const half = begun(27 * DAY_MS, 28.5 * DAY_MS);
  assert.ok(half > 70 && half < 130, `${half}`);
});

Deno.test("Keys that are all older than that take their turns alike, over a tenth of it", () => {
  for (const days of [31, 77.7, 400]) {
    assert.ok(due(days * DAY_MS).length < NAMES.length / 5, `${due(days * DAY_MS).length} at ${days} days`);
    assert.equal(begun(days * DAY_MS, (days + 3.1) * DAY_MS), NAMES.length);
  }
});

Deno.test("A turn is long enough for an agent that looks every half minute, however soon keys grow old", () => {
  for (const nodeName of NAMES) {
    const looks = Array.from({ length: 20 }, (_, i) => HOUR_MS + i * 33_000);
    assert.ok(looks.some((ageMs) => isOldEnough(ageMs, { keyRotation: 1, nodeName })), nodeName);
  }
});

Deno.test("Without an age none does", () => {
  for (const keyRotation of ["off", "manual"] as const) {
    assert.equal(isOldEnough(9e15, { keyRotation, nodeName: "n1" as NodeName }), false);
  }
});
