import assert from "node:assert/strict";
import { News } from "./news.ts";

Deno.test("a text is news for its time, another one is news anew, and so is one that was gone", () => {
  const news = new News(10);
  const told = [["a", 100], ["a", 109], ["a", 110], ["b", 111], ["b", 121], [undefined, 122], [
    "b",
    123,
  ]] as const;
  assert.deepEqual(told.map(([text, nowMs]) => news.isNews(text, nowMs)), [
    true,
    true,
    false,
    true,
    false,
    false,
    true,
  ]);
});
