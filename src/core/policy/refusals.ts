// What of Pods, Namespaces and NetworkPolicies is not believed, as `status`, metrics and Events tell of it.

import type { Rejected } from "../nodes/node.ts";
import type { RejectedPart } from "./objects.ts";

/** One by one, in their order. */
export function refusalsOf(parts: readonly RejectedPart[]): Rejected[] {
  return parts.map(({ kind, namespace, name, claim, reason }) => ({
    node: `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`,
    claim,
    reason,
    kind: "policy",
    object: { kind, namespace, name },
  }));
}
