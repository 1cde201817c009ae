// Which transport it is nobody asks but the transport itself, and the tables of them.

import assert from "node:assert/strict";

const SRC = new URL("../../src/", import.meta.url);
/** Tables, and settings that are said by these names. Declared networks have VXLANs of their own. */
const TABLES = [
  "core/transport/transport.ts",
  "core/transport/transports.ts",
  "core/render/render_table.ts",
  "core/settings/",
  "core/declared/",
];

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, SRC))) {
    if (isDirectory) yield* filesIn(`${folder}${name}/`);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield `${folder}${name}`;
  }
}

for (const [transport, kinds] of [["vxlan", "vxlan"], ["gre", "gre|ip6gre"]] as const) {
  Deno.test(`${transport} is named in its folder, in the tables of transports and in settings, and nowhere else`, () => {
    const named = new RegExp(`["'\`](?:${kinds})(?:-[a-z0-9-]+)?["'\`]`);
    const found = [...filesIn("./")].map((path) => path.slice(2)).filter((path) =>
      !path.startsWith(`core/transport/${transport}/`) && !TABLES.some((table) => path.startsWith(table)) &&
      named.test(Deno.readTextFileSync(new URL(path, SRC)))
    );
    assert.deepEqual(found, []);
  });
}
