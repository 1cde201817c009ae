import assert from "node:assert/strict";
import { type Arrival, gapsOf } from "./gaps.ts";

function arrivals(...pairs: [number, number][]): Arrival[] {
  return pairs.map(([number, timeMs]) => ({ number, timeMs }));
}

Deno.test("packets that arrive steadily leave no gap", () => {
  assert.deepEqual(gapsOf(arrivals([1, 10], [2, 20], [3, 30]), 20), []);
  assert.deepEqual(gapsOf([], 20), []);
});

Deno.test("a gap runs from the last arrival to the next and counts what was lost between", () => {
  assert.deepEqual(gapsOf(arrivals([1, 10], [2, 20], [7, 70], [8, 80]), 20), [
    { startMs: 20, endMs: 70, lengthMs: 50, lost: 4 },
  ]);
});

Deno.test("packets that were held back and not lost make a gap without loss", () => {
  assert.deepEqual(gapsOf(arrivals([1, 10], [2, 90], [3, 90]), 20), [
    { startMs: 10, endMs: 90, lengthMs: 80, lost: 0 },
  ]);
});

Deno.test("a repeated or reordered packet counts no loss", () => {
  assert.deepEqual(gapsOf(arrivals([5, 10], [4, 40], [5, 80]), 20).map(({ lost }) => lost), [0, 0]);
});
