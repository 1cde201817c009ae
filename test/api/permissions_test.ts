// The permissions of the manifests are exactly what agents use: the API server's own audit log of a life with everything
// in it, against the rules that are bound to their account. A verb too few fails it, and a verb too many.

import assert from "node:assert/strict";
import { ACCOUNT, NAMESPACE, NODES } from "../lab/kubernetes/agent_account.ts";
import type { AuditEvent } from "../lab/kubernetes/control_plane.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const cluster = await Cluster.create({ nodes: 3 });
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

interface Binding {
  readonly metadata: { readonly namespace?: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
  }[];
}

/** `list nodes`, `create events.k8s.io/events in default`. */
function nameOf(verb: string, group: string, resource: string): string {
  return `${verb} ${group === "" ? "" : `${group}/`}${resource}`;
}

/** All that roles grant to the agents' account. */
async function granted(): Promise<string[]> {
  const lists = await Promise.all(["clusterrolebindings", "rolebindings"].map((kind) => {
    return cluster.admin.demand(`${RBAC}/${kind}`) as Promise<{ items: Binding[] }>;
  }));
  const ours = lists.flatMap(({ items }) => items).filter(({ subjects = [] }) => {
    return subjects.some(({ kind, name, namespace }) =>
      kind === "ServiceAccount" && name === ACCOUNT && namespace === NAMESPACE
    );
  });
  const rules = await Promise.all(ours.map(async ({ metadata: { namespace }, roleRef: { kind, name } }) => {
    const where = kind === "Role" ? `/namespaces/${namespace}/roles` : "/clusterroles";
    const { rules } = await cluster.admin.demand(`${RBAC}${where}/${name}`) as { rules: Rule[] };
    return rules;
  }));
  const names = rules.flat().flatMap(({ apiGroups = [], resources = [], nonResourceURLs = [], verbs }) => [
    ...verbs.flatMap((verb) =>
      apiGroups.flatMap((group) => resources.map((what) => nameOf(verb, group, what)))
    ),
    ...verbs.flatMap((verb) => nonResourceURLs.map((path) => `${verb} ${path}`)),
  ]);
  return [...new Set(names)].sort();
}

function asked({ verb, objectRef, requestURI }: AuditEvent): string {
  if (objectRef === undefined) return `${verb} ${requestURI.replace(/\?.*/, "")}`;
  const { apiGroup = "", resource, subresource } = objectRef;
  return nameOf(verb, apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`);
}

/** A life with everything in it that asks something of the API. */
async function live(): Promise<void> {
  const [n1, n2, n3] = cluster.nodes as [Node, Node, Node];
  await cluster.register(n1);
  await cluster.register(n2);
  for (const node of [n1, n2, n3]) await cluster.start(node);
  await cluster.register(n3);
  for (const node of cluster.nodes) {
    await cluster.knows(node, cluster.nodes.filter((other) => other !== node));
  }
  await cluster.admin.patch(`${NODES}/n1`, { metadata: { annotations: { "wigglenet/public-key": null } } });
  await cluster.plane.kill();
  await cluster.plane.start();
  // Two Nodes that claim the same: somebody has to be told.
  await cluster.admin.patch(`${NODES}/n2`, {
    metadata: { annotations: { "wigglenet/node-ips": "not JSON" } },
  });
  await cluster.admin.remove(`${NODES}/n3`);
  await cluster.knows(n1, [n2], 30_000);
  await cluster.knows(n2, [n1], 30_000);
  for (const node of [n1, n2, n3]) await node.agent!.kill("SIGTERM");
}

Deno.test("what the manifests grant is what agents ask for: no verb more, no verb less, and nothing is refused", async () => {
  await live();
  const user = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
  const events = (await cluster.plane.auditEvents()).filter((event) => {
    return event.user.username === user && event.objectRef?.name !== "probe";
  });
  const refused = events.filter(({ responseStatus }) => responseStatus?.code === 403);
  assert.deepEqual(refused.map(asked), []);
  assert.deepEqual([...new Set(events.map(asked))].sort(), await granted());
});

Deno.test("an agent patches its own Node and nobody else's", async () => {
  for (const event of (await cluster.plane.auditEvents()).filter(({ verb }) => verb === "patch")) {
    const name = event.objectRef?.name ?? "";
    const extra = (event.user as { extra?: Record<string, string[]> }).extra ?? {};
    assert.deepEqual(extra["authentication.kubernetes.io/node-name"], [name]);
  }
});
