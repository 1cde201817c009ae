// Sets of addresses of one family as disjoint ranges: what an ipBlock and its exceptions come to.

import { addressOf, type Family, parseAddress, widthOf } from "../net/address.ts";
import { parseMaskedPrefix } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { BlockPeer } from "./objects.ts";

/** Addresses from `first` to `last`, both included, as numbers. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** The block without its exceptions (P8), sorted. */
export function rangesOf({ block, except }: BlockPeer): AddressRange[] {
  const ranges: AddressRange[] = [];
  let next = block.value;
  for (const { value, end } of except) { // sorted, so that one within another comes behind it
    if (value > next) ranges.push({ first: next, last: value - 1n });
    if (end > next) next = end;
  }
  if (next < block.end) ranges.push({ first: next, last: block.end - 1n });
  return ranges;
}

/** The union as disjoint ranges that do not touch, sorted. */
export function mergeRanges(ranges: readonly AddressRange[]): AddressRange[] {
  const sorted = [...ranges].sort((a, b) => a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
  const merged: AddressRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.first > last.last + 1n) merged.push(range);
    else if (range.last > last.last) merged[merged.length - 1] = { first: last.first, last: range.last };
  }
  return merged;
}

/** True when there is no address of the family outside; the ranges are merged. */
export function isWhole(ranges: readonly AddressRange[], family: Family): boolean {
  return ranges.length === 1 && ranges[0]!.first === 0n &&
    ranges[0]!.last === (1n << BigInt(widthOf(family))) - 1n;
}

/** True when the address with this number is in one of the merged ranges. */
export function isInRanges(ranges: readonly AddressRange[], value: bigint): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.last < value) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]!.first <= value;
}

/** As nft writes them: `10.0.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.6`. */
export function rangeText({ first, last }: AddressRange, family: Family): string {
  const from = addressOf(family, first).text;
  if (first === last) return from;
  const size = last - first + 1n;
  const isPrefix = (size & (size - 1n)) === 0n && (first & (size - 1n)) === 0n;
  if (!isPrefix) return `${from}-${addressOf(family, last).text}`;
  return `${from}/${widthOf(family) - (size.toString(2).length - 1)}`;
}

/** Reads what {@link rangeText} wrote. */
export function readRange(text: string): AddressRange {
  const [from, to] = text.split("-");
  if (to !== undefined) return { first: valueOf(from!), last: valueOf(to) };
  const prefix = parseMaskedPrefix(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  if (refused(prefix)) throw new TypeError(prefix.reason);
  return { first: prefix.value, last: prefix.end - 1n };
}

function valueOf(text: string): bigint {
  const address = parseAddress(text);
  if (refused(address)) throw new TypeError(address.reason);
  return address.value;
}
