// Who a list of peers means in one family: everybody, or pods by terms and ranges of addresses. One value for the equal
// lists of many rules.

import { type Family, widthOf } from "../net/address.ts";
import { type AddressRange, isWhole, mergeRanges, rangesOf, rangeText } from "./address_ranges.ts";
import type { PolicyPeer } from "./objects.ts";
import { type Term, termOf } from "./set_spec.ts";

/** Peers of one or more rules. Build it with {@link allowedPeers} and {@link unionOf} only. */
export interface AllowedPeers {
  /** Everybody of the family; then there is neither a term nor a range. */
  readonly isEverybody: boolean;
  /** Sorted by key. */
  readonly terms: readonly Term[];
  /** Merged. */
  readonly ranges: readonly AddressRange[];
  /** Equal texts are equal peers. */
  readonly text: string;
}

/** Whom a rule of a policy in this namespace means; undefined peers are everybody (S6). */
export function allowedPeers(
  peers: readonly PolicyPeer[] | undefined,
  namespace: string,
  family: Family,
): AllowedPeers {
  if (peers === undefined) return EVERYBODY;
  const terms = peers.flatMap((peer) => peer.kind === "pods" ? [termOf(peer, namespace)] : []);
  const ranges = peers.flatMap((peer) =>
    peer.kind === "block" && peer.block.family === family ? rangesOf(peer) : []
  );
  return allowed(terms, ranges, family);
}

/** Everybody that one of them means. */
export function unionOf(all: readonly AllowedPeers[], family: Family): AllowedPeers {
  if (all.length === 1) return all[0]!;
  if (all.some(({ isEverybody }) => isEverybody)) return EVERYBODY;
  return allowed(all.flatMap(({ terms }) => terms), all.flatMap(({ ranges }) => ranges), family);
}

const EVERYBODY: AllowedPeers = { isEverybody: true, terms: [], ranges: [], text: "*" };

function allowed(terms: readonly Term[], ranges: readonly AddressRange[], family: Family): AllowedPeers {
  const merged = mergeRanges(ranges);
  if (isWhole(merged, family)) return EVERYBODY;
  const byKey = new Map(terms.map((term) => [term.key, term]));
  const keys = [...byKey.keys()].sort();
  const texts = merged.map(({ first, last }) => `${first.toString(36)}-${last.toString(36)}`);
  return {
    isEverybody: false,
    terms: keys.map((key) => byKey.get(key)!),
    ranges: merged,
    text: `${widthOf(family)} ${keys.join(" or ")} ${texts.join(" ")}`,
  };
}

/** As nft writes them. */
export function rangeTexts({ ranges }: AllowedPeers, family: Family): string[] {
  return ranges.map((range) => rangeText(range, family));
}
