// Why a flow passes or not, in the words of the objects: which pod, which policies, which of their rules.

import type { Address } from "../net/address.ts";
import { isInRanges, rangesOf } from "./address_ranges.ts";
import type { Decision, Flow, Ruled } from "./judge_flow.ts";
import type { PolicyPeer, PolicyPort, PolicyRule } from "./objects.ts";
import type { PodBook } from "./pod_book.ts";
import { podKey, type PodRecord } from "./pod_class.ts";
import { numbersAt, type PolicyRecord } from "./policy_list.ts";
import type { Direction, Verdict } from "./policy_table.ts";
import { selects } from "./selector.ts";

/** One end of the flow that is a pod of this node. */
export interface Reason {
  readonly direction: Direction;
  readonly verdict: Verdict;
  /** `namespace/name`; undefined: no known pod has the address. */
  readonly pod: string | undefined;
  /** The content's name in the kernel; undefined: it is bound to none. */
  readonly content: string | undefined;
  /** The peer or port set that the far end was found in. */
  readonly set: string | undefined;
  /** Policies that isolate the pod in this direction: `namespace/name`, sorted. */
  readonly isolating: readonly string[];
  /** Rules that allow the flow: `namespace/name spec.ingress[0]`, sorted. */
  readonly allowing: readonly string[];
}

/** What becomes of a flow, and why, at each end that is here. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly reasons: readonly Reason[];
}

/** Tells what was ruled in the words of the objects. */
export function explainFlow(ruled: Ruled, flow: Flow, book: PodBook): Explanation {
  const reasons = (["egress", "ingress"] as const).flatMap((direction): Reason[] => {
    const local = direction === "egress" ? flow.source : flow.destination;
    const record = book.localAt(local);
    const decision = ruled[direction];
    return record === undefined && decision === undefined
      ? []
      : [reasonOf({ direction, flow, book, record }, decision)];
  });
  return { verdict: ruled.verdict, reasons };
}

interface End {
  readonly direction: Direction;
  readonly flow: Flow;
  readonly book: PodBook;
  readonly record: PodRecord | undefined;
}

function reasonOf(end: End, decision: Decision | undefined): Reason {
  const { direction, record } = end;
  const policies = record?.podClass?.list?.isolating(direction) ?? [];
  const match = decision?.entry?.match;
  return {
    direction,
    verdict: decision?.verdict ?? "accept",
    pod: record && podKey(record.pod),
    content: decision?.content,
    set: match?.kind === "peers" || match?.kind === "ports" ? match.set : undefined,
    isolating: policies.map(nameOf),
    allowing: policies.flatMap((policy) => allowingRules(policy, end)),
  };
}

function nameOf({ policy }: PolicyRecord): string {
  return `${policy.namespace}/${policy.name}`;
}

function allowingRules(record: PolicyRecord, end: End): string[] {
  return record.policy[end.direction]!
    .filter((rule) => allows(rule, record, end))
    .map(({ index }) => `${nameOf(record)} spec.${end.direction}[${index}]`);
}

function allows({ peers, ports }: PolicyRule, { policy }: PolicyRecord, end: End): boolean {
  const far = end.direction === "egress" ? end.flow.destination : end.flow.source;
  const owner = end.book.peerAt(far);
  const isPeer = (peer: PolicyPeer) => means(peer, policy.namespace, { far, owner });
  const target = end.direction === "egress" ? owner : end.record;
  return (peers?.some(isPeer) ?? true) && (ports?.some((port) => isPort(port, end.flow, target)) ?? true);
}

interface FarEnd {
  readonly far: Address;
  readonly owner: PodRecord | undefined;
}

function means(peer: PolicyPeer, namespace: string, { far, owner }: FarEnd): boolean {
  if (peer.kind === "block") {
    return peer.block.family === far.family && isInRanges(rangesOf(peer), far.value);
  }
  const podClass = owner?.podClass;
  if (podClass === undefined || !selects(peer.pods, podClass.labels)) return false;
  if (peer.namespaces === undefined) return podClass.namespace.name === namespace;
  const labels = podClass.namespace.namespace?.labels;
  return labels !== undefined && selects(peer.namespaces, labels);
}

function isPort(port: PolicyPort, flow: Flow, target: PodRecord | undefined): boolean {
  if (port.protocol !== flow.protocol) return false;
  if (port.kind === "range") return port.first <= flow.port && flow.port <= port.last;
  return target !== undefined && numbersAt(target, port).includes(flow.port);
}
