// Pods, Namespaces and NetworkPolicies in the folder that all agents of a laboratory read.

import type { Lab } from "./lab.ts";
import type { Pod } from "./pod.ts";

type Json = Record<string, unknown>;

function pathOf(lab: Lab, kind: string, name: string): string {
  return `${lab.nodesFolder}/${kind}-${name}.json`;
}

/** Adds the object, or replaces the one of its kind and name: at once, as a whole. */
export async function putFile(lab: Lab, object: Json): Promise<void> {
  const { name } = object.metadata as { name: string };
  const part = `${lab.folder}/${object.kind}-${name}.part`;
  await Deno.writeTextFile(part, JSON.stringify(object));
  await Deno.rename(part, pathOf(lab, object.kind as string, name));
}

/** Takes it away. */
export async function removeFile(lab: Lab, kind: string, name: string): Promise<void> {
  await Deno.remove(pathOf(lab, kind, name));
}

/** A pod of the laboratory as its Pod says it, in the namespace `default`, with its name as the label `app`. */
export function podObject(pod: Pod): Json {
  const podIPs = ([4, 6] as const).flatMap((family) => pod.address(family) ?? []).map((ip) => ({ ip }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: pod.name, namespace: "default", labels: { app: pod.name } },
    spec: { nodeName: pod.node.name, containers: [{ name: "c", image: "i" }] },
    status: { phase: "Running", podIP: podIPs[0]?.ip, podIPs },
  };
}

/** The Namespace of these pods. */
export const NAMESPACE = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };

/** Makes pods of the laboratory known, and their Namespace. */
export async function putPods(lab: Lab, pods: readonly Pod[]): Promise<void> {
  await putFile(lab, NAMESPACE);
  for (const pod of pods) await putFile(lab, podObject(pod));
}

/** A NetworkPolicy of `default` for pods with this label `app`. */
export function policyObject(name: string, app: string, spec: Json): Json {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace: "default" },
    spec: { podSelector: { matchLabels: { app } }, ...spec },
  };
}
