// Who owns what, decided alike on every node from the Node objects alone. Two claims conflict when they
// share an address and belong to different Nodes, or when a pod CIDR covers a node address.
// Pod CIDRs and addresses are settled together, as prefixes: an address is a prefix of full length.

import type { PublicKey } from "../net/keys.ts";
import { inPrefixOrder, itemsOf, type OwnedPrefix, settleItems } from "./contested_claims.ts";
import { ANNOTATION, announces, byAge, type Node, type Rejected } from "./node.ts";
import { type SettledNode, settledNode } from "./settled_node.ts";
import { remember, settleFew } from "./settle_few.ts";

/** Every Node once, sorted by name; all pod CIDRs, sorted; and the claims that lost. */
export interface Settlement {
  readonly nodes: readonly SettledNode[];
  readonly podCidrs: readonly OwnedPrefix[];
  readonly rejected: readonly Rejected[];
}

/**
 * Decides between claims: `spec` and `status` before annotations, then the older `creationTimestamp`
 * (missing counts as newest), then the name. A Node without a usable key loses to every Node with one
 * when `keysNeeded`: it cannot be a peer, so that its claims must cost no peer anything.
 */
export function settleClaims(parsed: readonly Node[], keysNeeded: boolean): Settlement {
  // The one sort of Nodes: everything behind it is in name order, so that shuffled input gives the same bytes.
  const sorted = [...parsed].sort(byNameThenAge);
  return settleFew(sorted, keysNeeded) ?? settleAll(sorted, keysNeeded);
}

/** The same, without a look at the last settlement. */
export function settleAll(parsed: readonly Node[], keysNeeded: boolean): Settlement {
  const rejected: Rejected[] = [];
  const nodes = withoutNamesakes([...parsed].sort(byNameThenAge), rejected);
  const keys = settleKeys(nodes, rejected);
  const nextKeys = settleNextKeys(nodes, keys, rejected);
  const items = inPrefixOrder(
    nodes.map((node) => itemsOf(node, keysNeeded && keys.get(node) === undefined)),
  );
  const lost = settleItems(items, rejected);
  const settlement = {
    nodes: nodes.map((node) =>
      settledNode(node, { publicKey: keys.get(node), nextKey: nextKeys.get(node) }, lost)
    ),
    podCidrs: items.flatMap(({ owned, claim }) => owned === undefined || lost.has(claim) ? [] : owned),
    rejected,
  };
  remember(nodes, items, settlement);
  return settlement;
}

function byNameThenAge(a: Node, b: Node): number {
  return a.name < b.name
    ? -1
    : a.name > b.name
    ? 1
    : byAge(a, b) || (fingerprint(a) < fingerprint(b) ? -1 : 1);
}

/** Tells namesakes of equal age apart by what they say, never by the file they came from. */
function fingerprint(node: Node): string {
  const { publicKey, nextKey, podCidrs, addresses, endpoint, keepaliveSeconds, isHostEncrypted, transports } =
    node;
  return JSON.stringify([
    node.ipsecNonce,
    node.ipsecUdpPort,
    publicKey,
    nextKey,
    podCidrs.map(({ value, origin }) => [value.text, origin]),
    addresses.map(({ value, origin, isExternal }) => [value.text, origin, isExternal]),
    endpoint?.text,
    keepaliveSeconds,
    isHostEncrypted,
    transports,
  ]);
}

function withoutNamesakes(sorted: readonly Node[], rejected: Rejected[]): Node[] {
  return sorted.filter((node, i) => {
    const isFirst = node.name !== sorted[i - 1]?.name;
    if (!isFirst) {
      const reason = "another, older object has the same name";
      rejected.push({ node: node.name, claim: "Node", reason, kind: "namesake" });
    }
    return isFirst;
  });
}

function settleKeys(nodes: readonly Node[], rejected: Rejected[]): Map<Node, PublicKey> {
  const owners = new Map<PublicKey, Node>();
  for (const node of nodes) {
    const owner = node.publicKey && owners.get(node.publicKey);
    if (node.publicKey && (owner === undefined || byAge(node, owner) < 0)) owners.set(node.publicKey, node);
  }
  const keys = new Map<Node, PublicKey>();
  for (const node of nodes) {
    if (node.publicKey === undefined) continue;
    const owner = owners.get(node.publicKey)!;
    if (owner === node) keys.set(node, node.publicKey);
    else {rejected.push({
        node: node.name,
        claim: `public key ${node.publicKey}`,
        reason: `${owner.name} has the same key`,
        kind: "conflict",
      });}
  }
  return keys;
}

/**
 * A key that anybody else says, as his own or his next one, is nobody's next one, however old the claim is: nobody can tell who made
 * it, and who goes without it loses no more than time.
 */
function settleNextKeys(
  nodes: readonly Node[],
  keys: ReadonlyMap<Node, PublicKey>,
  rejected: Rejected[],
): Map<Node, PublicKey> {
  const next = new Map<Node, PublicKey>();
  const announcing = nodes.filter(announces);
  if (announcing.length === 0) return next;
  const owners = new Map<PublicKey, Node>([...keys].map(([node, key]) => [key, node]));
  const others = Map.groupBy(announcing, ({ nextKey }) => nextKey as PublicKey);
  for (const node of announcing) {
    const key = node.nextKey as PublicKey;
    const owner = owners.get(key);
    const rival = owner === node ? undefined : owner ?? others.get(key)!.find((other) => other !== node);
    if (rival === undefined && keys.has(node)) next.set(node, key);
    if (rival === undefined) continue;
    rejected.push({
      node: node.name,
      claim: `${ANNOTATION.nextKey} ${key}`,
      reason: `${rival.name} has the same key`,
      kind: "conflict",
    });
  }
  return next;
}
