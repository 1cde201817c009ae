import assert from "node:assert/strict";
import plugin from "./plugin.ts";

/** What the rule says about a source, without the rule's prefix. */
function findings(rule: string, path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter((finding) => finding.id === `wigglenet/${rule}`)
    .map((finding) => finding.message);
}

interface Case {
  rule: string;
  path: string;
  /** Sources that the rule reports once each. */
  refused: readonly string[];
  /** Sources that the rule lets pass. */
  accepted?: readonly string[];
}

function check({ rule, path, refused, accepted = [] }: Case): void {
  for (const source of refused) assert.equal(findings(rule, path, source).length, 1, source);
  for (const source of accepted) assert.deepEqual(findings(rule, path, source), [], source);
}

const CORE = "src/core/net/prefix.ts";
const SHELL = "src/shell/apply.ts";
const CLI = "src/cli/run.ts";

Deno.test("core imports from core, templates and two packages only", () => {
  check({
    rule: "layers",
    path: CORE,
    refused: [
      `import { run } from "../../shell/command.ts";`,
      `export * from "../../shell/command.ts";`,
      `export { run } from "../../cli/run.ts";`,
      `type Run = import("../../shell/command.ts").Run;`,
      `const x = import("../../shell/command.ts");`,
      `import { parseArgs } from "node:util";`,
      `import fc from "fast-check";`,
      `import { cases } from "../../../test/laws/cases.ts";`,
      `import { cases } from "./prefix_test.ts";`,
      `import { main } from "../../../main.ts";`,
    ],
    accepted: [
      `import { parseAddress } from "./address.ts"; import { plan } from "../plan/plan.ts";`,
      `import ipaddr from "ipaddr.js"; import { load } from "js-yaml";`,
      `import filter from "../../../nft-templates/filter.nft" with { type: "text" };`,
      `export { x } from "./address.ts"; export const y = 1;`,
    ],
  });
});

Deno.test("shell does not import from cli, and nothing in src imports from test", () => {
  check({
    rule: "layers",
    path: SHELL,
    refused: [`import { run } from "../cli/run.ts";`, `import { demo } from "../../test/demo/demo.ts";`],
    accepted: [`import { plan } from "../core/plan/plan.ts"; import { run } from "./command.ts";`],
  });
  check({
    rule: "layers",
    path: CLI,
    refused: [`import { demo } from "../../test/demo/demo.ts";`, `import "../../main.ts";`],
    accepted: [`import config from "../../deno.json" with { type: "json" }; import "../shell/apply.ts";`],
  });
});

Deno.test("tests import what they specify, wherever they stand", () => {
  const source =
    `import { x } from "../cli/run.ts"; import fc from "fast-check"; import "../../test/cases.ts";`;
  check({ rule: "layers", path: "src/shell/apply_test.ts", refused: [], accepted: [source] });
  check({ rule: "layers", path: "test/netns/mesh_test.ts", refused: [], accepted: [source] });
});

Deno.test("core has no effect, clock, chance or waiting", () => {
  check({
    rule: "purity",
    path: CORE,
    refused: [
      `Deno.readTextFileSync("x");`,
      `const now = Date.now();`,
      `const now = new Date();`,
      `const now = Date();`,
      `const x = Math.random();`,
      `const id = crypto.randomUUID();`,
      `const t = performance.now();`,
      `console.log("x");`,
      `const x = fetch("x");`,
      `setTimeout(() => {}, 1);`,
      `const e = process.env;`,
      `const g = globalThis;`,
      `const x = { fetch };`,
      `const x = await y;`,
      `async function f() {}`,
      `const f = async () => {};`,
      `const o = { async f() {} };`,
      `for await (const x of y) {}`,
    ],
    accepted: [
      `const then = new Date("2026-01-01"); const t = Date.parse("2026-01-01"); const m = Math.max(1, 2);`,
      `interface Row { process: string; console(): void } const x = { process: 1 }; const y = x.process;`,
      `// Deno.open, Date.now()\nconst text = "Deno.open";`,
    ],
  });
});

Deno.test("core's tests and the shell may wait and look at the clock", () => {
  const source = `const now = Date.now(); await Deno.readTextFile("x"); console.log(now);`;
  for (const path of ["src/core/net/prefix_test.ts", SHELL, "test/run.ts"]) {
    check({ rule: "purity", path, refused: [], accepted: [source] });
  }
});

Deno.test("programs are started in src/shell/command.ts only", () => {
  const refused = [
    `new Deno.Command("nft");`,
    `Deno.spawn("nft");`,
    `import { spawn } from "node:child_process";`,
    `import { spawn } from "child_process";`,
    `const { Command } = Deno;`,
    `const start = Deno["Command"];`,
  ];
  for (const path of [CORE, SHELL, CLI, "main.ts"]) check({ rule: "effects", path, refused });
  const accepted = [`new Deno.Command("nft");`, `let child: Deno.Command;`];
  check({ rule: "effects", path: "src/shell/command.ts", refused: [], accepted });
  check({ rule: "effects", path: "test/netns/mesh_test.ts", refused: [], accepted });
});

Deno.test("files are written in src/shell/files.ts only", () => {
  const writes = [
    `await Deno.writeTextFile("x", "y");`,
    `Deno.renameSync("x", "y");`,
    `await Deno.remove("x");`,
    `const d = await Deno.makeTempDir();`,
    `const f = await Deno.open("x", { write: true });`,
    `import { writeFileSync } from "node:fs";`,
    `import { writeFile } from "node:fs/promises";`,
  ];
  const accepted = [`const text = await Deno.readTextFile("x"); const f = await Deno.open("x");`];
  check({ rule: "effects", path: SHELL, refused: writes, accepted });
  check({ rule: "effects", path: "src/shell/files.ts", refused: [], accepted: writes });
  check({ rule: "effects", path: "src/shell/files_test.ts", refused: [], accepted: writes });
});

Deno.test("files, functions and parameter lists are small", () => {
  const lines = (count: number) => "x();\n".repeat(count);
  check({
    rule: "size",
    path: SHELL,
    refused: [
      lines(301),
      `function f() {\n${lines(49)}}`,
      `const f = () => {\n${lines(49)}};`,
      `class C { m() {\n${lines(49)}} }`,
      `function f(a, b, c, d) {}`,
      `const f = (a, b, c, d) => a;`,
      `class C { constructor(a, b, c, d) {} }`,
    ],
    accepted: [lines(300), `function f() {\n${lines(48)}}`, `function f(a, b, c) {}`],
  });
});

Deno.test("sizes are counted in lines also after characters outside ASCII", () => {
  check({
    rule: "size",
    path: SHELL,
    refused: [],
    accepted: [`const a = "…𝔘é";\nfunction f() {\n${"x();\n".repeat(48)}}\n${"y();\n".repeat(90)}`],
  });
});

Deno.test("file names say what is inside", () => {
  const said = (path: string) => findings("names", path, "export {};").length;
  for (
    const name of ["utils", "helpers", "common", "types", "manager", "service", "node_utils", "Prefix", "a-b"]
  ) {
    assert.equal(said(`src/core/net/${name}.ts`), 1, name);
  }
  assert.equal(said("test/helpers/network.ts"), 1);
  for (const name of ["prefix", "prefix_test", "wireguard_go", "ipv4"]) {
    assert.equal(said(`src/core/net/${name}.ts`), 0, name);
  }
});

Deno.test("a product file begins with one to five lines of head comment", () => {
  check({
    rule: "docs",
    path: SHELL,
    refused: [
      `import "./command.ts";`,
      `/** The plan. */\nexport const plan = 1;`,
      `\n// Late.\nimport "./command.ts";`,
      `${"// Long.\n".repeat(6)}import "./command.ts";`,
    ],
    accepted: [`// Applies a plan.\nimport "./command.ts";`, `#!/usr/bin/env deno\n// Applies.\nx();`],
  });
});

Deno.test("an exported declaration has a docstring right before it", () => {
  const head = "// Applies a plan.\n\n";
  const declarations = [
    "export function apply() {}",
    "export const plan = 1;",
    "export interface Plan { x: 1 }",
    "export type Plan = 1;",
    "export class Plan {}",
    "export enum Op { Add }",
    "export default function apply() {}",
  ];
  const wrong = ["", "// A plan.\n", "/* A plan. */\n", "/** */\n", "/** A plan. */\nconst x = 1;\n"];
  check({
    rule: "docs",
    path: SHELL,
    refused: declarations.flatMap((text) => wrong.map((comment) => head + comment + text)),
    accepted: [...declarations.map((text) => `${head}/** A plan. */\n${text}`), `${head}export { x };`],
  });
  check({ rule: "docs", path: "src/shell/apply_test.ts", refused: [], accepted: declarations });
});

Deno.test("every finding says what to do instead", () => {
  const source =
    `import "../../shell/x.ts"; import "node:fs"; export async function f(a, b, c, d) { await Deno.remove(a); }`;
  const found = Deno.lint.runPlugin(plugin, "src/core/net/utils.ts", source);
  assert.deepEqual(
    [...new Set(found.map((finding) => finding.id))].sort(),
    Object.keys(plugin.rules).map((name) => `wigglenet/${name}`).sort(),
  );
  for (const finding of found) assert.ok(finding.hint, finding.message);
});
