import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { refusalsOf } from "../policy/refusals.ts";
import { eventJson, refusalEvent } from "./refusal_event.ts";

const CONFLICT = {
  node: "n2",
  claim: "pod CIDR 10.244.1.0/24",
  reason: "overlaps the pod CIDR 10.244.1.0/24 of n1",
  kind: "conflict" as const,
};

Deno.test("a refusal is a Warning of the Node that lost, named by what it says", () => {
  const event = refusalEvent(CONFLICT)!;
  assert.deepEqual(eventJson(event, "n3", Date.parse("2026-11-21T12:00:00.123Z")), {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: event.name, namespace: "default" },
    involvedObject: { apiVersion: "v1", kind: "Node", name: "n2", uid: "n2" },
    type: "Warning",
    reason: "ClaimConflict",
    message: "pod CIDR 10.244.1.0/24: overlaps the pod CIDR 10.244.1.0/24 of n1",
    count: 1,
    firstTimestamp: "2026-11-21T12:00:00Z",
    lastTimestamp: "2026-11-21T12:00:00Z",
    source: { component: "wigglenet", host: "n3" },
    reportingComponent: "wigglenet",
    reportingInstance: "n3",
  });
  assert.match(event.name, /^wigglenet-[0-9a-f]{16}$/);
});

Deno.test("the name is the same wherever it is made, and another one for anything else that is said", () => {
  assert.equal(refusalEvent({ ...CONFLICT })!.name, refusalEvent(CONFLICT)!.name);
  const others = [{ node: "n3" }, { claim: "Node" }, { reason: "x" }, { kind: "malformed" as const }];
  const names = others.map((other) => refusalEvent({ ...CONFLICT, ...other })!.name);
  assert.equal(new Set([...names, refusalEvent(CONFLICT)!.name]).size, 5);
});

Deno.test("names of ten thousand refusals are all different", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => refusalEvent({ ...CONFLICT, node: `n${i}` })!.name);
  assert.equal(new Set(names).size, 10_000);
});

Deno.test("no Event is of a Node without a key, or of what is no Node", () => {
  const [keyless] = desireOf([ordinaryNode(1), { name: "n2" }]).rejected;
  assert.equal(keyless?.kind, "keyless");
  assert.equal(refusalEvent(keyless), undefined);
  assert.equal(refusalEvent({ ...CONFLICT, node: "nodes/x.yaml" }), undefined);
});

Deno.test("the longest that a Node can say fits into an Event, as one line of ASCII", () => {
  const evil = `\n\u202e"${"é".repeat(9_999)}`;
  const { rejected } = desireOf([ordinaryNode(1), { ...ordinaryNode(2), podCIDRs: [evil], endpoint: evil }]);
  assert.ok(rejected.length >= 2);
  for (const refusal of rejected) assert.match(refusalEvent(refusal)!.message, /^[ -~]{1,1000}$/);
});

Deno.test("what is refused of a NetworkPolicy is told beside it, one Event for each reason", () => {
  const cluster = PolicyCluster.ordinary();
  const from = [{ ipBlock: { cidr: "10.0.0.0/8 } accept" } }];
  cluster.policy(
    policyJson({ podSelector: {}, ingress: [{ from }, { from, ports: [{ port: 0 }] }] }, "broken"),
  );
  const events = refusalsOf(cluster.rejected).map((refusal) => refusalEvent(refusal)!);
  assert.equal(new Set(events.map(({ name }) => name)).size, events.length);
  const told = events.map((event) => {
    const { metadata, involvedObject, reason, message } = eventJson(event, "n1", 0);
    const { namespace } = metadata as { namespace: string };
    return { namespace, involvedObject, reason, message };
  });
  const rest = {
    namespace: "x",
    involvedObject: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      name: "broken",
      namespace: "x",
    },
    reason: "PolicyRefused",
  };
  const why = 'from[0]: ipBlock.cidr: "10.0.0.0/8 } accept" is not a CIDR';
  assert.deepEqual(told, [
    { ...rest, message: `spec.ingress[0]: ${why}: the rule allows nothing` },
    { ...rest, message: `spec.ingress[1]: ${why}: the rule allows nothing` },
  ]);
});
