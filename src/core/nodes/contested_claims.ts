// Pod CIDRs and node addresses of all Nodes in one order, and who wins where they share an address. Both are
// prefixes here: an address is one of full length. Prefixes nest or are disjoint; all steps are near-linear.

import { addressOf } from "../net/address.ts";
import { firstBehind } from "../net/first_behind.ts";
import { comparePrefixes, contains, hostPrefix, type Prefix, prefixOf } from "../net/prefix.ts";
import { byAge, type Claim, type Node, type Rejected } from "./node.ts";

/** A pod CIDR and the name of the Node that owns it. */
export interface OwnedPrefix {
  readonly prefix: Prefix;
  readonly node: string;
}

/** One claim, as a prefix, with what decides over it. */
export interface Item {
  readonly node: Node;
  readonly claim: Claim<unknown>;
  readonly kind: "address" | "podCidr";
  readonly prefix: Prefix;
  /** Of a pod CIDR only. */
  readonly owned: OwnedPrefix | undefined;
  /** Lower wins; see {@link byRank}. */
  readonly tier: number;
}

/** A Node's claims; the same list as long as nothing about them changes. */
export type Items = readonly Item[];

const ITEMS = { keyed: new WeakMap<Node, Items>(), keyless: new WeakMap<Node, Items>() };

/** A Node's claims as items. Kept per Node, for a Node is never changed and most events change one of thousands. */
export function itemsOf(node: Node, keyless: boolean): Items {
  const known = keyless ? ITEMS.keyless : ITEMS.keyed;
  let items = known.get(node);
  if (items === undefined) known.set(node, items = makeItems(node, keyless ? 2 : 0));
  return items;
}

function makeItems(node: Node, penalty: number): Items {
  const make = (claim: Claim<unknown>, kind: Item["kind"], prefix: Prefix): Item => ({
    node,
    claim,
    kind,
    prefix,
    owned: kind === "podCidr" ? { prefix, node: node.name } : undefined,
    tier: penalty + (claim.origin === "annotation" ? 1 : 0),
  });
  // As long as it is: a list that is spread into another has room for twenty more.
  return node.addresses.map((claim) => make(claim, "address", hostPrefix(claim.value)))
    .concat(node.podCidrs.map((claim) => make(claim, "podCidr", claim.value)));
}

let last: { readonly lists: ReadonlySet<Items>; readonly order: Items } = { lists: new Set(), order: [] };

/**
 * The items of all Nodes by prefix. Starts from the order of the last call, which is right but for a few: 20,000
 * prefixes take 1 ms so, and 25 ms from scratch (2026-11-21). The result does not depend on it.
 */
export function inPrefixOrder(ofNodes: readonly Items[]): Items {
  const lists = new Set(ofNodes);
  const gone = new Set([...last.lists].filter((list) => !lists.has(list)).flat());
  const fresh = ofNodes.filter((list) => !last.lists.has(list)).flat();
  let order = last.order.filter((item) => !gone.has(item));
  if (fresh.length > order.length / 100) order = [...order, ...fresh].sort(byPrefix);
  else {for (const item of fresh) {
      order.splice(firstBehind(order, (other) => byPrefix(other, item) >= 0), 0, item);
    }}
  last = { lists, order };
  return order;
}

function byPrefix(a: Item, b: Item): number {
  return comparePrefixes(a.prefix, b.prefix) || byRank(a, b);
}

/** Claims that lost; each is named in `rejected`. `items` must be in prefix order. */
export function settleItems(items: readonly Item[], rejected: Rejected[]): Set<Claim<unknown>> {
  const contested = contestedOf(items);
  const lost = new Set<Claim<unknown>>();
  if (contested.length === 0) return lost;
  const crowded = crowdedOf(contested);
  const winners = new Winners(contested);
  for (const item of contested.sort((a, b) => byRank(a, b, crowded))) {
    const rival = winners.rivalOf(item);
    if (rival === undefined) {
      winners.add(item);
      continue;
    }
    lost.add(item.claim);
    const what = item.kind === "address" ? "address" : "pod CIDR";
    rejected.push({
      node: item.node.name,
      claim: `${what} ${textOf(item)}`,
      reason: conflictText(item, rival),
      kind: "conflict",
    });
  }
  return lost;
}

function textOf(item: Item): string {
  return item.kind === "address" ? item.prefix.text.split("/")[0]! : item.prefix.text;
}

function conflictText(item: Item, rival: Item): string {
  const owner = rival.node.name === item.node.name ? "the node itself" : rival.node.name;
  if (rival.kind === "address") {
    return `${item.kind === "address" ? "is" : "covers"} the address ${textOf(rival)} of ${owner}`;
  }
  return `${
    item.kind === "address" ? "is inside" : "overlaps"
  } the pod CIDR ${rival.prefix.text} of ${owner}`;
}

/**
 * Items that may conflict: one sweep over the sorted prefixes with a stack of those still open. Prefixes nest or
 * are disjoint, so an item conflicts with something on the stack or with nothing before it. May hold too many, never too few.
 */
function contestedOf(sorted: readonly Item[]): Item[] {
  const marked = new Set<Item>();
  const open: Item[] = [];
  for (const item of sorted) {
    while (open.length > 0 && !contains(open.at(-1)!.prefix, item.prefix)) open.pop();
    const top = open.at(-1);
    if (top !== undefined && (conflicting(top, item) || marked.has(top))) {
      marked.add(item);
      // Below a marked item everything is marked: each item is visited once.
      for (let i = open.length - 1; i >= 0 && !marked.has(open[i]!); i--) marked.add(open[i]!);
    }
    open.push(item);
  }
  return [...marked];
}

function conflicting(a: Item, b: Item): boolean {
  return a.node !== b.node || a.kind !== b.kind;
}

/** Pod CIDRs that cover addresses of two or more other Nodes. Only claims of equal weight and age count: a younger one decides nothing. */
function crowdedOf(contested: readonly Item[]): Set<Item> {
  const lengths = new Set(contested.map((item) => item.prefix.length));
  const inside = new Map<string, Set<Node>>();
  const place = ({ tier, node }: Item, text: string) => `${tier} ${node.createdMs} ${text}`;
  for (const item of contested) {
    if (item.kind !== "address") continue;
    for (const text of coversOf(item.prefix, lengths)) {
      const nodes = inside.get(place(item, text)) ?? new Set();
      inside.set(place(item, text), nodes.size < 3 ? nodes.add(item.node) : nodes);
    }
  }
  return new Set(contested.filter((item) => {
    const nodes = item.kind === "podCidr" ? inside.get(place(item, item.prefix.text)) : undefined;
    return nodes !== undefined && nodes.size - (nodes.has(item.node) ? 1 : 0) > 1;
  }));
}

const NONE: ReadonlySet<Item> = new Set();

/**
 * Between claims of equal weight and age a pod CIDR that covers several nodes' addresses goes last, for its own
 * error is likelier than theirs. Within one Node its address wins over its pod CIDR.
 */
function byRank(a: Item, b: Item, crowded: ReadonlySet<Item> = NONE): number {
  return a.tier - b.tier || byAge(a.node, b.node) || Number(crowded.has(a)) - Number(crowded.has(b)) ||
    (a.node.name < b.node.name ? -1 : a.node.name > b.node.name ? 1 : 0) ||
    (a.kind === b.kind ? comparePrefixes(a.prefix, b.prefix) : a.kind === "address" ? -1 : 1);
}

/** The texts of all prefixes of these lengths that contain the prefix, itself included. */
function coversOf(prefix: Prefix, lengths: ReadonlySet<number>): string[] {
  const texts: string[] = [];
  for (const length of lengths) {
    if (length > prefix.length) continue;
    texts.push(prefixOf(addressOf(prefix.family, prefix.value), length).text);
  }
  return texts;
}

/** Accepted items, found by what they contain and by what contains them, in steps that count lengths, not items. */
class Winners {
  readonly #lengths: ReadonlySet<number>;
  readonly #at = new Map<string, Item[]>();
  readonly #below = new Map<string, Item[]>();

  constructor(contested: readonly Item[]) {
    // The narrowest rival is named first, whoever else is contested.
    this.#lengths = new Set(contested.map((item) => item.prefix.length).sort((a, b) => b - a));
  }

  /** An accepted item that conflicts with this one. */
  rivalOf(item: Item): Item | undefined {
    const rivals = [item.prefix.text, ...coversOf(item.prefix, this.#lengths)].flatMap((text) =>
      this.#at.get(text) ?? []
    );
    return [...rivals, ...this.#below.get(item.prefix.text) ?? []].find((rival) => conflicting(rival, item));
  }

  add(item: Item): void {
    append(this.#at, item.prefix.text, item);
    for (const text of coversOf(item.prefix, this.#lengths)) append(this.#below, text, item);
  }
}

/** Keeps at most one item of each Node and kind: more would answer nothing else. */
function append(map: Map<string, Item[]>, text: string, item: Item): void {
  const items = map.get(text);
  if (items === undefined) map.set(text, [item]);
  else if (items.length < 4 && items.every((other) => conflicting(other, item))) items.push(item);
}
