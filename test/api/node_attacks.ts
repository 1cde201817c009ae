// What nobody's agent may do to Nodes, whatever else its account may: for tests of the role and of the policy.

import type { Request } from "../lab/kubernetes/api_client.ts";

/** A path below the Nodes, and what is asked there, by what an operator would call it. */
export type Attacks = Readonly<Record<string, readonly [path: string, request: Request]>>;

/** A patch, by default a merge patch. */
export function patch(body: unknown, type = "application/merge-patch+json"): Request {
  return { method: "PATCH", body, type };
}

/** Making and deleting Nodes; the agent is that of n1, and n3 is not there. */
export const COMINGS_AND_GOINGS: Attacks = {
  "a new Node": ["", { method: "POST", body: { apiVersion: "v1", kind: "Node", metadata: { name: "n3" } } }],
  "a new Node by apply": [
    "/n3?fieldManager=x",
    patch({ apiVersion: "v1", kind: "Node", metadata: { name: "n3" } }, "application/apply-patch+yaml"),
  ],
  "its own Node's deletion": ["/n1", { method: "DELETE" }],
  "all Nodes' deletion": ["", { method: "DELETE" }],
};
