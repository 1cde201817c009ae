// Nodes that come and go in an ordinary cluster, where nobody claims what is another's: only what they touch is settled
// anew. Whatever is not as simple as that is left to settle_claims.ts, which gives the same result.

import type { PublicKey } from "../net/keys.ts";
import { firstBehind } from "../net/first_behind.ts";
import { areApart, comparePrefixes, type Prefix } from "../net/prefix.ts";
import { equalEnds } from "../net/equal_ends.ts";
import { type Items, itemsOf, type OwnedPrefix } from "./contested_claims.ts";
import { announces, type Node } from "./node.ts";
import type { Settlement } from "./settle_claims.ts";
import { settledNode } from "./settled_node.ts";

/** A settlement in which nobody lost anything and no prefix is inside another: the ordinary cluster. */
interface Quiet {
  /** By name. */
  readonly nodes: readonly Node[];
  readonly keys: ReadonlySet<PublicKey>;
  readonly items: Items;
  readonly settlement: Settlement;
}

/** The last settlement, where it was one. */
let quiet: Quiet | undefined;
const FEW = 100;
const NOTHING: ReadonlySet<unknown> = new Set();

/** Keeps a settlement of all Nodes, sorted by name, and their items, in prefix order, if it is quiet. */
export function remember(nodes: readonly Node[], items: Items, settlement: Settlement): void {
  quiet = undefined;
  if (nodes.some(announces)) return;
  if (
    settlement.rejected.length > 0 || !items.every(({ prefix }, i) => areApart(items[i - 1]?.prefix, prefix))
  ) return;
  const keys = new Set(nodes.flatMap(({ publicKey }) => publicKey ?? []));
  quiet = { nodes, keys, items, settlement };
}

/**
 * A few Nodes that come and go where all was quiet, and still is: what they touch is looked at, the rest is kept.
 * One of 5,000 takes 1 ms so, and 8 ms otherwise (2026-11-21). Undefined where it is not as simple as that.
 */
export function settleFew(nodes: readonly Node[], keysNeeded: boolean): Settlement | undefined {
  if (quiet === undefined) return undefined;
  const { start, end } = equalEnds(quiet.nodes, nodes);
  const gone = quiet.nodes.slice(start, quiet.nodes.length - end);
  const fresh = nodes.slice(start, nodes.length - end);
  if (gone.length + fresh.length > FEW) return undefined;
  for (let i = Math.max(1, start); i < Math.min(nodes.length, nodes.length - end + 1); i++) {
    if (nodes[i]!.name === nodes[i - 1]!.name) return undefined;
  }
  if (fresh.some(announces)) return undefined;
  const keys = withFreshKeys(quiet.keys, gone, fresh);
  const itemsOfAll = (list: readonly Node[]) =>
    list.flatMap((node) => itemsOf(node, keysNeeded && node.publicKey === undefined));
  const [out, into] = [itemsOfAll(gone), itemsOfAll(fresh)];
  const items = exchanged(quiet.items, out, into);
  if (keys === undefined || items === undefined) return undefined;
  const before = quiet.settlement;
  const settlement: Settlement = {
    nodes: [
      ...before.nodes.slice(0, start),
      ...fresh.map((node) => settledNode(node, { publicKey: node.publicKey }, NOTHING)),
      ...before.nodes.slice(before.nodes.length - end),
    ],
    podCidrs: exchanged(before.podCidrs, podCidrsOf(out), podCidrsOf(into))!,
    rejected: [],
  };
  quiet = { nodes, keys, items, settlement };
  return settlement;
}

/** Undefined when two Nodes would have one key. */
function withFreshKeys(
  keys: ReadonlySet<PublicKey>,
  gone: readonly Node[],
  fresh: readonly Node[],
): ReadonlySet<PublicKey> | undefined {
  const next = new Set(keys);
  for (const { publicKey } of gone) if (publicKey !== undefined) next.delete(publicKey);
  for (const { publicKey } of fresh) {
    if (publicKey === undefined) continue;
    if (next.has(publicKey)) return undefined;
    next.add(publicKey);
  }
  return next;
}

function podCidrsOf(items: Items): OwnedPrefix[] {
  return items.flatMap(({ owned }) => owned ?? []);
}

/** A sorted list of disjoint prefixes without some and with others; undefined when these are not disjoint. */
function exchanged<T extends { readonly prefix: Prefix }>(
  list: readonly T[],
  out: readonly T[],
  into: readonly T[],
): readonly T[] | undefined {
  const next = [...list];
  for (const item of out) {
    const place = placeIn(next, item);
    if (next[place] !== item) return undefined;
    next.splice(place, 1);
  }
  for (const item of into) {
    const place = placeIn(next, item);
    if (!areApart(next[place - 1]?.prefix, item.prefix) || !areApart(item.prefix, next[place]?.prefix)) {
      return undefined;
    }
    next.splice(place, 0, item);
  }
  return next;
}

/** Where an item stands or belongs. */
function placeIn<T extends { readonly prefix: Prefix }>(list: readonly T[], { prefix }: T): number {
  return firstBehind(list, (other) => comparePrefixes(other.prefix, prefix) >= 0);
}
