// Objects that policies are made of, as JSON.

import type { NodeName } from "../../src/core/nodes/node.ts";

type Json = Record<string, unknown>;

/** This node. */
export const HERE = "n1" as NodeName;

/** A Pod with an address on a node. */
export function podOf(name: string, { node = HERE as string, ip = "10.1.0.1", labels = {} } = {}): Json {
  const metadata = { name, namespace: "default", uid: name, labels: { app: name, ...labels } };
  const spec = { nodeName: node, containers: [{ name: "c", image: "i" }] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec,
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
  };
}

/** A Namespace. */
export function namespaceOf(name: string, labels: Json = {}): Json {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** A NetworkPolicy of `default` that lets the peers in to pods with this label `app`. */
export function policyOf(name: string, app: string, ...from: readonly Json[]): Json {
  const spec = {
    podSelector: { matchLabels: { app } },
    policyTypes: ["Ingress"],
    ingress: from.length === 0 ? [] : [{ from }],
  };
  const metadata = { name, namespace: "default" };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
}
