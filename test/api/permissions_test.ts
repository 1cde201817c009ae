// The permissions of the manifests are exactly what agents use: the API server's own audit log of a life with everything
// in it, against the rules that are bound to their account. A verb too few fails it, and a verb too many.

import assert from "node:assert/strict";
import { ACCOUNT, NAMESPACE, NODES } from "../lab/kubernetes/agent_account.ts";
import type { AuditEvent } from "../lab/kubernetes/control_plane.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { putObject } from "../lab/kubernetes/policy_objects.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { podOf, policyOf } from "../sources/policy_world.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
// Pods need no account of theirs: nobody runs them.
const cluster = await Cluster.create({ nodes: 3 }, { flags: ["--disable-admission-plugins=ServiceAccount"] });
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
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

/** One thing that may be asked for; undefined: of any namespace, of any name. */
interface Grant {
  readonly verb: string;
  readonly what: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** All that roles grant to the agents' account, one by one. */
async function granted(): Promise<Grant[]> {
  const lists = await Promise.all(["clusterrolebindings", "rolebindings"].map((kind) => {
    return cluster.admin.demand(`${RBAC}/${kind}`) as Promise<{ items: Binding[] }>;
  }));
  const ours = lists.flatMap(({ items }) => items).filter(({ subjects = [] }) => {
    return subjects.some(({ kind, name, namespace }) =>
      kind === "ServiceAccount" && name === ACCOUNT && namespace === NAMESPACE
    );
  });
  const grants = await Promise.all(ours.map(async ({ metadata: { namespace }, roleRef: { kind, name } }) => {
    const where = kind === "Role" ? `/namespaces/${namespace}/roles` : "/clusterroles";
    const { rules } = await cluster.admin.demand(`${RBAC}${where}/${name}`) as { rules: Rule[] };
    return rules.flatMap((rule) => grantsOf(rule, namespace));
  }));
  return grants.flat();
}

function grantsOf(rule: Rule, namespace: string | undefined): Grant[] {
  const { apiGroups = [], resources = [], resourceNames = [undefined], nonResourceURLs = [], verbs } = rule;
  const whats = [
    ...apiGroups.flatMap((group) => resources.map((what) => whatOf(group, what))),
    ...nonResourceURLs,
  ];
  return verbs.flatMap((verb) =>
    whats.flatMap((what) => resourceNames.map((name) => ({ verb, what, namespace, name })))
  );
}

function whatOf(group: string, resource: string): string {
  return group === "" ? resource : `${group}/${resource}`;
}

function whatWasAsked({ objectRef, requestURI }: AuditEvent): string {
  if (objectRef === undefined) return requestURI.replace(/\?.*/, "");
  const { apiGroup = "", resource, subresource } = objectRef;
  return whatOf(apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`);
}

function covers(grant: Grant, event: AuditEvent): boolean {
  return grant.verb === event.verb && grant.what === whatWasAsked(event) &&
    (grant.namespace === undefined || grant.namespace === event.objectRef?.namespace) &&
    (grant.name === undefined || grant.name === event.objectRef?.name);
}

function textOf({ verb, what, namespace, name }: Grant): string {
  return [
    verb,
    what,
    ...name === undefined ? [] : [name],
    ...namespace === undefined ? [] : ["in", namespace],
  ].join(" ");
}

const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
const LEASE = { name: "wigglenet-events", namespace: NAMESPACE };

/** A life with everything in it that asks something of the API. */
async function live(): Promise<void> {
  const [n1, n2, n3] = cluster.nodes as [Node, Node, Node];
  // One that has no agent, and is refused two claims for one reason: after a minute another's agent tells of the first
  // one, by the Lease, which it keeps for the second.
  const annotations = { "wigglenet/node-ips": "not JSON", "wigglenet/pod-cidrs": "not JSON" };
  const metadata = { name: "agentless", annotations };
  await cluster.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata });
  // A Lease that somebody has given back is updated; where there is none it is made.
  await cluster.admin.create(LEASES, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: LEASE,
  });
  await cluster.register(n1);
  await cluster.register(n2);
  // As a cloud does.
  await cluster.admin.demand(`${NODES}/n1/status`, {
    method: "PATCH",
    type: "application/strategic-merge-patch+json",
    body: { status: { conditions: [{ type: "NetworkUnavailable", status: "True" }] } },
  });
  for (const node of [n1, n2, n3]) await cluster.start(node);
  await cluster.register(n3);
  for (const node of cluster.nodes) {
    await cluster.knows(node, cluster.nodes.filter((other) => other !== node));
  }
  // A policy of a pod there, whose peers may be on any node.
  await putObject(cluster.admin, policyOf("any", "web", { namespaceSelector: {} }));
  await putObject(cluster.admin, podOf("web", { node: "n1", ip: "10.244.1.9" }));
  for (const resource of ["networkpolicies", "namespaces", "pods"]) await isAskedFor("watch", resource);
  await n1.says(
    "policies to be known",
    ({ policies }) => policies?.isKnown === true && policies.ingress === 1,
  );
  await cluster.admin.patch(`${NODES}/n1`, { metadata: { annotations: { "wigglenet/public-key": null } } });
  await cluster.plane.kill();
  await cluster.plane.start();
  await isAskedFor("update", "leases");
  await cluster.admin.remove(`${LEASES}/${LEASE.name}`);
  await isAskedFor("create", "leases");
  await isAskedFor("create", "events");
  await cluster.admin.remove(`${NODES}/agentless`);
  await cluster.admin.remove(`${NODES}/n3`);
  await cluster.knows(n1, [n2], 30_000);
  await cluster.knows(n2, [n1], 30_000);
  for (const node of [n1, n2, n3]) await node.agent!.kill("SIGTERM");
}

async function isAskedFor(verb: string, resource: string): Promise<void> {
  await until(`an agent to ${verb} ${resource}`, async () => {
    return (await cluster.plane.auditEvents()).some((event) => {
      return event.verb === verb && event.objectRef?.resource === resource && isAgents(event);
    });
  }, { deadlineMs: 120_000, pauseMs: 500, seen: () => cluster.nodes[0]!.agent!.tail() });
}

function isAgents({ user: { username } }: AuditEvent): boolean {
  return username === `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
}

Deno.test("what the manifests grant is what agents ask for: no verb more, no verb less, and nothing is refused", async () => {
  await live();
  const events = (await cluster.plane.auditEvents()).filter((event) => {
    return isAgents(event) && event.objectRef?.name !== "probe";
  });
  const grants = await granted();
  const isCovered = (event: AuditEvent) => grants.some((grant) => covers(grant, event));
  const textOfEvent = ({ verb, requestURI }: AuditEvent) => `${verb} ${requestURI}`;
  const uncovered = events.filter((event) => !isCovered(event));
  assert.deepEqual(uncovered.map(textOfEvent), [], "asked for, and not granted");
  // A server that has just started forbids everything until it has read the roles: that is nobody's fault.
  const denied = events.filter(({ responseStatus, annotations }) => {
    return responseStatus?.code === 403 && annotations?.["authorization.k8s.io/decision"] === "allow";
  });
  assert.deepEqual(denied.map(textOfEvent), [], "granted, and refused by the policy");
  const idle = grants.filter((grant) => !events.some((event) => covers(grant, event)));
  assert.deepEqual(idle.map(textOf), [], "granted, and never asked for");
});

/** The laboratory tries the policy on a Node of its own. */
function isOwnPatch({ verb, objectRef }: AuditEvent): boolean {
  return verb === "patch" && objectRef?.name !== "probe";
}

Deno.test("an agent patches its own Node and nobody else's", async () => {
  for (const event of (await cluster.plane.auditEvents()).filter(isOwnPatch)) {
    const name = event.objectRef?.name ?? "";
    assert.deepEqual(event.user.extra?.["authentication.kubernetes.io/node-name"], [name]);
  }
});
