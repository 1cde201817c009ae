// Pods, Namespaces and NetworkPolicies of a real API, as kubelets and people write them: no controller of a laboratory's own.

import { type ApiClient, inParallel } from "./api_client.ts";

type Json = Record<string, unknown>;

const GROUPS: Readonly<Record<string, string>> = {
  Pod: "/api/v1/namespaces/NAMESPACE/pods",
  Namespace: "/api/v1/namespaces",
  NetworkPolicy: "/apis/networking.k8s.io/v1/namespaces/NAMESPACE/networkpolicies",
};

/** Where objects of a kind are listed and made. */
function collection(kind: string, namespace = "default"): string {
  const path = GROUPS[kind];
  if (path === undefined) throw new Error(`no place for a ${kind}`);
  return path.replace("NAMESPACE", namespace);
}

/** Makes the object, or makes the one of its name what it says. Pods get the status that it has, as by their kubelet. */
export async function putObject(admin: ApiClient, object: Json): Promise<void> {
  const { name, namespace, labels } = object.metadata as { name: string; namespace?: string; labels?: Json };
  const kind = object.kind as string;
  const folder = collection(kind, namespace);
  const path = `${folder}/${name}`;
  const before = await admin.ask(path);
  if (before.status === 404) await admin.create(folder, object);
  else if (kind === "NetworkPolicy") {
    const { resourceVersion } = before.body.metadata;
    await admin.demand(path, {
      method: "PUT",
      body: { ...object, metadata: { ...object.metadata as Json, resourceVersion } },
    });
  } else {
    // What it had and has no more is taken away, but for the label that the API server itself gives.
    const { "kubernetes.io/metadata.name": _, ...had } = before.body.metadata.labels ?? {};
    const gone = Object.fromEntries(Object.keys(had).map((key) => [key, null]));
    await admin.patch(path, { metadata: { labels: { ...gone, ...labels } } });
  }
  if (kind === "Pod") await admin.patch(`${path}/status`, { status: object.status });
}

/** @param name with its namespace before it, where the kind has one */
export async function removeObject(admin: ApiClient, kind: string, name: string): Promise<void> {
  const [namespace, own] = name.includes("/") ? name.split("/") as [string, string] : [undefined, name];
  await admin.remove(`${collection(kind, namespace)}/${own}?gracePeriodSeconds=0`);
}

/** Removes all Pods and NetworkPolicies of `default`, and its labels. */
export async function removeAll(admin: ApiClient): Promise<void> {
  for (const kind of ["NetworkPolicy", "Pod"]) {
    const { items } = await admin.demand(collection(kind)) as { items: { metadata: { name: string } }[] };
    await inParallel(items, ({ metadata: { name } }) => removeObject(admin, kind, `default/${name}`));
  }
  await putObject(admin, { kind: "Namespace", metadata: { name: "default", labels: {} } });
}
