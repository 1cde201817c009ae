import assert from "node:assert/strict";
import { citationsIn, decisionObjection, hasTypeScript, linksOf, unshownItems } from "./documents.ts";

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

Deno.test("tests that a document names are read with their files, over the ends of lines", () => {
  const text =
    `- Nobody forges ([a_test.ts](../test/a_test.ts): "one", "another\n  one"; [b](b_test.ts): "b").`;
  assert.deepEqual(citationsIn({ path: "docs/x.md", text }), [
    { path: "test/a_test.ts", name: "one" },
    { path: "test/a_test.ts", name: "another one" },
    { path: "docs/b_test.ts", name: "b" },
  ]);
});

Deno.test("each item of docs/security.md is shown by a test, those of other documents need not be", () => {
  const text = `# A\n\n- Shown ([a](a_test.ts): "one").\n- Said\n  only.\n\nText.\n`;
  assert.deepEqual(unshownItems({ path: "docs/security.md", text }), ["- Said\n  only."]);
  assert.deepEqual(unshownItems({ path: "docs/walk.md", text }), []);
});
