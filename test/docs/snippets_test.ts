import assert from "node:assert/strict";
import { snippetsIn } from "./snippets.ts";

const document = (text: string) => ({ path: "a.md", text });
const block = (name: string, body: string) => `<!-- snippet: ${name} -->\n\n\`\`\`yaml\n${body}\n\`\`\`\n`;

Deno.test("snippets are the marked blocks, as they stand", () => {
  const text = `${block("a", "x: 1\n\ny: 2")}\n\`\`\`yaml\nnot: this\n\`\`\`\n${block("b", "z")}`;
  assert.deepEqual([...snippetsIn(document(text))], [["a", "x: 1\n\ny: 2\n"], ["b", "z\n"]]);
});

Deno.test("two snippets of one name are a mistake", () => {
  assert.throws(() => snippetsIn(document(block("a", "x") + block("a", "y"))), /two snippets called a$/);
});
