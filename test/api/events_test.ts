// Events of refused claims, as `kubectl describe node` shows them: one of each, whoever sees the refusal.
//
//   n1, n2 with agents; n2 claims n1's pod CIDR, and so does a Node that no machine stands behind

import assert from "node:assert/strict";
import { ACCOUNT, NAMESPACE, NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Manifest } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const EVENTS = "/api/v1/namespaces/default/events";
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/wigglenet-events`;

interface EventJson {
  readonly involvedObject: { readonly name: string };
  readonly reason: string;
  readonly message: string;
  readonly type: string;
  readonly source: { readonly component: string; readonly host: string };
}

/** Ours, as `WRITER: NODE REASON`. */
async function events(): Promise<string[]> {
  const { items } = await cluster.admin.demand(EVENTS) as { items: EventJson[] };
  return items.filter(({ source }) => source.component === "wigglenet").map(
    ({ source, involvedObject, reason }) => `${source.host}: ${involvedObject.name} ${reason}`,
  ).sort();
}

function claiming(podCIDRs: readonly string[]): (manifest: Manifest) => Manifest {
  return (manifest) => ({ ...manifest, spec: { ...manifest.spec, podCIDRs: [...podCIDRs] } });
}

/** Requests of the agents for what is of a kind. */
async function asked(resource: string): Promise<string[]> {
  const user = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
  return (await cluster.plane.auditEvents()).filter(({ user: { username }, objectRef }) =>
    username === user && objectRef?.resource === resource
  ).map(({ verb, responseStatus }) => `${verb} ${responseStatus?.code}`);
}

Deno.test("who loses a claim is told by an Event of its Node, which its own agent writes, once", async () => {
  await cluster.register(n1);
  await cluster.start(n1);
  // While it has no key it loses to whoever has one.
  await until(
    "n1's key",
    async () => (await cluster.annotations("n1"))["wigglenet/public-key"] !== undefined,
  );
  // Creation times have seconds; of equal age n1 wins by its name.
  await cluster.register(n2, claiming(n1.podCIDRs));
  await cluster.start(n2);
  await until("the Events", async () => (await events()).length > 0, {
    seen: async () => `${await events()}\n${n2.agent!.tail()}`,
    deadlineMs: 30_000,
  });
  const described = await cluster.plane.mustKubectl(["describe", "node", "n2"]);
  assert.match(described, /Warning +ClaimConflict .*wigglenet.*pod CIDR .* overlaps the pod CIDR \S+ of n1/);
  assert.deepEqual(await asked("leases"), [], "nobody needs the Lease to tell of itself");
});

// That it is one a minute of each reason is in src/core/events.
Deno.test("of a Node without an agent the holder of the Lease tells, one of each reason", async () => {
  const name = "hostile";
  const [v4, v6] = n1.podCIDRs;
  await cluster.admin.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "wigglenet/pod-cidrs": JSON.stringify([v4, v6]), "wigglenet/node-ips": "junk" },
    },
  });
  await cluster.admin.create("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "half", annotations: { "wigglenet/audit": "half" } },
    spec: { podSelector: {} },
  });
  const ofHostile = async () => (await events()).filter((text) => text.includes(`: ${name} `));
  await until("an Event of each reason", async () => {
    return new Set((await ofHostile()).map((text) => text.split(" ").at(-1))).size === 2;
  }, { deadlineMs: 120_000, seen: async () => `${await events()}\n${n1.agent!.tail()}` });
  const { spec } = await cluster.admin.demand(LEASE) as { spec: { holderIdentity: string } };
  assert.deepEqual(await ofHostile(), [
    `${spec.holderIdentity}: ${name} ClaimConflict`,
    `${spec.holderIdentity}: ${name} ClaimMalformed`,
  ]);
  // Of a NetworkPolicy, too, which the API lets pass: beside it, and once.
  const half = `${spec.holderIdentity}: half PolicyRefused`;
  const ofHalf = async () => (await events()).filter((text) => text.includes(": half "));
  await until("its Event", async () => (await ofHalf()).length > 0, {
    deadlineMs: 120_000,
    seen: async () => `${await events()}\n${n1.agent!.tail()}`,
  });
  assert.deepEqual(await ofHalf(), [half]);
  const told = ["get", "events", "--field-selector", "involvedObject.kind=NetworkPolicy"];
  const shown = await cluster.plane.mustKubectl(told);
  assert.match(shown, /PolicyRefused +networkpolicy\/half .*neither "true" nor "false"/);
  const created = (await asked("events")).filter((text) => text === "create 201");
  assert.equal(created.length, (await events()).length);
});

Deno.test("once all is told nobody asks for anything", async () => {
  const told = (await asked("events")).length;
  for (const node of [n1, n2]) await node.agent!.kill("SIGTERM");
  await cluster.start(n2);
  await until("a new agent to find its own Events there", async () => {
    return (await asked("events")).slice(told).some((text) => text === "create 409");
  }, { deadlineMs: 30_000, seen: () => n2.agent!.tail() });
  assert.deepEqual((await asked("events")).slice(told).filter((text) => text === "create 201"), []);
});
