import assert from "node:assert/strict";
import fc from "fast-check";
import { refused } from "../net/refusal.ts";
import { readPiece, splitDocuments } from "./documents.ts";

/** All objects of a text, or the reason why there are none. */
function read(text: string): unknown[] | string {
  const pieces = splitDocuments(text);
  if (refused(pieces)) return pieces.reason;
  const objects: unknown[] = [];
  for (const piece of pieces) {
    const found = readPiece(text, piece);
    if (refused(found)) return found.reason;
    objects.push(...found);
  }
  return objects;
}

/** The names of all objects, or the reason why there are none. */
function names(text: string): string[] | string {
  const objects = read(text);
  if (typeof objects === "string") return objects;
  return objects.map((object) => String((object as { metadata: { name: unknown } }).metadata.name));
}

function node(name: string, more = ""): string {
  return `apiVersion: v1\nkind: Node\nmetadata:\n  name: ${name}\n${more}`;
}

/** A List as kubectl prints it, its items indented by `indent`. */
function list(objects: readonly string[], indent = ""): string {
  const items = objects.map((text) => `${indent}- ${text.trimEnd().replaceAll("\n", `\n${indent}  `)}\n`);
  return `apiVersion: v1\nitems:\n${items.join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}

const JSON_NODE = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}`;

const GOOD: Record<string, [text: string, names: string[]]> = {
  "one object": [node("n1"), ["n1"]],
  "one object with a marker before and after": [`---\n${node("n1")}...\n`, ["n1"]],
  "several documents": [`${node("n1")}---\n${node("n2")}--- # the last\n${node("n3")}`, ["n1", "n2", "n3"]],
  "empty documents and comments": [`---\n# none\n---\n${node("n1")}---\n---\n`, ["n1"]],
  "a directive": [`%YAML 1.2\n---\n${node("n1")}---\n${node("n2")}`, ["n1", "n2"]],
  "Windows line ends": [`${node("n1")}---\n${list([node("n2")])}`.replaceAll("\n", "\r\n"), ["n1", "n2"]],
  "kubectl's List": [list([node("n1"), node("n2")]), ["n1", "n2"]],
  "a List with indented items": [list([node("n1"), node("n2")], "  "), ["n1", "n2"]],
  "a List with comments between": [list([node("n1"), node("n2")]).replace("- api", "# one\n- api"), [
    "n1",
    "n2",
  ]],
  "a List in another order": [
    `kind: List\nitems: # all\n- ${node("n1").replaceAll("\n", "\n  ").trimEnd()}\napiVersion: v1\n`,
    ["n1"],
  ],
  "a List with a dash on a line of its own": [
    `apiVersion: v1\nkind: List\nitems:\n-\n  ${node("n1").replaceAll("\n", "\n  ").trimEnd()}\n`,
    ["n1"],
  ],
  "an empty List": [`apiVersion: v1\nitems: []\nkind: List\n`, []],
  "a List without anything": [`apiVersion: v1\nitems: null\nkind: List\n`, []],
  "a List of Lists": [list([list([node("n1")]), node("n2")]), ["n1", "n2"]],
  "two Lists": [`${list([node("n1")])}---\n${list([node("n2")])}`, ["n1", "n2"]],
  "a NodeList, whose items have no kind": [
    `apiVersion: v1\nkind: NodeList\nitems:\n- metadata:\n    name: n1\n- metadata: {name: n2}\n`,
    ["n1", "n2"],
  ],
  "JSON": [JSON_NODE, ["n1"]],
  "a JSON List": [`\n{"apiVersion":"v1","kind":"List","items":[${JSON_NODE},${JSON_NODE}]}\n`, ["n1", "n1"]],
  "JSON documents between markers": [`---\n${JSON_NODE}\n---\n${JSON_NODE}\n`, ["n1", "n1"]],
  "YAML in flow style": [`{apiVersion: v1, kind: Node, metadata: {name: n1}}\n`, ["n1"]],
  "other kinds": [
    `${node("x").replace("Node", "Pod")}---\n${node("x").replace("v1", "example.org/v1")}---\n${node("n1")}`,
    ["n1"],
  ],
  "other kinds in a List": [list([node("x").replace("Node", "Pod"), node("n1")]), ["n1"]],
  "a List of another API": [list([node("n1")]).replace("v1", "example.org/v1"), []],
};

const BAD: Record<string, [text: string, reason: RegExp]> = {
  "nothing": ["", /^holds no object$/],
  "comments only": ["# n1\n--- # n2\n\n...\n", /^holds no object$/],
  "a scalar": ["hello\n", /^line 1: neither a Node nor a List$/],
  "a sequence": [`- ${JSON_NODE}\n`, /^line 1: neither a Node nor a List$/],
  "an object without kind": ["apiVersion: v1\nmetadata: {}\n", /^line 1: .*: no kind$/],
  "an object without apiVersion": ["kind: Node\n", /^line 1: .*: no apiVersion$/],
  "a second document without kind": [`${node("n1")}---\nmetadata: {}\n`, /^line 5: .*: no kind$/],
  "a List cut between items": [
    list([node("n1"), node("n2")]).split("kind: List")[0]!,
    /^line 1: .*: no kind$/,
  ],
  "a List cut within an item": [
    list([node("n1"), node("n2")]).split("  name: n2")[0]!,
    /^line 1: .*: no kind$/,
  ],
  "a List cut within its kind": [list([node("n1")]).split(": List")[0]!, /^line 7: /],
  "a kind cut short": ["apiVersion: v1\nkind: No\n", /^line 1: neither a Node nor a List$/],
  "a List without items": ["apiVersion: v1\nkind: List\n", /^line 1: a List without items$/],
  "a List of strings": [list(["n1"]), /^line 3: neither a Node nor a List$/],
  "a List with an empty item": [
    "apiVersion: v1\nkind: List\nitems:\n- \n",
    /^line 4: neither a Node nor a List$/,
  ],
  "cut JSON": [JSON_NODE.slice(0, -2), /^line 1: /],
  "a key given twice": [node("n1", "kind: Node\n"), /^line 5: duplicated mapping key$/],
  "a key given twice in an item": [
    list([node("n1"), node("n2", "kind: Node\n")]),
    /^line 11: duplicated mapping key$/,
  ],
  "items given twice": [list([node("n1")]) + "items: []\n", /^line 10: duplicated mapping key$/],
  "wrong indentation": [node("n1", " spec: {}\n"), /^line 5: bad indentation/],
  "an open quote": [node("n1", `x: "y\n`), /^line 6: deficient indentation$/],
  "an unknown alias": [node("n1", "x: *y\n"), /^line 5: unidentified alias "y"$/],
  "a JavaScript tag": [node("n1", "x: !!js/function 'f'\n"), /^line 5: unknown scalar tag /],
  "a NUL": [node("n1", "x: \0\n"), /^line 5: null byte/],
  "deep YAML": [node("n1", `x: ${"[".repeat(100_000)}`), /^line 5: nesting exceeded maxDepth \(100\)$/],
  "deep JSON": [
    `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    /^line 1: nested deeper than 100 levels$/,
  ],
  "an alias bomb": [node("n1", bomb()), /^line 1: its aliases repeat more than the text itself holds$/],
  "a cycle": [node("n1", "x: &x [*x]\n"), /^line 1: its aliases repeat more than the text itself holds$/],
  "YAML above 8 MB": [node("n1", `x: ${"y".repeat(8 << 20)}\n`), /^line 1: an object of more than 8 MB$/],
  "large JSON that is cut": [`{"x":"${"y".repeat(2 << 20)}`, /^line 1: this is not JSON, or not all of it$/],
};

/** Ten lines that stand for ten billion values. */
function bomb(): string {
  const letters = [..."abcdefghij"];
  const line = (letter: string, i: number) =>
    `${letter}: &${letter} [${Array(10).fill(i === 0 ? "x" : `*${letters[i - 1]}`).join(",")}]\n`;
  return letters.map(line).join("");
}

Deno.test("Nodes are read from every form in which people and kubectl write them", async (t) => {
  for (const [what, [text, expected]] of Object.entries(GOOD)) {
    await t.step(what, () => assert.deepEqual(names(text), expected));
  }
});

Deno.test("a text that is not whole is refused with its line", async (t) => {
  for (const [what, [text, reason]] of Object.entries(BAD)) {
    await t.step(what, () => {
      const found = names(text);
      assert.ok(typeof found === "string" && reason.test(found), `${found}`);
    });
  }
});

Deno.test("an object is handed over as it was written", () => {
  const text = node(
    "1e3",
    "  creationTimestamp: 2024-01-01T00:00:00Z\nspec:\n  a: 12:30:45\n  b: 0x10\n  c: 010\n  d: 1.5\n",
  );
  assert.deepEqual(read(text + "  e: no\n  f: 16\n  g: true\n  h:\n  i: |\n    ---x\n  j: <<\n"), [{
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "1e3", creationTimestamp: "2024-01-01T00:00:00Z" },
    spec: {
      a: "12:30:45",
      b: "0x10",
      c: "010",
      d: "1.5",
      e: "no",
      f: 16,
      g: true,
      h: null,
      i: "---x\n",
      j: "<<",
    },
  }]);
});

Deno.test("an alias within an object is resolved, also within an item", () => {
  const labelled = node("&name n1", "  labels:\n    host: *name\n");
  const expected = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels: { host: "n1" } } };
  assert.deepEqual(read(labelled), [expected]);
  assert.deepEqual(read(list([labelled, labelled])), [expected, expected]);
});

Deno.test("keys named like prototypes stay data", () => {
  for (
    const text of [
      node("n1", "__proto__: {polluted: 1}\nconstructor: 1\n"),
      JSON_NODE.replace("{", `{"__proto__":{"polluted":1},`),
    ]
  ) {
    const [object] = read(text) as [object];
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.equal((object as { polluted?: unknown }).polluted, undefined);
    assert.ok(Object.hasOwn(object, "__proto__"));
  }
});

Deno.test("an annotation of 1 MB is read", () => {
  assert.deepEqual(names(node("n1", `  annotations:\n    a: "${"x".repeat(1 << 20)}"\n`)), ["n1"]);
});

Deno.test("a reason is one printable line, whatever the text holds", () => {
  const reason = names(node("n1", "x: *\u202e\u001f\u00e9y\n"));
  assert.match(String(reason), /^line 5: [ -~]+$/);
});

Deno.test("ten thousand documents, and as many items, are ten thousand small pieces", () => {
  const nodes = Array.from({ length: 10_000 }, (_, i) => node(`n${i}`));
  for (const text of [nodes.join("---\n"), list(nodes), list(nodes, "  ")]) {
    const pieces = splitDocuments(text);
    assert.ok(!refused(pieces) && pieces.length === 10_000);
    assert.ok(pieces.every(({ start, end }) => end - start < 100));
    assert.deepEqual(names(text)[9_999], "n9999");
  }
});

Deno.test("a List cut anywhere before its kind is refused", () => {
  const text = list([node("n1", "spec:\n  podCIDR: 10.0.1.0/24\n"), node("n2")]);
  fc.assert(fc.property(fc.nat(text.indexOf("kind: List") + "kind: Lis".length), (length) => {
    assert.equal(typeof read(text.slice(0, length)), "string");
  }));
});

// U+2028 ends a line for JavaScript, but not for YAML: nothing behind it stands in the first column.
const SEPARATED = ["- x", "---", "--- x", "items:\u2028- x", "kind: Pod", "%YAML", "x"].map((text) =>
  `a\u2028${text}`
);

Deno.test("what looks like structure behind a line separator within a text is text", () => {
  for (const text of SEPARATED) {
    const labelled = node("n1", `  x: "${text}"\n`);
    const expected = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", x: text } };
    assert.deepEqual(read(labelled), [expected]);
    assert.deepEqual(read(list([labelled, node("n2")])), [expected, ...read(node("n2"))]);
  }
});

Deno.test("cutting a List into items gives what reading it as one document gives", () => {
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("- x", "a\n- b\nc", "\n---\n", "items:\n- a", "# c", ...SEPARATED),
  );
  const labels = fc.dictionary(fc.stringMatching(/^x[a-z]{0,8}$/), value);
  const block = (entries: Record<string, string>) =>
    Object.entries(entries).map(([key, text]) => `  ${key}: ${JSON.stringify(text)}\n`).join("");
  fc.assert(fc.property(fc.array(labels, { minLength: 1, maxLength: 5 }), fc.nat(4), (all, indent) => {
    const text = list(all.map((entries, i) => node(`n${i}`, block(entries))), " ".repeat(indent));
    const expected = all.map((entries, i) => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: `n${i}`, ...entries },
    }));
    assert.deepEqual(read(text), expected);
  }));
});

Deno.test("no text makes the parser throw", () => {
  const piece = fc.constantFrom(
    "---",
    "\n",
    "items:",
    "- ",
    "  ",
    "kind: List",
    "apiVersion: v1",
    "{",
    "}",
    "[",
    "&a ",
    "*a",
    '"',
    "|",
    ">",
    "?",
    ":",
    "#",
    "%",
    "...",
    "\t",
    "\r",
  );
  const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 60 }).map((parts) =>
    parts.join("")
  );
  fc.assert(fc.property(text, (text) => void read(text)), { numRuns: 2_000 });
});
