// A host with declared objects from a file and nothing else of the agent: `declared_host.ts NODE OBJECTS KEYS once|stay`. Passes over
// them until nothing is left to do, and tells each pass as a line of JSON; with `stay` again and again.

import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import type { KindName } from "../../src/core/declared/kinds/kinds.ts";
import { wantInterfaces } from "../../src/core/declared/want/want_interfaces.ts";
import { describe } from "../../src/core/plan/describe.ts";
import { converge } from "../../src/shell/declared/converge.ts";
import { DeclaredObserver } from "../../src/shell/declared/observe_declared.ts";
import { hasKernelWireguard } from "../../src/shell/read_facts.ts";

const MOST_PASSES = 6;
const [nodeName, objectsPath, keyFolder] = Deno.args as [string, string, string];
const implementation = await hasKernelWireguard() ? "kernel" : "userspace";
const observer = new DeclaredObserver();

/** What a pass did, in words. */
export interface ToldPass {
  readonly changes: readonly string[];
  readonly errors: readonly string[];
  readonly rejected: readonly string[];
}

async function pass(): Promise<ToldPass> {
  const json: { kind: KindName }[] = JSON.parse(await Deno.readTextFile(objectsPath));
  const parsed = json.map((object) => parseDeclared(object.kind, object, objectsPath));
  const objects = parsed.flatMap(({ object }) => object ?? []);
  const unread = parsed.flatMap(({ rejected }) => rejected ?? []);
  const wanted = wantInterfaces(objects, {
    nodeName,
    interfaceName: "wigglenet",
    ports: [24601, 24602],
    nowMs: Date.now(),
  });
  const { plan, outcomes } = await converge({
    wanted,
    unread,
    observer,
    implementation,
    keyFolder,
    resolved: new Map(),
    held: new Set(),
    onKeyError: (name, error) => console.error(`${name}: ${error.message}`),
  });
  const rejected = [...unread, ...wanted.rejected];
  return {
    changes: describe({ ...plan, rejected: [] }),
    errors: outcomes.flatMap(({ step, error }) =>
      error === undefined ? [] : `${step.part}: ${error.message}`
    ),
    rejected: rejected.map(({ kind, name, claim, reason }) => `${kind} ${name}: ${claim}: ${reason}`),
  };
}

for (let i = 0; i < MOST_PASSES; i++) {
  const told = await pass();
  console.log(JSON.stringify(told));
  if (told.changes.every((line) => line.startsWith("…"))) break;
}
