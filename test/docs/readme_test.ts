// What README promises to others is compared with the code: a new field or name that it does not tell fails here.

import assert from "node:assert/strict";
import readme from "../../README.md" with { type: "text" };
import { ROUTE_PROTOCOL, SET_NAMES, type Waiting } from "../../src/core/desired/desired_state.ts";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import type { InterfaceReport, ObjectReport } from "../../src/core/declared/status/report.ts";
import { type Change, CHANGE_KINDS } from "../../src/core/plan/plan.ts";
import type { Carried, ClearStatus, PeerStatus, Status } from "../../src/core/plan/status.ts";
import type { DropTotal } from "../../src/core/policy/drop_totals.ts";
import { renderAll } from "../../src/core/render/render_all.ts";
import { SETTINGS } from "../../src/core/settings/settings.ts";
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

Deno.test("README tells every field of diff --json, and every kind", () => {
  const change: Required<Change> = { op: "+", kind: "table", target: "", text: "", reason: "" };
  const told = item("`diff --json`");
  assertTold(change, told);
  for (const kind of CHANGE_KINDS) assert.ok(told.includes(`\`${kind}\``), kind);
});

// Whole: a field that is added must be added here too.
const PEER: Required<PeerStatus> = {
  node: "",
  publicKey: "",
  endpoint: "",
  handshakeSeconds: 0,
  receivedBytes: 0,
  sentBytes: 0,
  allowedIps: [],
  candidates: [],
  keepaliveSeconds: 0,
};
const DROP: Required<DropTotal> = { direction: "ingress", verdict: "drop", policies: [], packets: 0 };
const CARRIED: Required<Carried> = { receivedPackets: 0, sentPackets: 0, keySeconds: 0 };
const CLEAR: Required<ClearStatus> = {
  node: "",
  family: 4,
  route: "",
  podCidrs: [],
  isEncrypted: true,
  inUdpTo: "",
  isMissing: true,
  carried: CARRIED,
};
const OBJECT: Required<ObjectReport> = {
  kind: "WireGuardInterface",
  name: "",
  generation: 0,
  troubles: [{ reason: "Failing", message: "" }],
};
const DECLARED: Required<InterfaceReport> = {
  name: "",
  container: "",
  owner: { kind: "WireGuardInterface", name: "" },
  type: "wireguard",
  state: "up",
  listenPort: 0,
  publicKey: "",
  mtuBytes: 0,
  addresses: [],
  peers: [{ node: "", publicKey: "", endpoint: "", handshakeSeconds: 0 }],
};

Deno.test("README tells every field of status --json", () => {
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
    policies: { isKnown: true, objects: 0, addresses: 0, ingress: 0, egress: 0, drops: [DROP] },
    rotation: { stage: "announced", nextKey: "", awaited: [] },
    peers: [PEER],
    clear: [CLEAR],
    declared: { objects: [OBJECT], interfaces: [DECLARED] },
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
  const settings = Object.values(SETTINGS).map(({ env }) => env);
  const wanted = shippedFlags().map((flag) => {
    const [, names] = /^--allow-env=(.*)/.exec(flag) ?? [];
    if (names === undefined) return flag;
    return `--allow-env=thevariablesbelow,${
      names.split(",").filter((name) => !settings.includes(name)).join()
    }`;
  });
  assert.deepEqual(told, wanted);
});

Deno.test("README tells the names that other agents may rely on", () => {
  const names = [...SET_NAMES, ...Object.values(ANNOTATION), `inet ${TABLE}`, `inet ${REFERENCE_TABLE}`];
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), name);
  assert.match(readme, new RegExp(`protocol ${ROUTE_PROTOCOL}\\b`));
});
