import assert from "node:assert/strict";
import { nodeJson, ordinaryNode } from "../../../test/cluster.ts";
import type { NodeName } from "./node.ts";
import { parseNode } from "./parse_node.ts";
import { pickNode } from "./pick_node.ts";

const FULL = nodeJson({
  ...ordinaryNode(1),
  external: ["203.0.113.1"],
  said: { podCidrs: ["10.244.1.0/24"], nodeIps: ["10.9.2.1"] },
  endpoint: "example.com",
  keepalive: "25",
}) as Record<string, Record<string, unknown>>;

const objects: readonly [what: string, json: unknown][] = [
  ["an ordinary Node", nodeJson(ordinaryNode(1))],
  ["a Node that says everything", FULL],
  ["spec.podCIDR alone", { metadata: { name: "n1" }, spec: { podCIDR: "10.244.1.0/24" } }],
  ["no name", { metadata: {} }],
  ["nothing", null],
  ["a list", [1, 2]],
  ["wrong types", { metadata: { name: "n1", annotations: [], creationTimestamp: 7 }, spec: 1, status: "x" }],
  ["wrong types of lists", { metadata: { name: "n1" }, spec: { podCIDRs: {} }, status: { addresses: 3 } }],
];
for (const [what, json] of objects) {
  Deno.test(`what is picked of ${what} is parsed like the whole`, () => {
    assert.deepEqual(parseNode(pickNode(json), "x"), parseNode(json, "x"));
  });
}

Deno.test("labels and annotations of the Node that is described are picked, and those of no other", () => {
  const labels = { "topology.kubernetes.io/zone": "eu-central" };
  const annotations = { "example.com/prefix": "10.9.0.0/16", "wigglenet/pod-cidrs": "[]" };
  const json = { metadata: { name: "n1", labels, annotations } };
  const [own, other] = ["n1", "n2"] as NodeName[];
  assert.deepEqual(parseNode(pickNode(json, own), "x", own).node?.metadata, {
    name: "n1",
    labels,
    annotations,
  });
  assert.deepEqual(parseNode(pickNode(json, own), "x", own), parseNode(json, "x", own));
  assert.doesNotMatch(JSON.stringify(pickNode(json, other)), /zone|example/);
});

Deno.test("what others write into a Node is not picked", () => {
  const busy = {
    ...FULL,
    metadata: {
      ...FULL.metadata,
      resourceVersion: "7",
      managedFields: [{}],
      labels: { a: "b" },
      annotations: { ...FULL.metadata!.annotations as object, "node.alpha.kubernetes.io/ttl": "0" },
    },
    spec: { ...FULL.spec, unschedulable: true, taints: [{ key: "a" }] },
    status: { ...FULL.status, conditions: [{ type: "Ready" }], images: [{ names: ["a"] }] },
  };
  assert.equal(JSON.stringify(pickNode(busy)), JSON.stringify(pickNode(FULL)));
});
