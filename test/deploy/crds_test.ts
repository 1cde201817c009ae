// deploy/kubernetes/crds holds what the parser goes by.

import assert from "node:assert/strict";
import { definitionFiles } from "../../deploy/crds.ts";

const FOLDER = new URL("../../deploy/kubernetes/crds/", import.meta.url);

Deno.test("The CustomResourceDefinitions are those of the code: deno task crds", async () => {
  const found = new Map<string, string>();
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (name === "kustomization.yaml") continue;
    found.set(name, await Deno.readTextFile(new URL(name, FOLDER)));
  }
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(definitionFiles()));
});

Deno.test("The kustomization names them all", async () => {
  const text = await Deno.readTextFile(new URL("kustomization.yaml", FOLDER));
  assert.deepEqual(text.match(/(?<=- )\S+/g), [...definitionFiles().keys()].sort());
});
