import assert from "node:assert/strict";
import { KeptMap } from "./kept_map.ts";

Deno.test("A list is mapped as by map, and what both ends share with the last one is not made again", () => {
  const kept = new KeptMap<string, string>();
  const made: string[] = [];
  const map = (list: string, key = "") =>
    kept.map([...list], key, (item) => {
      made.push(item);
      return item.toUpperCase() + key;
    }).join("");
  for (const list of ["abc", "abxc", "abc", "", "aaa", "aa", "aaaa", "bcd", "xbcd", "bcdx"]) {
    assert.equal(map(list), list.toUpperCase());
  }
  assert.equal(made.join(""), "abc" + "x" + "aaa" + "aa" + "bcd" + "x" + "bcdx");
  made.length = 0;
  assert.equal(map("bcdx", "!"), "B!C!D!X!");
  assert.equal(made.join(""), "bcdx");
});
