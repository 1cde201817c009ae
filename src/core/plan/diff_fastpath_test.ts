import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../test/host_state.ts";
import type { HostInterface } from "../desired/host_facts.ts";
import type { ObservedFastpath, ObservedState } from "../observed/observed_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";

const INTERFACES = ["eth0", "veth1", 'x";drop'].map((name): HostInterface => ({
  name,
  mtuBytes: 1500,
  addresses: [],
  prefixes: [],
  hasDefaultRoute: false,
}));

function desired(environment: Record<string, string>) {
  const settings = { ENABLE_FLOWTABLE: "true", ...environment };
  return desireOf([1, 2].map(ordinaryNode), settings, { interfaces: INTERFACES });
}

const devices: readonly [FLOWTABLE_DEVICES: string, devices: string[], waiting: string[]][] = [
  ["auto", ["eth0", "veth1", "wigglenet"], []],
  ["eth0", ["eth0"], []],
  ["wigglenet,eth0,eth0", ["eth0", "wigglenet"], []],
  ["eth0,eth9", ["eth0"], ["flowtable on eth9"]],
];

for (const [FLOWTABLE_DEVICES, expected, waiting] of devices) {
  Deno.test(`FLOWTABLE_DEVICES=${FLOWTABLE_DEVICES} is a flowtable on ${expected.join(", ")}`, () => {
    const state = desired({ FLOWTABLE_DEVICES });
    assert.deepEqual(state.fastpath, { devices: expected, packets: 128 });
    const named = state.waiting.filter(({ what }) => what.startsWith("flowtable"));
    assert.deepEqual(named.map(({ what }) => what), waiting);
    assert.ok(named.every(({ isBlocking }) => !isBlocking));
  });
}

Deno.test("Without a device that is there, and without ENABLE_FLOWTABLE, there is no flowtable", () => {
  assert.equal(desired({ FLOWTABLE_DEVICES: "eth9" }).fastpath, undefined);
  assert.equal(desired({ ENABLE_FLOWTABLE: "false" }).fastpath, undefined);
});

const STATE = desired({ FLOWTABLE_DEVICES: "eth0", FLOWTABLE_PACKET_THRESHOLD: "20" });
const SYNCED = hostOf(STATE);

function linesFor(difference: Partial<ObservedState>): string[] {
  return describe(diff(STATE, { ...SYNCED, ...difference }, 1000)).filter((line) =>
    line.includes("fastpath")
  );
}

const has = (difference: Partial<ObservedFastpath>) => ({ fastpath: { ...SYNCED.fastpath!, ...difference } });
const drifts: readonly [what: string, difference: Partial<ObservedState>, lines: string[]][] = [
  ["in sync", {}, []],
  ["missing", { fastpath: undefined }, ["missing"]],
  ["dormant", has({ hasFlags: true }), ["it is dormant"]],
  ["with other rules", has({ structure: "[]" }), ["its rules differ"]],
  ["without a device", has({ devices: new Set() }), ["it is on nothing"]],
  ["on others", has({ devices: new Set(["veth1", "eth1"]) }), ["it is on eth1, veth1"]],
];

for (const [what, difference, reasons] of drifts) {
  Deno.test(`A flowtable that is ${what}: ${reasons[0] ?? "nothing is done"}`, () => {
    const op = what === "missing" ? "+" : "~";
    const text = "table inet wigglenet-fastpath: flowtable on eth0 after 20 packets";
    assert.deepEqual(linesFor(difference), reasons.map((reason) => `${op} ${text} (${reason})`));
  });
}

Deno.test("It is replaced in a transaction of its own, behind the tunnel where it is bound to that", () => {
  const bound = desired({ FLOWTABLE_DEVICES: "wigglenet" });
  const { steps } = diff(bound, EMPTY_HOST, 1000);
  const step = steps.find(({ part }) => part === "fastpath")!;
  assert.deepEqual(step.needs, ["table", "link"]);
  const [action] = step.actions;
  assert.ok(action?.kind === "run");
  assert.equal(
    action.input,
    `table inet wigglenet-fastpath
delete table inet wigglenet-fastpath
define packets = 128
table inet wigglenet-fastpath {
	flowtable fastpath { hook ingress priority filter; devices = { wigglenet }; }
	chain forward {
		type filter hook forward priority filter + 5; policy accept;
		ct state established ct packets > $packets flow add @fastpath
	}
}
`,
  );
});

Deno.test("One that is not wanted any more goes", () => {
  const off = desired({ ENABLE_FLOWTABLE: "false" });
  const lines = describe(diff(off, { ...hostOf(off), fastpath: SYNCED.fastpath }, 1000));
  assert.deepEqual(lines, ["- table inet wigglenet-fastpath: flowtable (not wanted)"]);
});
