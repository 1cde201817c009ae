import assert from "node:assert/strict";
import { POD_WIREGUARD } from "../../../../test/declared/tenants.ts";
import { PLAN, WALK_THROUGH } from "../../../../test/declared/walk_through.ts";
import type { PublicKey } from "../../net/keys.ts";
import type { DeclaredObject, NetworkPlan } from "../declared_object.ts";
import type { KindName } from "../kinds/kinds.ts";
import type { PlanPart } from "../kinds/wireguard_node.ts";
import { NO_INTERFACES } from "../observed/observed_interfaces.ts";
import { parseDeclared } from "../parse_declared.ts";
import { diffDeclared } from "../plan/diff_declared.ts";
import { wantInterfaces } from "../want/want_interfaces.ts";
import { describeDeclared } from "./describe_declared.ts";
import { parseNodeParts, publishedKeys } from "./node_parts.ts";
import { conditionPatch, nodeStatus, verdict } from "./node_status.ts";
import { planSummary } from "./plan_status.ts";
import { type DeclaredReport, reportOf } from "./report.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const NOW = "2026-11-22T12:00:00Z";

// deno-lint-ignore no-explicit-any -- JSON
function read(json: any, metadata: Record<string, unknown> = { generation: 3 }): DeclaredObject {
  const whole = { ...json, metadata: { ...json.metadata, ...metadata } };
  const { object, rejected } = parseDeclared(json.kind as KindName, whole, "");
  assert.equal(rejected, undefined);
  return object!;
}

function reportFor(
  objects: readonly DeclaredObject[],
  failing: Record<string, { error: string }> = {},
): DeclaredReport {
  const wanted = wantInterfaces(objects, {
    nodeName: "lax1",
    interfaceName: "wigglenet",
    ports: [],
    nowMs: NOW_MS,
  });
  const moment = {
    implementation: "kernel",
    keyFolder: "/k",
    // As the plan says it; a WireGuardInterface's is any.
    keys: new Map<string, PublicKey>([
      ["plan-plan1", "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey],
      ["interface-lax1-wg1", "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey],
    ]),
    resolved: new Map(),
    steadySeconds: 0,
  } as const;
  const plan = diffDeclared({ interfaces: wanted.interfaces, spared: wanted.refused }, NO_INTERFACES, moment);
  return reportOf({
    nodeName: "lax1",
    objects,
    unread: [],
    wanted,
    plan,
    failing,
    observed: NO_INTERFACES,
    moment,
  });
}

Deno.test("A report has the objects of this node and none else, and what of them is being made", () => {
  const { objects, interfaces } = reportFor([
    ...WALK_THROUGH.map((it) => read(it)),
    read({
      ...WALK_THROUGH[2],
      metadata: { name: "elsewhere" },
      spec: { ...WALK_THROUGH[2]!.spec, node: "lax2" },
    }),
  ]);
  assert.equal(objects.length, WALK_THROUGH.length);
  assert.equal(interfaces.length, 7);
  assert.deepEqual(objects[0]!.troubles, [{
    reason: "Pending",
    message: "interface wg-lax1-lax2-0 is being made or mended",
  }]);
});

Deno.test("What fails is told before what waits, and a message that is too long says how much is left out", () => {
  const { objects: [plan] } = reportFor([read(PLAN)], {
    "declared wg-lax1-lax2-0": { error: "ip exited 2" },
  });
  assert.equal(verdict(plan!.troubles).reason, "Failing");
  assert.match(verdict(plan!.troubles).message, /^interface wg-lax1-lax2-0: ip exited 2; interface/);
  const many = Array.from(
    { length: 500 },
    (_, i) => ({ reason: "Rejected", message: `link a to node-${i}` }) as const,
  );
  const { message } = verdict(many);
  assert.ok(message.length <= 2048);
  assert.match(message, /; and \d+ more$/);
});

Deno.test("A status for people has each interface with its peers, and what is not there", () => {
  const lines = describeDeclared(reportFor([read(PLAN)]), 1_000);
  assert.equal(lines[0], "declared networks: 1 objects, 1 not ready");
  assert.match(
    lines[1]!,
    /^ {2}wg-lax1-lax2-0 wireguard missing, port \d+, mtu 1420, 10.4.0.1 peer 10.4.0.2\/32 \(/,
  );
  assert.equal(lines[2], "    lax2 (no endpoint) no handshake yet");
  assert.match(
    lines[3]!,
    /^ {2}! WireGuardNetworkPlan plan1: Pending: interface wg-lax1-lax2-0 is being made/,
  );
});

Deno.test("What grows old by itself is no reason to write a status anew", () => {
  const report = reportFor([read(PLAN)]);
  const older = {
    ...report,
    interfaces: report.interfaces.map((it) => ({
      ...it,
      peers: it.peers.map((peer) => ({ ...peer, handshakeSeconds: 1_000 })),
    })),
  };
  assert.deepEqual(nodeStatus(older, undefined), nodeStatus(report, undefined));
  assert.notDeepEqual(nodeStatus(older, 1_010), nodeStatus(report, 1_010));
  const [plan] = nodeStatus(older, 1_010).plans as { linksUp: number; lastHandshake: string }[];
  assert.deepEqual([plan!.linksUp, plan!.lastHandshake], [1, "1970-01-01T00:16:40Z"]);
});

Deno.test("A condition keeps the time of its status, and is written where it says something else", () => {
  const verdict = { generation: 3, troubles: [] };
  const first = conditionPatch(verdict, undefined, NOW_MS);
  assert.deepEqual(first, {
    observedGeneration: 3,
    conditions: [{
      type: "Ready",
      status: "True",
      reason: "Done",
      message: "",
      observedGeneration: 3,
      lastTransitionTime: NOW,
    }],
  });
  const { stated } = read({ ...PLAN, status: first });
  assert.equal(conditionPatch(verdict, stated, NOW_MS + 1_000), undefined);
  const next = conditionPatch({ ...verdict, generation: 4 }, stated, NOW_MS + 1_000);
  assert.equal((next!.conditions as { lastTransitionTime: string }[])[0]!.lastTransitionTime, NOW);
  const worse = conditionPatch(
    { generation: 4, troubles: [{ reason: "Waiting", message: "" }] },
    stated,
    NOW_MS + 1_000,
  );
  assert.equal(
    (worse!.conditions as { lastTransitionTime: string }[])[0]!.lastTransitionTime,
    "2026-11-22T12:00:01Z",
  );
});

Deno.test("A tenant's interface has its public key in its own status, written where it is another, and kept while nobody knows it", () => {
  const [key, other] = [
    "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=",
    "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=",
  ];
  const verdict = { generation: 3, troubles: [] };
  const first = conditionPatch({ ...verdict, publicKey: key }, undefined, NOW_MS);
  assert.equal(first!.publicKey, key);
  const { stated } = read({ ...POD_WIREGUARD, status: first });
  assert.equal(conditionPatch({ ...verdict, publicKey: key }, stated, NOW_MS), undefined);
  assert.equal(conditionPatch({ ...verdict, publicKey: undefined }, stated, NOW_MS), undefined);
  assert.equal(conditionPatch({ ...verdict, publicKey: other }, stated, NOW_MS)!.publicKey, other);
});

function part(change: Partial<PlanPart> = {}): PlanPart {
  return {
    name: "plan1",
    ready: true,
    reason: "Done",
    message: "",
    links: 1,
    linksUp: 1,
    observedGeneration: 3,
    publicKey: undefined,
    lastHandshake: undefined,
    ...change,
  };
}

function summary(parts: Readonly<Record<string, PlanPart>>, nodes: readonly string[], json: unknown = PLAN) {
  return planSummary({
    plan: read(json) as NetworkPlan,
    parts: new Map(Object.entries(parts)),
    nodes: new Set(nodes),
    nowMs: NOW_MS,
  });
}

Deno.test("A plan is ready when all its nodes are, of the oldest generation that one of them has taken up", () => {
  const both = ["lax1", "lax2"];
  assert.deepEqual(summary({ lax1: part(), lax2: part() }, both).verdict, { generation: 3, troubles: [] });
  const behind = summary({ lax1: part(), lax2: part({ observedGeneration: 2 }) }, both).verdict;
  assert.equal(behind.generation, 2);
  assert.deepEqual(behind.troubles, [{
    reason: "Pending",
    message: "lax2: it has not taken up generation 3 yet",
  }]);
  const silent = summary({ lax1: part() }, both).verdict;
  assert.deepEqual([silent.generation, silent.troubles[0]!.message], [
    undefined,
    "lax2: its agent has said nothing of it yet",
  ]);
});

Deno.test("A machine without an agent is ready by its key, one that has expired is said to be, and one that nobody knows is refused", () => {
  const alone = summary({ lax1: part() }, ["lax1"]);
  assert.deepEqual([alone.verdict.troubles, alone.nodes[1]!.message], [[], "a machine without an agent"]);
  // deno-lint-ignore no-explicit-any -- JSON
  const [lax1, lax2] = PLAN.spec.nodes as any[];
  const expired = {
    ...PLAN,
    spec: { ...PLAN.spec, nodes: [lax1, { ...lax2, expires: "2026-11-22T11:59:59Z" }] },
  };
  assert.equal(
    summary({ lax1: part() }, ["lax1"], expired).nodes[1]!.message,
    "it has expired: 2026-11-22T11:59:59Z",
  );
  const { publicKey: _, ...keyless } = lax2;
  const unknown = { ...PLAN, spec: { ...PLAN.spec, nodes: [lax1, keyless] } };
  assert.equal(summary({ lax1: part() }, ["lax1"], unknown).verdict.troubles[0]!.reason, "Rejected");
});

Deno.test("Who has expired loses its links, and nobody's port moves", () => {
  // deno-lint-ignore no-explicit-any -- JSON
  const [lax1, lax2] = PLAN.spec.nodes as any[];
  const plan = read({ ...PLAN, spec: { ...PLAN.spec, nodes: [lax1, { ...lax2, expires: NOW }] } });
  const at = (nowMs: number, nodeName: string) =>
    wantInterfaces([plan], { nodeName, interfaceName: "wigglenet", ports: [], nowMs }).interfaces.length;
  assert.deepEqual([at(NOW_MS - 1, "lax1"), at(NOW_MS, "lax1"), at(NOW_MS, "lax2")], [1, 0, 0]);
});

Deno.test("Keys are those that nodes say, and of what is not as agents write it there are none", () => {
  const key = "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=";
  const said = parseNodeParts({ name: "lax2", plans: [{ ...part(), publicKey: key }] });
  assert.equal(publishedKeys([said]).get("plan1")?.get("lax2"), key);
  assert.equal(parseNodeParts({ name: "lax2", plans: [{ name: "plan1", publicKey: "x" }] }).plans.size, 0);
  assert.equal(publishedKeys([parseNodeParts({ name: "lax2" })]).size, 0);
});
