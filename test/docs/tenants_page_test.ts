// What docs/declared-networks.md grants a team, and what the team makes of it there, fit each other.

import assert from "node:assert/strict";
import { loadAll } from "js-yaml";
import page from "../../docs/declared-networks.md" with { type: "text" };
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { overreaching } from "../../src/core/declared/want/grants.ts";

Deno.test("the grant of the page holds for the team's object, and without it nothing does", () => {
  const section = page.slice(page.indexOf("## For several teams"), page.indexOf("## A machine without"));
  const texts = [...section.matchAll(/<<'END'\n(.*?)\nEND\n/gs)].map(([, text]) => text!);
  assert.equal(texts.length, 2);
  const manifests = texts.flatMap((text) => loadAll(text)) as {
    kind: KindName;
    metadata: { name: string };
  }[];
  // As `kubectl -n shop` sends it.
  const objects = manifests.map((it, i) => {
    const json = i === 0 ? it : { ...it, metadata: { ...it.metadata, namespace: "shop" } };
    const { object, rejected } = parseDeclared(it.kind, json, "page");
    assert.equal(rejected, undefined);
    return object!;
  });
  assert.deepEqual(overreaching(objects), []);
  assert.equal(overreaching(objects.slice(1)).length, 1);
});
