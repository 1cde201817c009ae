// A Node with only what it owns, after all claims are settled.

import type { Address } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Claim, Node } from "./node.ts";

/** A Node with only what it owns. */
export interface SettledNode {
  readonly node: Node;
  /** Undefined when the Node has none, or when an older Node has the same one. */
  readonly publicKey: PublicKey | undefined;
  /** Undefined: its key does not rotate, or the next one is another Node's. */
  readonly nextKey?: PublicKey;
  readonly podCidrs: readonly Prefix[];
  readonly addresses: readonly Address[];
}

/** Keys that a Node may have. */
export interface SettledKeys {
  readonly publicKey: PublicKey | undefined;
  readonly nextKey?: PublicKey | undefined;
}

const SETTLED = new WeakMap<Node, SettledNode>();

/** The same object as last time when nothing about the Node changed: what is derived from it is kept too. */
export function settledNode(
  node: Node,
  { publicKey, nextKey }: SettledKeys,
  lost: ReadonlySet<unknown>,
): SettledNode {
  const last = SETTLED.get(node);
  const hasKeys = last?.publicKey === publicKey && last?.nextKey === nextKey;
  if (lost.size === 0 && last !== undefined && hasKeys && isWhole(last)) return last;
  const podCidrs = kept(node.podCidrs, lost);
  const addresses = kept(node.addresses, lost);
  const isSame = last !== undefined && hasKeys && sameItems(last.podCidrs, podCidrs) &&
    sameItems(last.addresses, addresses);
  const settled = isSame
    ? last
    : { node, publicKey, ...(nextKey === undefined ? {} : { nextKey }), podCidrs, addresses };
  SETTLED.set(node, settled);
  return settled;
}

function isWhole({ node, podCidrs, addresses }: SettledNode): boolean {
  return podCidrs.length === node.podCidrs.length && addresses.length === node.addresses.length;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** A list that grows has room for 17: `map` makes it as long as it is, which counts where there are thousands. */
function kept<T>(claims: readonly Claim<T>[], lost: ReadonlySet<unknown>): T[] {
  const isLost = lost.size > 0 && claims.some((claim) => lost.has(claim));
  return (isLost ? claims.filter((claim) => !lost.has(claim)) : claims).map(({ value }) => value);
}
