// People of several namespaces on a real API server: accounts with the roles that every cluster has, and what they may ask.

import type { Answer, ApiClient, Request } from "../lab/kubernetes/api_client.ts";
import type { Cluster } from "../lab/kubernetes/cluster.ts";
import { until } from "../lab/until.ts";
import { folderOf } from "./declared_cluster.ts";
import { POD_DUMMY, type TenantJson } from "./tenants.ts";
import type { ObjectJson } from "./walk_through.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const TENANTS = new URL("../../deploy/kubernetes/declared-tenants", import.meta.url).pathname;

/** Where an object is. */
export function pathOf(object: ObjectJson): string {
  return `${folderOf(object)}/${object.metadata.name}`;
}

/** All ways to ask for an object that stands already to be another. */
export function changesTo(object: ObjectJson): Readonly<Record<string, readonly [string, Request]>> {
  const path = pathOf(object);
  const patch = (type: string, body: unknown): Request => ({ method: "PATCH", type, body });
  return {
    "a merge patch": [path, patch("application/merge-patch+json", { spec: object.spec })],
    "a JSON patch": [
      path,
      patch("application/json-patch+json", [{ op: "replace", path: "/spec", value: object.spec }]),
    ],
    "server-side apply": [`${path}?fieldManager=x&force=true`, patch("application/apply-patch+yaml", object)],
  };
}

/** What a tenant would like to be told. */
export const FORGED = {
  status: {
    conditions: [{
      type: "Ready",
      status: "True",
      reason: "Done",
      message: "",
      lastTransitionTime: "2026-11-23T00:00:00Z",
    }],
  },
};

/** All ways to write a status. */
export async function statusWrites(
  admin: ApiClient,
  object: TenantJson,
): Promise<readonly (readonly [string, Request])[]> {
  const whole = { ...object, ...FORGED };
  const standing = await admin.demand(pathOf(object));
  return [
    [`${pathOf(object)}/status`, { method: "PATCH", type: "application/merge-patch+json", body: FORGED }],
    [`${pathOf(object)}/status`, {
      method: "PATCH",
      type: "application/json-patch+json",
      body: [{ op: "add", path: "/status", value: FORGED.status }],
    }],
    [`${pathOf(object)}/status?fieldManager=x&force=true`, {
      method: "PATCH",
      type: "application/apply-patch+yaml",
      body: whole,
    }],
    [`${pathOf(object)}/status`, { method: "PUT", body: { ...standing, ...FORGED } }],
  ];
}

/** Makes the kinds and the policies of tenants; what the manager of controllers would do is done here. */
export async function setUpTenants({ plane, admin }: Cluster): Promise<void> {
  await plane.mustKubectl(["apply", "--server-side", "--validate=strict", "-k", TENANTS]);
  await plane.mustKubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  const { items } = await admin.demand(`${RBAC}/clusterroles`);
  // deno-lint-ignore no-explicit-any -- JSON of the API
  const roles = items as any[];
  // `admin` holds `edit`, which holds `view`.
  for (const name of ["view", "edit", "admin"]) {
    const role = roles.find(({ metadata }) => metadata.name === name);
    const labels = role.aggregationRule.clusterRoleSelectors.map((it: { matchLabels: object }) =>
      Object.entries(it.matchLabels)
    );
    const parts = roles.filter(({ metadata }) =>
      labels.some((wanted: [string, string][]) =>
        wanted.every(([key, value]) => metadata.labels?.[key] === value)
      )
    );
    role.rules = parts.flatMap(({ rules }) => rules ?? []);
    await admin.patch(`${RBAC}/clusterroles/${name}`, { rules: role.rules });
  }
}

/** Refused by whoever decides it: without its parameter a policy says 422. */
export function isDenied({ status }: Answer): boolean {
  return status === 403 || status === 422;
}

/** Waits until the policies hold: a namespace without a grant is refused for that. */
export async function policiesHold(client: ApiClient, object: TenantJson = POD_DUMMY): Promise<void> {
  let last: Answer | undefined;
  await until("the policies of tenants to hold", async () => {
    last = await client.ask(`${folderOf(object)}?dryRun=All`, { method: "POST", body: object });
    return isDenied(last) && /PodInterfaceGrant|no params found/.test(last.body.message);
  }, { deadlineMs: 30_000, seen: () => JSON.stringify(last) });
}

/** A client as an account of a namespace, which has a role there. */
export async function accountWith(
  { plane, admin }: Cluster,
  { name, namespace, role }: { readonly name: string; readonly namespace: string; readonly role: string },
): Promise<ApiClient> {
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await admin.create(account, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } });
  await admin.create(`${RBAC}/namespaces/${namespace}/rolebindings`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name },
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: role === "owner" ? "Role" : "ClusterRole",
      name: role,
    },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: null } };
  const { status } = await admin.create(`${account}/${name}/token`, request);
  return await plane.clientWith(status.token);
}

/** A namespace, and in it a role that may do everything there, as some clusters give it to a team. */
export async function makeNamespace({ admin }: Cluster, name: string): Promise<void> {
  await admin.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await admin.create(`${RBAC}/namespaces/${name}/roles`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "owner" },
    rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  });
}
