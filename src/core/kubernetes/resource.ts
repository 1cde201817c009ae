// What is listed and watched of the Kubernetes API: which kind of object, where, and which of them.

/** One kind of object, as the API serves it. */
export interface Resource {
  /** As an object says it. */
  readonly kind: string;
  /** Of the API group; empty: the core's. */
  readonly group: string;
  /** As RBAC names it. */
  readonly plural: string;
  /** Where all of them are listed. */
  readonly path: string;
  /** Further parameters of list and watch. */
  readonly query: Readonly<Record<string, string>>;
}

/** Nodes. */
export const NODES: Resource = {
  kind: "Node",
  group: "",
  plural: "nodes",
  path: "/api/v1/nodes",
  query: {},
};

/** Namespaces. */
export const NAMESPACES: Resource = {
  kind: "Namespace",
  group: "",
  plural: "namespaces",
  path: "/api/v1/namespaces",
  query: {},
};

/** NetworkPolicies of all namespaces. */
export const NETWORK_POLICIES: Resource = {
  kind: "NetworkPolicy",
  group: "networking.k8s.io",
  plural: "networkpolicies",
  path: "/apis/networking.k8s.io/v1/networkpolicies",
  query: {},
};

/** A pod that has ended has no address any more, whatever its status says: another may have it. */
const ALIVE = "status.phase!=Succeeded,status.phase!=Failed";

/** Pods of one node that have not ended. The API server has an index of pods by node, so that this watch is cheap. */
export function podsOf(node: string): Resource {
  return pods(`spec.nodeName=${node},${ALIVE}`);
}

/** The pods of all other nodes: no pod is in both. One without a node has no address either. */
export function podsBeside(node: string): Resource {
  return pods(`spec.nodeName!=${node},spec.nodeName!=,${ALIVE}`);
}

function pods(fieldSelector: string): Resource {
  return { kind: "Pod", group: "", plural: "pods", path: "/api/v1/pods", query: { fieldSelector } };
}
