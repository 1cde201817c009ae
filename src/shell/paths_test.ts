import assert from "node:assert/strict";
import { basename, dirname, join, resolve } from "node:path";
import { absolutePath, folderOf, nameIn, pathIn } from "./paths.ts";

const PATHS = [
  "/",
  "/a",
  "/a/b",
  "/a/b/",
  "//a//b",
  "/a/./b",
  "/a/../b",
  "/../a",
  "a",
  "./a/b",
  "../a",
  "",
  ".",
  "..",
  "/a b/é.yaml",
];

for (const path of PATHS) {
  Deno.test(`paths: ${JSON.stringify(path)} is what node:path makes of it`, () => {
    const absolute = absolutePath(path);
    assert.equal(absolute, resolve(path));
    assert.equal(folderOf(absolute), dirname(absolute));
    assert.equal(nameIn(absolute), basename(absolute));
    assert.equal(pathIn(absolute, "x.yaml"), join(absolute, "x.yaml"));
  });
}
