import assert from "node:assert/strict";
import { shareOut } from "./lanes.ts";

Deno.test("each lane does its own pile first, and helps with the others then", async () => {
  const begun: string[] = [];
  let [busy, most] = [0, 0];
  const work = async (item: string) => {
    begun.push(item);
    most = Math.max(most, ++busy);
    await Promise.resolve();
    busy--;
  };
  await shareOut([["a1", "a2", "a3", "a4", "a5"], ["b1"]], { lanes: 3, work });
  assert.deepEqual(begun, ["a1", "b1", "a2", "a3", "a4", "a5"]);
  assert.equal(most, 3);
});

Deno.test("what fails is told, and lanes without work end", async () => {
  const work = (item: number) => item === 2 ? Promise.reject(new Error("two")) : Promise.resolve();
  await assert.rejects(shareOut([[1, 2, 3]], { lanes: 5, work }), /two/);
  await shareOut([[]], { lanes: 2, work });
});
