// What a cluster looks like on node n1: a folder for each scenario with settings, Nodes, and the files that nft, wg,
// ip and CNI load as they are. UPDATE_GOLDEN=1 writes them anew; the diff of that is to be read.

import assert from "node:assert/strict";
import { desire } from "../../src/core/desired/desire.ts";
import { type HostInterface, NO_FACTS } from "../../src/core/desired/host_facts.ts";
import { refused } from "../../src/core/net/refusal.ts";
import { readPiece, splitDocuments } from "../../src/core/nodes/documents.ts";
import type { ParsedNode } from "../../src/core/nodes/node.ts";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import { describe } from "../../src/core/plan/describe.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { renderAll } from "../../src/core/render/render_all.ts";
import type { RawSettings } from "../../src/core/settings/parse_settings.ts";
import { interfaceOf, settingsOf } from "../cluster.ts";
import { EMPTY_HOST } from "../host_state.ts";

const FOLDER = new URL(".", import.meta.url);
const INPUTS = ["settings.json", "nodes.yaml", "interfaces.json"];
const isUpdate = Deno.env.get("UPDATE_GOLDEN") !== undefined;

for (const scenario of foldersIn(FOLDER)) {
  const folder = new URL(`${scenario}/`, FOLDER);
  Deno.test(`Scenario ${scenario}: every file is, byte for byte, what it was`, () => {
    const files = filesOf(folder);
    const present = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      !INPUTS.includes(name)
    );
    if (isUpdate) return replaceFiles(folder, { files, present });
    assert.deepEqual(present.sort(), [...files.keys()].sort());
    for (const [name, text] of files) assert.equal(text, Deno.readTextFileSync(new URL(name, folder)), name);
  });
}

/** The scenario's outputs; what is empty has no file. */
function filesOf(folder: URL): Map<string, string> {
  const settings = JSON.parse(Deno.readTextFileSync(new URL("settings.json", folder))) as RawSettings;
  const facts = { ...NO_FACTS, interfaces: interfacesIn(new URL("interfaces.json", folder)) };
  const desired = desire(settingsOf(settings), nodesIn(new URL("nodes.yaml", folder)), facts);
  assert.ok(desired !== undefined, "the scenario has no Node n1");
  const { nft, bridge, wireguard, routes, cni, rejected } = renderAll(desired);
  const files: Record<string, string> = {
    "table.nft": nft,
    "bridge.nft": bridge ?? "",
    "wireguard.conf": wireguard,
    "routes.batch": routes.map(({ text }) => `route replace ${text}\n`).join(""),
    "10-wigglenet.conflist": cni ?? "",
    "plan.txt": describe(diff(desired, EMPTY_HOST, 0)).map((line) => `${line}\n`).join(""),
    "rejected.txt": rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}\n`).join(""),
  };
  return new Map(Object.entries(files).filter(([, text]) => text !== ""));
}

/** What the host is, where that matters: addresses by the names of their interfaces. */
function interfacesIn(file: URL): HostInterface[] {
  const isThere = [...Deno.readDirSync(new URL(".", file))].some(({ name }) =>
    file.pathname.endsWith(`/${name}`)
  );
  if (!isThere) return [];
  const addresses = JSON.parse(Deno.readTextFileSync(file)) as Record<string, string[]>;
  return Object.entries(addresses).map(([name, texts]) => interfaceOf(name, texts));
}

function nodesIn(file: URL): ParsedNode[] {
  const text = Deno.readTextFileSync(file);
  const pieces = splitDocuments(text);
  assert.ok(!refused(pieces));
  return pieces.flatMap((piece, i) => {
    const objects = readPiece(text, piece);
    assert.ok(!refused(objects), `document ${i + 1}`);
    return objects.map((object) => parseNode(object, `nodes.yaml document ${i + 1}`));
  });
}

interface Replacement {
  readonly files: ReadonlyMap<string, string>;
  readonly present: readonly string[];
}

function replaceFiles(folder: URL, { files, present }: Replacement): void {
  for (const name of present) Deno.removeSync(new URL(name, folder));
  for (const [name, text] of files) Deno.writeTextFileSync(new URL(name, folder), text);
}

function foldersIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name)
    .sort();
}
