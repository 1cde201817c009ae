import assert from "node:assert/strict";
import { differences as differencesOf } from "./differences.ts";

const differences = (wanted: readonly (readonly string[])[], present: ReadonlySet<string>) =>
  differencesOf(wanted, present, (text) => text);

Deno.test("Differences are the same with and without the memory of an equal list", () => {
  const lists = (text: string) => text.split(" ").map((list) => [...list]);
  const wanted = ["abc xyz", "abdc xyz", "ac xyz", "xyz abc", "abcxyz ", " ", "c bxza", "abc", "abc xyzw"];
  const remembered = new Set("abcxyz");
  assert.deepEqual(differences(lists("abc xyz"), remembered), { missing: [], surplus: [] });
  for (const text of wanted) {
    const sorted = ({ missing, surplus }: ReturnType<typeof differences>) => [missing, [...surplus].sort()];
    const fresh = differences(lists(text), new Set("abcxyz"));
    assert.deepEqual(sorted(differences(lists(text), remembered)), sorted(fresh), text);
    assert.deepEqual(fresh.missing, [...text].filter((item) => !"abcxyz ".includes(item)));
    assert.deepEqual([...fresh.surplus].sort(), [..."abcxyz"].filter((item) => !text.includes(item)));
  }
});
