// Who owns what, decided alike on every node from the Node objects alone. Two claims conflict when they
// share an address and belong to different Nodes, or when a pod CIDR covers a node address.
// Pod CIDRs and addresses are settled together, as prefixes: an address is a prefix of full length.

import type { Address } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import { inPrefixOrder, itemsOf, type OwnedPrefix, settleItems } from "./contested_claims.ts";
import { byAge, type Claim, type Node, type Rejected } from "./node.ts";

/** A Node with only what it owns. */
export interface SettledNode {
  readonly node: Node;
  /** Undefined when the Node has none, or when an older Node has the same one. */
  readonly publicKey: PublicKey | undefined;
  readonly podCidrs: readonly Prefix[];
  readonly addresses: readonly Address[];
}

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
  const rejected: Rejected[] = [];
  // The one sort of Nodes: everything behind it is in name order, so that shuffled input gives the same bytes.
  const nodes = withoutNamesakes([...parsed].sort(byNameThenAge), rejected);
  const keys = settleKeys(nodes, rejected);
  const items = inPrefixOrder(
    nodes.map((node) => itemsOf(node, keysNeeded && keys.get(node) === undefined)),
  );
  const lost = settleItems(items, rejected);
  return {
    nodes: nodes.map((node) => settledNode(node, keys.get(node), lost)),
    podCidrs: items.filter(({ kind, claim }) => kind === "podCidr" && !lost.has(claim)).map(({ owned }) =>
      owned
    ),
    rejected,
  };
}

const SETTLED = new WeakMap<Node, SettledNode>();

/** The same object as last time when nothing about the Node changed: what is derived from it is kept too. */
function settledNode(node: Node, publicKey: PublicKey | undefined, lost: ReadonlySet<unknown>): SettledNode {
  const last = SETTLED.get(node);
  if (lost.size === 0 && last !== undefined && last.publicKey === publicKey && isWhole(last)) return last;
  const podCidrs = kept(node.podCidrs, lost);
  const addresses = kept(node.addresses, lost);
  const isSame = last !== undefined && last.publicKey === publicKey && sameItems(last.podCidrs, podCidrs) &&
    sameItems(last.addresses, addresses);
  const settled = isSame ? last : { node, publicKey, podCidrs, addresses };
  SETTLED.set(node, settled);
  return settled;
}

function isWhole({ node, podCidrs, addresses }: SettledNode): boolean {
  return podCidrs.length === node.podCidrs.length && addresses.length === node.addresses.length;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function kept<T>(claims: readonly Claim<T>[], lost: ReadonlySet<unknown>): T[] {
  const values: T[] = [];
  for (const claim of claims) if (!lost.has(claim)) values.push(claim.value);
  return values;
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
  return JSON.stringify(
    [node.publicKey, node.podCidrs, node.addresses].map((part) =>
      Array.isArray(part) ? part.map(({ value, origin }) => [value.text, origin]) : part
    ),
  );
}

function withoutNamesakes(sorted: readonly Node[], rejected: Rejected[]): Node[] {
  return sorted.filter((node, i) => {
    const isFirst = node.name !== sorted[i - 1]?.name;
    if (!isFirst) {
      rejected.push({ node: node.name, claim: "Node", reason: "another, older object has the same name" });
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
      });}
  }
  return keys;
}
