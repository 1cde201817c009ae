import assert from "node:assert/strict";
import { BAD_OBJECTS } from "../../../test/declared/bad_objects.ts";
import { declared, DUMMY, PLAN, WALK_THROUGH } from "../../../test/declared/walk_through.ts";
import type { KindName } from "./kinds/kinds.ts";
import { parseDeclared, pickDeclared } from "./parse_declared.ts";

for (const object of WALK_THROUGH) {
  Deno.test(`${object.kind} ${object.metadata.name} of the walk-through is read whole`, () => {
    const { object: read, rejected } = parseDeclared(object.kind as KindName, object, "a.yaml");
    assert.equal(rejected, undefined);
    assert.equal(read!.name, object.metadata.name);
    assert.equal(read!.createdMs, Infinity);
  });
}

for (const { what, object, reason } of BAD_OBJECTS) {
  Deno.test(`${object.kind}: ${what} is refused`, () => {
    const { object: read, rejected } = parseDeclared(object.kind as KindName, object, "a.yaml");
    assert.equal(read, undefined);
    assert.match(rejected!.reason, reason);
    assert.equal(rejected!.claim, object.kind);
    assert.equal(rejected!.name, object.metadata.name);
  });
}

Deno.test("What is missing has the value that the API server would give it", () => {
  const { object } = parseDeclared("WireGuardNetworkPlan", PLAN, "a.yaml");
  assert.ok(object?.kind === "WireGuardNetworkPlan");
  assert.deepEqual(object.spec.nodes.map(({ mtu }) => mtu), [1420, 1400]);
  assert.deepEqual(object.spec.nodes.map(({ moveToContainer }) => moveToContainer), [false, false]);
});

Deno.test("A field that is null is a field that is missing", () => {
  const spec = { node: "n1", interfaceName: "d", type: "dummy", mtu: null, up: null };
  const { object } = parseDeclared("NetlinkInterface", declared("NetlinkInterface", "a", spec), "a.yaml");
  assert.ok(object?.kind === "NetlinkInterface");
  assert.deepEqual([object.spec.mtu, object.spec.up], [undefined, true]);
});

Deno.test("An object without a name is told by where it came from", () => {
  const { rejected } = parseDeclared("NetlinkInterface", { spec: {} }, "nodes.d/a.yaml");
  assert.deepEqual(rejected, {
    kind: "NetlinkInterface",
    name: "nodes.d/a.yaml",
    claim: "NetlinkInterface",
    reason: "the object has no metadata.name",
  });
});

const ODDITIES: readonly [string, unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["a list", []],
  ["a number", 7],
  ["an object with the name of its prototype", JSON.parse('{"__proto__": {"node": "n1"}, "constructor": 1}')],
];

for (const [what, spec] of ODDITIES) {
  Deno.test(`A spec that is ${what} is refused, and throws nothing`, () => {
    const json = { metadata: { name: "a" }, spec };
    assert.match(parseDeclared("WireGuardInterface", json, "").rejected!.reason, /^spec: /);
  });
}

Deno.test("An object of the operator's own API is refused, and told which one is read", () => {
  const { rejected } = parseDeclared("WireGuardInterface", {
    apiVersion: "networking.dn42.io/v1alpha1",
    metadata: { name: "a" },
    spec: {},
  }, "");
  assert.equal(
    rejected!.reason,
    '"networking.dn42.io/v1alpha1" is another API: this agent reads networking.wigglenet.dev/v1alpha1',
  );
});

Deno.test("An object that is being deleted asks for nothing, however long a finalizer keeps it", () => {
  const deleted = { ...DUMMY, metadata: { ...DUMMY.metadata, deletionTimestamp: "2026-11-23T00:00:00Z" } };
  for (const json of [deleted, pickDeclared(deleted)]) {
    assert.deepEqual(parseDeclared("NetlinkInterface", json, ""), { object: undefined, rejected: undefined });
  }
});
