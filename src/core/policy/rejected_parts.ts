// What no object shows by itself: several pods that say one address is theirs, addresses that are not their node's, policies of
// namespaces that nobody knows, and those that are too much together.

import type { Address } from "../net/address.ts";
import type { NetworkPolicy, PolicyRule, RejectedPart } from "./objects.ts";
import type { PodBook } from "./pod_book.ts";
import { type NamespaceRecord, podKey, type PodRecord } from "./pod_class.ts";
import type { PolicyList } from "./policy_list.ts";

/** All of them, sorted by object. Looks at what is wrong, not at every pod. */
export function rejectedParts(
  book: PodBook,
  namespaces: Iterable<NamespaceRecord>,
  lists: Iterable<PolicyList>,
): RejectedPart[] {
  const parts = [
    ...[...suspects(book)].flatMap((record) => addressesOf(book, record)),
    ...[...namespaces].flatMap(unknownNamespace),
    ...[...lists].flatMap(tooLarge),
  ];
  const key = ({ kind, namespace, name, claim }: RejectedPart) => `${kind} ${namespace}/${name} ${claim}`;
  const byKey = new Map(parts.map((part) => [key(part), part]));
  return [...byKey].sort(([a], [b]) => a < b ? -1 : 1).map(([, part]) => part);
}

function suspects(book: PodBook): Set<PodRecord> {
  return new Set([...book.unsound, ...[...book.contested].flatMap((address) => book.claimsOf(address))]);
}

function addressesOf(book: PodBook, record: PodRecord): RejectedPart[] {
  const { pod, isLocal } = record;
  return pod.addresses.flatMap((address) => {
    const reason = addressReason(book, record, address);
    if (reason === undefined) return [];
    const { namespace, name } = pod;
    const claim = `status.podIPs ${address.text}`;
    const cost = isLocal ? "no peer by it, and closed where it is not the newest" : "no peer by it";
    return [{ kind: "Pod" as const, namespace, name, claim, reason: `${reason}: ${cost}` }];
  });
}

function addressReason(book: PodBook, record: PodRecord, address: Address): string | undefined {
  if (!book.isSound(record, address)) return `it is not in a pod CIDR of node ${record.pod.nodeName}`;
  if (!book.contested.has(address.text)) return undefined;
  const owner = book.peerAt(address);
  return owner === undefined || owner === record
    ? undefined
    : `pod ${podKey(owner.pod)}, which started later, has it`;
}

function unknownNamespace({ name, namespace, policies }: NamespaceRecord): RejectedPart[] {
  if (namespace !== undefined) return [];
  return [...policies.values()].map(({ policy }) => ({
    kind: "NetworkPolicy",
    namespace: name,
    name: policy.name,
    claim: "metadata.namespace",
    reason: "the Namespace is not known: no namespaceSelector means its pods",
  }));
}

/** Told of the largest policy: the others may be as small as can be. */
function tooLarge(list: PolicyList): RejectedPart[] {
  return list.contents().filter(({ isTooLarge }) => isTooLarge).map(({ content: { direction } }) => {
    const size = ({ policy }: { policy: NetworkPolicy }) =>
      (policy[direction] ?? []).reduce((sum, rule) => sum + sizeOf(rule), 0);
    const { policy } = [...list.isolating(direction)].sort((a, b) => size(b) - size(a))[0]!;
    return {
      kind: "NetworkPolicy",
      namespace: policy.namespace,
      name: policy.name,
      claim: `spec.${direction}`,
      reason: "too many peers on too many overlapping ports: nothing is allowed to the pods that it selects",
    };
  });
}

function sizeOf({ peers, ports }: PolicyRule): number {
  return (peers?.length ?? 1) * (ports?.length ?? 1);
}
