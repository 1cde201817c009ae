// What README promises to others is compared with the code: a new field or name that it does not tell fails here.

import assert from "node:assert/strict";
import readme from "../../README.md" with { type: "text" };
import { ROUTE_PROTOCOL, SET_NAMES, type Waiting } from "../../src/core/desired/desired_state.ts";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import type { Change } from "../../src/core/plan/plan.ts";
import type { Status } from "../../src/core/plan/status.ts";
import { renderAll } from "../../src/core/render/render_all.ts";
import { shippedFlags } from "../../src/core/shipped/flags.ts";
import { REFERENCE_TABLE, TABLE } from "../../src/core/render/render_table.ts";
import { desireOf, ordinaryNode } from "../cluster.ts";

/** The item of README's list that begins with this. */
function item(start: string): string {
  const found = readme.split(/\n(?=- |\n)/).find((part) => part.startsWith(`- ${start}`));
  assert.ok(found, `README has no item "${start}"`);
  return found;
}

/** Every field of a value, those of its lists' items and of its objects included. */
function fieldsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => [name, ...fieldsOf(field)]);
}

function assertTold(value: unknown, text: string): void {
  for (const name of fieldsOf(value)) assert.match(text, new RegExp(`\\b${name}\\b`), `field ${name}`);
}

Deno.test("README tells every field of render --json", () => {
  const rendered = renderAll(desireOf([ordinaryNode(1), ordinaryNode(2), { name: "n3" }]));
  const waiting: Required<Waiting> = {
    what: "",
    why: "",
    next: "",
    isBlocking: true,
    isTrouble: true,
    isRemark: true,
  };
  assert.ok(rendered.rejected.length > 0);
  assertTold({ ...rendered, waiting: [waiting] }, item("`render --json`"));
});

Deno.test("README tells every field of diff --json", () => {
  const change: Required<Change> = { op: "+", kind: "", target: "", text: "", reason: "" };
  assertTold(change, item("`diff --json`"));
});

Deno.test("README tells every field of status --json", () => {
  const peer = { node: "", publicKey: "", endpoint: "", handshakeSeconds: 0, receivedBytes: 0, sentBytes: 0 };
  const lists = { allowedIps: [], candidates: [] };
  const status: Required<Status> = {
    node: "",
    podCidrs: [],
    mtu: { bytes: 0, why: "" },
    version: "",
    source: {
      paths: [],
      isComplete: true,
      objects: 0,
      problems: [{ path: "", reason: "", isUnread: false, isPending: false, sinceMs: 0 }],
      heardMs: 0,
    },
    policies: { isKnown: true, objects: 0, addresses: 0, ingress: 0, egress: 0 },
    rotation: { stage: "announced", nextKey: "", awaited: [] },
    peers: [{ ...peer, ...lists, keepaliveSeconds: 0 }],
    clear: [{ node: "", family: 4, route: "", podCidrs: [] }],
    declared: { objects: [], interfaces: [] },
    applied: { isInSync: true, steps: 0, lastMs: 0, failing: {} },
    rejected: [],
    waiting: [],
    unguarded: [],
    drift: {},
  };
  assertTold(status, item("`status --json`"));
});

Deno.test("README shows the flags as shipped", () => {
  const block = /<!-- flags -->\n+```\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const told = block.trim().replaceAll(/\n {2}/g, "").split("\n").map((flag) => flag.replaceAll(" ", ""));
  const wanted = shippedFlags().map((flag) =>
    flag.startsWith("--allow-env=") ? "--allow-env=thevariablesbelow,andPATH" : flag
  );
  assert.deepEqual(told, wanted);
  assert.ok(shippedFlags().some((flag) => flag.startsWith("--allow-env=") && flag.endsWith(",PATH")));
});

Deno.test("README tells the names that other agents may rely on", () => {
  const names = [...SET_NAMES, ...Object.values(ANNOTATION), `inet ${TABLE}`, `inet ${REFERENCE_TABLE}`];
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), name);
  assert.match(readme, new RegExp(`protocol ${ROUTE_PROTOCOL}\\b`));
});
