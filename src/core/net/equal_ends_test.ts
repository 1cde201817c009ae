import assert from "node:assert/strict";
import { equalEnds } from "./equal_ends.ts";

Deno.test("Equal ends never overlap", () => {
  const ends = (a: string, b: string) => equalEnds([...a], [...b]);
  assert.deepEqual(ends("aa", "aaa"), { start: 2, end: 0 });
  assert.deepEqual(ends("aba", "aba"), { start: 3, end: 0 });
  assert.deepEqual(ends("abca", "aca"), { start: 1, end: 2 });
  assert.deepEqual(ends("", "a"), { start: 0, end: 0 });
});
