import assert from "node:assert/strict";
import { decisionObjection, hasTypeScript, linksOf } from "./documents.ts";

Deno.test("links are read relative to their document, those in code and those to other hosts are not", () => {
  const text = [
    "[a](../README.md#why), [b](decisions/) ![c](mesh.svg)",
    "[top](#top) [mail](mailto:a@example.org) [web](https://example.org/x)",
    "`[code](no.md)`",
    "```",
    "[code](no.md)",
    "```",
  ].join("\n");
  assert.deepEqual(linksOf({ path: "docs/walk.md", text }), [
    "README.md",
    "docs/decisions/",
    "docs/mesh.svg",
  ]);
});

Deno.test("blocks of ts are told from other blocks", () => {
  assert.equal(hasTypeScript({ path: "a.md", text: "a\n```ts\nconst a = 1;\n```\n" }), true);
  assert.equal(hasTypeScript({ path: "a.md", text: "a\n```sh\nls *.ts\n```\n" }), false);
});

Deno.test("a decision has a number in its name and fits a page", () => {
  const decision = (name: string, lines = 1) =>
    decisionObjection({ path: `docs/decisions/${name}`, text: "x\n".repeat(lines) });
  assert.equal(decision("0001-one-table.md", 80), undefined);
  assert.match(decision("one-table.md")!, /NNNN/);
  assert.match(decision("0001-one-table.md", 81)!, /81 lines/);
  assert.equal(decisionObjection({ path: "docs/walk.md", text: "x\n".repeat(500) }), undefined);
});
