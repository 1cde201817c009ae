// The definitions in deploy/kubernetes hold what the parser goes by.

import assert from "node:assert/strict";
import { definitionFiles } from "../../deploy/crds.ts";
import { definitionOf } from "../../src/core/declared/kinds/definition.ts";
import { KINDS } from "../../src/core/declared/kinds/kinds.ts";
import { WIREGUARD_NODE } from "../../src/core/declared/kinds/wireguard_node.ts";

for (const folder of ["crds", "declared-tenants/crds"] as const) {
  const url = new URL(`../../deploy/kubernetes/${folder}/`, import.meta.url);

  Deno.test(`The CustomResourceDefinitions in ${folder} are those of the code: deno task crds`, async () => {
    const found = new Map<string, string>();
    for await (const { name } of Deno.readDir(url)) {
      if (name === "kustomization.yaml") continue;
      found.set(name, await Deno.readTextFile(new URL(name, url)));
    }
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(definitionFiles(folder)));
  });

  Deno.test(`The kustomization of ${folder} names them all`, async () => {
    const text = await Deno.readTextFile(new URL("kustomization.yaml", url));
    assert.deepEqual(text.match(/(?<=- )\S+/g), [...definitionFiles(folder).keys()].sort());
  });
}

interface Described {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
}

/** Paths of fields that `kubectl explain` would say nothing of, or no sentence. */
function silent(field: Described, path: string): string[] {
  const { properties = {}, items } = field;
  const below = Object.entries(properties).flatMap(([name, it]) => {
    const said = it.description ?? "";
    const own = `${path}.${name}`;
    return [...(/^\w.*[.]$/.test(said) ? [] : [`${own}: ${said}`]), ...silent(it, own)];
  });
  return [...below, ...(items === undefined ? [] : silent(items, `${path}[]`))];
}

Deno.test("kubectl explain has a sentence for each field of each kind", () => {
  for (const { name, spec, status, description } of [...KINDS, WIREGUARD_NODE]) {
    assert.match(description, /^[A-Z].*[.]$/, name);
    assert.deepEqual(spec === undefined ? [] : silent(spec.openApi, "spec"), [], name);
    assert.deepEqual(status === undefined ? [] : silent(status.openApi, "status"), [], name);
  }
});

Deno.test("Each kind has short names and columns, and agents find theirs by spec.node", () => {
  for (const kind of [...KINDS, WIREGUARD_NODE]) {
    // deno-lint-ignore no-explicit-any -- a definition as JSON has it
    const { spec } = definitionOf(kind) as any;
    const [{ additionalPrinterColumns, selectableFields, subresources }] = spec.versions;
    assert.ok(spec.names.shortNames.length > 0, kind.name);
    assert.equal(additionalPrinterColumns.at(-1).name, "Age");
    assert.equal(
      subresources !== undefined,
      kind.spec !== undefined && kind.status !== undefined,
      "a status apart, where there is a spec",
    );
    const isOfNode = /(WireGuard|Netlink)Interface$/.test(kind.name);
    assert.deepEqual(selectableFields, isOfNode ? [{ jsonPath: ".spec.node" }] : undefined);
  }
});
