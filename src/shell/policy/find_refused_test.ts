import assert from "node:assert/strict";
import { findRefused } from "./find_refused.ts";

Deno.test("What is refused among many is found by halves, and nothing is asked twice when nothing is", async () => {
  let questions = 0;
  const ask = (bad: readonly number[]) => (some: readonly number[]) => {
    questions++;
    return Promise.resolve(!some.some((item) => bad.includes(item)));
  };
  const items = Array.from({ length: 64 }, (_, i) => i);
  assert.deepEqual(await findRefused(items, ask([])), []);
  assert.equal(questions, 1);
  assert.deepEqual(await findRefused(items, ask([7, 40])), [7, 40]);
  assert.ok(questions < 30, `${questions} questions`);
});
