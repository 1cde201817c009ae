// A packet that policies have dropped, in the words of the objects: one event of the log.

import type { TracedDrop } from "../observed/traced_drop.ts";
import type { Address } from "../net/address.ts";
import { listed } from "../net/listed.ts";
import type { Explanation, Reason } from "./explain_flow.ts";

/** Who knows the objects: the model. */
export interface DropWitness {
  explain(flow: TracedDrop["flow"]): Explanation;
  /** `namespace/name` of the pod that has the address, as far as pods are known here. */
  podAt(address: Address): string | undefined;
}

/** An event: its fields are printed in this order. */
export interface DropLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | undefined>>;
}

/** The event of a drop. */
export function dropLineOf({ flow, protocol, isAudit, content }: TracedDrop, witness: DropWitness): DropLine {
  const { reasons } = witness.explain(flow);
  const reason = reasons.find((it) => isOf(it, content));
  return {
    message: isAudit ? "policies would drop, but for their audit" : "policies drop",
    fields: {
      direction: reason?.direction ?? directionOf(content),
      source: flow.source.text,
      from: witness.podAt(flow.source),
      destination: flow.destination.text,
      to: witness.podAt(flow.destination),
      protocol,
      port: flow.protocol === "other" ? undefined : flow.port,
      why: whyOf(reason, content),
      policies: reason === undefined ? undefined : someOf(reason.isolating) || undefined,
    },
  };
}

/** Both ends may be of this node: the one whose content it was, or whose pod nobody knows. */
function isOf({ direction, pod, verdict }: Reason, content: string | undefined): boolean {
  return content === undefined ? pod === undefined && verdict === "drop" : direction === directionOf(content);
}

function directionOf(content: string | undefined): Reason["direction"] | undefined {
  if (content === undefined) return undefined;
  return content.startsWith("i") ? "ingress" : "egress";
}

function whyOf(reason: Reason | undefined, content: string | undefined): string {
  if (content === undefined) return "no known pod has the address (POLICY_UNKNOWN_PODS)";
  if (reason === undefined || reason.verdict === "accept") return "no rule allowed it; by now one does";
  return "no rule allows it";
}

/** Names, some of them, without spaces: policies of a pod are few, of one that has a hundred some say enough. */
export function someOf(names: readonly string[], shown?: number): string {
  return listed(names, { shown, separator: "," });
}
