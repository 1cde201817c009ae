// What is no Node, in a folder that a sync has emptied.

import assert from "node:assert/strict";
import { join } from "node:path";
import { BRIDGE, DUMMY } from "../../../test/declared/walk_through.ts";
import { namespaceOf, policyOf } from "../../../test/sources/policy_world.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { nodeOf } from "../../../test/sources/trial.ts";
import { until } from "../../../test/lab/until.ts";
import { FileObjects } from "./file_objects.ts";

Deno.test("a folder that has lost all Nodes has not given up its policies; while it has Nodes, one that goes is gone", async () => {
  const folder = temporaryFolder();
  const put = (name: string, object: unknown) => {
    Deno.writeTextFileSync(join(folder, name), JSON.stringify(object));
  };
  const objects = {
    "n1.json": nodeOf("n1"),
    "ns.json": namespaceOf("default"),
    "p.json": policyOf("p", "web"),
  };
  for (const [name, object] of Object.entries(objects)) put(name, object);
  const known = new Set<string>();
  const listener = {
    put: (name: string) => void known.add(name),
    remove: (name: string) => void known.delete(name),
  };
  const files = new FileObjects<string>([folder], {
    parse: (json) => (json as { metadata: { name: string } }).metadata.name,
    nameOf: (name) => name,
    onChange: () => {},
  });
  files.listen({ pods: listener, namespaces: listener, policies: listener }, () => {});
  await files.start();
  const shown = () => [...files.state().items, ...[...known].sort()].join(" ");
  const shows = async (expected: string) => {
    await until(`"${expected}"`, () => shown() === expected, { pauseMs: 2, seen: shown });
  };
  try {
    await shows("n1 default default/p");
    for (const name of Object.keys(objects)) Deno.removeSync(join(folder, name));
    await shows("default default/p");
    put("n1.json", objects["n1.json"]);
    await shows("n1 default default/p");
    assert.match(files.state().problems[0]!.reason, /^it was emptied, .*: 2 that are not back yet/);
    put("ns.json", objects["ns.json"]);
    put("p.json", objects["p.json"]);
    await until("all to be back", () => files.state().problems.length === 0, { pauseMs: 2 });
    Deno.removeSync(join(folder, "p.json"));
    await shows("n1 default");
  } finally {
    await files.close();
  }
});

Deno.test("a folder with declared networks alone that is emptied keeps them until it is left alone; one of several goes at once", async () => {
  const [nodes, folder] = [temporaryFolder(), temporaryFolder()];
  const put = (name: string) => Deno.writeTextFileSync(join(folder, name), JSON.stringify(DUMMY));
  Deno.writeTextFileSync(join(nodes, "n1.json"), JSON.stringify(nodeOf("n1")));
  put("a.json");
  Deno.writeTextFileSync(join(folder, "b.json"), JSON.stringify(BRIDGE));
  const files = new FileObjects<string>([nodes, folder], {
    parse: (json) => (json as { metadata: { name: string } }).metadata.name,
    nameOf: (name) => name,
    onChange: () => {},
  }, 300);
  const declared = files.openDeclared();
  await files.start();
  const shown = () => (declared.declared() ?? []).map(({ object }) => object?.name).join(" ");
  const shows = async (expected: string) => {
    await until(`"${expected}"`, () => shown() === expected, { pauseMs: 2, seen: shown });
  };
  try {
    await shows("dummy bridge");
    Deno.removeSync(join(folder, "b.json"));
    await shows("dummy");
    Deno.removeSync(join(folder, "a.json"));
    await until("it to be told", () => files.state().problems.length > 0, { pauseMs: 2 });
    assert.match(files.state().problems[0]!.reason, /^it was emptied: 1 that are not back yet stay/);
    assert.equal(shown(), "dummy");
    put("a.json");
    await until("it to be back", () => files.state().problems.length === 0, { pauseMs: 2 });
    Deno.removeSync(join(folder, "a.json"));
    await shows("");
    assert.deepEqual(files.state().problems, []);
  } finally {
    await files.close();
  }
});
