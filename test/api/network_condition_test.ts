// A cloud says that a node has no network: its own agent says that it has, once all stands, and of nobody else.
//
//   n1 with the condition NetworkUnavailable, n2 without; both with agents

import assert from "node:assert/strict";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

type Condition = Readonly<Record<"type" | "status" | "reason" | "message", string>>;
const UNAVAILABLE: Condition = {
  type: "NetworkUnavailable",
  status: "True",
  reason: "NoRouteCreated",
  message: "of a cloud",
};
const ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/wigglenet";

async function conditionsOf(name: string): Promise<readonly Condition[]> {
  return (await cluster.admin.demand(`${NODES}/${name}`)).status.conditions ?? [];
}

async function takenBack(): Promise<void> {
  await until("n1 to have a network", async () => {
    return (await conditionsOf("n1")).some(({ type, status, reason }) =>
      type === "NetworkUnavailable" && status === "False" && reason === "WigglenetIsUp"
    );
  }, { deadlineMs: 60_000, seen: () => n1.agent!.tail() });
}

async function say(): Promise<void> {
  const body = { status: { conditions: [UNAVAILABLE] } };
  const type = "application/strategic-merge-patch+json";
  await cluster.admin.demand(`${NODES}/n1/status`, { method: "PATCH", type, body });
}

Deno.test("a node that is said to have no network is said to have one once all stands; its other conditions stay, and others' Nodes", async () => {
  await cluster.register(n1);
  await cluster.register(n2);
  await say();
  const [before, others] = [await conditionsOf("n1"), await conditionsOf("n2")];
  await Promise.all([n1, n2].map((node) => cluster.start(node)));
  await takenBack();
  const rest = (all: readonly Condition[]) => all.filter(({ type }) => type !== "NetworkUnavailable");
  assert.deepEqual(rest(await conditionsOf("n1")), rest(before));
  assert.deepEqual(await conditionsOf("n2"), others);
});

Deno.test("who may not say so tells it in status, with what is to be granted, and says it once he may", async () => {
  const { rules } = await cluster.admin.demand(ROLE);
  const without = rules.filter(({ resources }: { resources: string[] }) => resources[0] !== "nodes/status");
  assert.equal(without.length, rules.length - 1);
  await n1.agent!.kill("SIGTERM");
  await cluster.admin.patch(ROLE, { rules: without });
  await say();
  await cluster.start(n1);
  await n1.says(
    "what it may not",
    ({ waiting }) =>
      waiting.some(({ what, why, next }) =>
        what === "NetworkUnavailable of n1" && why.includes("403") && next.includes("nodes/status")
      ),
    60_000,
  );
  await cluster.admin.patch(ROLE, { rules });
  await takenBack();
});
