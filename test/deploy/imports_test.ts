// What every agent loads at its start (docs/decisions/0032).

import assert from "node:assert/strict";

interface Graph {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier: string };
    }[];
  }[];
}

Deno.test("an agent loads none of node's modules before it needs one", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", main] }).output();
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const seen = new Set(graph.roots);
  const found: string[] = [];
  for (const specifier of seen) {
    for (const { code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
      if (code === undefined || isDynamic) continue;
      if (code.specifier.startsWith("node:")) found.push(`${specifier} imports ${code.specifier}`);
      seen.add(code.specifier);
    }
  }
  assert.ok(seen.size > 50, "the graph was read");
  assert.deepEqual(found, []);
});
