// What a stolen token of an agent can do: change the wigglenet/* annotations of the Node that it was issued on.
// The API refuses everything else, by the role and the policy of deploy/kubernetes.

import assert from "node:assert/strict";
import { ACCOUNT, NAMESPACE, NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { type Attacks, COMINGS_AND_GOINGS, patch } from "./node_attacks.ts";

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
for (const node of [n1, n2]) await cluster.register(node);
await cluster.admin.patch(`${NODES}/n1`, {
  metadata: { annotations: { "example.com/foreign": "as it was" } },
});

const TOKENS: Readonly<Record<string, () => Promise<string>>> = {
  "a token of the pod on n1": () => cluster.account.podToken("n1"),
  "a token bound to n1 itself": () => cluster.account.nodeToken("n1"),
};

const annotate = (annotations: Record<string, string | null>) => patch({ metadata: { annotations } });
const conditions = (...conditions: Readonly<Record<string, string>>[]) =>
  patch({ status: { conditions } }, "application/strategic-merge-patch+json");
const UNAVAILABLE = { type: "NetworkUnavailable", status: "True", reason: "NoRouteCreated", message: "" };
for (const name of ["n1", "n2"]) {
  await cluster.admin.demand(`${NODES}/${name}/status`, conditions(UNAVAILABLE));
}

const OURS = { "wigglenet/public-key": "x", "wigglenet/pod-cidrs": "[]", "wigglenet/of-tomorrow": "x" };

/** Path below the Nodes and what is asked, by what an operator would call it. */
const ATTACKS: Attacks = {
  "another node's annotations": ["/n2", annotate(OURS)],
  "a label of its own Node": [
    "/n1",
    patch({ metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } }),
  ],
  "a foreign annotation of its own Node": ["/n1", annotate({ "example.com/foreign": "changed" })],
  "a new foreign annotation of its own Node": ["/n1", annotate({ "example.com/new": "x" })],
  "a foreign annotation's removal": ["/n1", annotate({ "example.com/foreign": null })],
  "the pod CIDRs of its own Node": ["/n1", patch({ spec: { podCIDRs: ["10.0.0.0/8"] } })],
  "a taint of its own Node": ["/n1", patch({ spec: { taints: null, unschedulable: true } })],
  "a finalizer of its own Node": ["/n1", patch({ metadata: { finalizers: ["example.com/stay"] } })],
  "an owner of its own Node": [
    "/n1",
    patch({ metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "x", uid: "x" }] } }),
  ],
  "an annotation and a label at once": [
    "/n1",
    patch({ metadata: { annotations: OURS, labels: { a: "b" } } }),
  ],
  "its own Node's status": ["/n1/status", patch({ status: { addresses: [] } })],
  "its own Node's status beside the condition that is its own": [
    "/n1/status",
    patch(
      { status: { conditions: [{ ...UNAVAILABLE, status: "False" }], volumesInUse: ["x"] } },
      "application/strategic-merge-patch+json",
    ),
  ],
  "another condition of its own Node": ["/n1/status", conditions({ type: "Ready", status: "False" })],
  "a new condition of its own Node": ["/n1/status", conditions({ type: "Odd", status: "False" })],
  "its own Node's condition to say more": [
    "/n1/status",
    conditions({ ...UNAVAILABLE, status: "True", message: "x" }),
  ],
  "its own Node's conditions, to be rid of them": ["/n1/status", patch({ status: { conditions: null } })],
  "another node's condition": ["/n2/status", conditions({ ...UNAVAILABLE, status: "False" })],
  "its own Node by JSON patch": [
    "/n1",
    patch([{ op: "add", path: "/metadata/labels/a", value: "b" }], "application/json-patch+json"),
  ],
  "its own Node by apply": [
    "/n1?fieldManager=x&force=true",
    patch(
      { apiVersion: "v1", kind: "Node", metadata: { labels: { a: "b" } } },
      "application/apply-patch+yaml",
    ),
  ],
  ...COMINGS_AND_GOINGS,
};

/** All Nodes as they are, without what changes by itself. */
async function nodesNow(): Promise<string> {
  const { items } = await cluster.admin.demand(NODES);
  return JSON.stringify(items);
}

for (const [whose, makeToken] of Object.entries(TOKENS)) {
  for (const [what, [path, request]] of Object.entries(ATTACKS)) {
    Deno.test(`${whose} cannot touch ${what}`, async () => {
      const before = await nodesNow();
      using client = await cluster.plane.clientWith(await makeToken());
      const { status, body } = await client.ask(NODES + path, request);
      assert.ok(status === 403 || status === 422, `${status} ${JSON.stringify(body)}`);
      assert.equal(await nodesNow(), before);
    });
  }

  Deno.test(`${whose} changes the annotations wigglenet/* of n1, and reads all Nodes`, async () => {
    using client = await cluster.plane.clientWith(await makeToken());
    await client.demand(`${NODES}/n1`, annotate(OURS));
    const own = await cluster.annotations("n1");
    assert.deepEqual(own, OURS);
    await client.demand(`${NODES}/n1`, annotate({ ...OURS, "wigglenet/of-tomorrow": null }));
    assert.equal((await client.demand(NODES)).items.length, 2);
  });
}

Deno.test("a token of the pod on n1 takes n1's NetworkUnavailable back, where it is", async () => {
  using client = await cluster.plane.clientWith(await cluster.account.podToken("n1"));
  const { status } = await client.demand(
    `${NODES}/n1/status`,
    conditions({ ...UNAVAILABLE, status: "False" }),
  );
  const { conditions: all } = status as { conditions: readonly Readonly<Record<string, string>>[] };
  assert.equal(all.find(({ type }) => type === "NetworkUnavailable")!.status, "False");
});

Deno.test("a token that names no node changes nothing", async () => {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${ACCOUNT}/token`;
  const kind = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
  const { status: issued } = await cluster.admin.create(path, { ...kind, spec: { audiences: null } });
  using client = await cluster.plane.clientWith(issued.token);
  for (const name of ["n1", "n2"]) {
    const { status, body } = await client.ask(`${NODES}/${name}`, annotate(OURS));
    assert.equal(status, 403);
    assert.match(body.message, /names no node/);
  }
});

Deno.test("the token of a pod that is gone is worth nothing", async () => {
  const token = await cluster.account.podToken("n2");
  await cluster.account.removePod("n2");
  using client = await cluster.plane.clientWith(token);
  assert.equal((await client.ask(NODES)).status, 401);
});

Deno.test("other service accounts and people are none of the policy's business", async () => {
  await cluster.admin.patch(`${NODES}/n2`, { metadata: { labels: { by: "administrator" } } });
});
