// CIDR prefixes as values, and the set algebra that routes and nft sets need.
// A Prefix never has host bits; an address with a mask (`10.244.1.1/24`) is refused or masked, by the reader's name.

import { type Address, addressOf, compareAddresses, type Family, parseAddress, widthOf } from "./address.ts";
import { quote, Refusal, refused } from "./refusal.ts";

/** A network: all bits behind `length` are zero. Build it with {@link parsePrefix} or {@link prefixOf} only. */
export interface Prefix {
  readonly family: Family;
  readonly value: bigint;
  /** The number behind its last address. */
  readonly end: bigint;
  /** Number of leading bits that are fixed. */
  readonly length: number;
  /** Canonical text, always with its length: `10.244.1.0/24`. */
  readonly text: string;
}

/** 2 to the power of the index: the size of a prefix with so many host bits. To look it up costs a tenth of shifting. */
const SIZES: readonly bigint[] = Array.from({ length: 129 }, (_, bits) => 1n << BigInt(bits));
const LENGTH = /^(0|[1-9]\d{0,2})$/;

/** Reads `address/length`; host bits, missing, padded or too large lengths are refused. */
export function parsePrefix(text: unknown): Prefix | Refusal {
  const parsed = split(text);
  if (refused(parsed)) return parsed;
  const prefix = prefixOf(parsed.address, parsed.length);
  if (prefix.value !== parsed.address.value) {
    return new Refusal(`${quote(text)} has host bits: the network is ${prefix.text}`);
  }
  return prefix;
}

/** Reads `address/length` and drops host bits, as Go's net.ParseCIDR does for the operator's own files. */
export function parseMaskedPrefix(text: unknown): Prefix | Refusal {
  const parsed = split(text);
  return refused(parsed) ? parsed : prefixOf(parsed.address, parsed.length);
}

function split(text: unknown): { address: Address; length: number } | Refusal {
  if (typeof text !== "string") return new Refusal(`${quote(text)} is not a CIDR`);
  const slash = text.indexOf("/");
  if (slash < 0) return new Refusal(`${quote(text)} is not a CIDR: no prefix length`);
  const address = parseAddress(text.slice(0, slash));
  if (refused(address)) return new Refusal(`${quote(text)} is not a CIDR: ${address.reason}`);
  const digits = text.slice(slash + 1);
  if (!LENGTH.test(digits) || Number(digits) > widthOf(address.family)) {
    return new Refusal(`${quote(text)} is not a CIDR: prefix length must be 0 to ${widthOf(address.family)}`);
  }
  return { address, length: Number(digits) };
}

/** The network of that length around an address. */
export function prefixOf(address: Address, length: number): Prefix {
  const shift = BigInt(widthOf(address.family) - length);
  const value = (address.value >> shift) << shift;
  const network = value === address.value ? address : addressOf(address.family, value);
  const end = value + SIZES[widthOf(address.family) - length]!;
  return { family: address.family, value, end, length, text: [network.text, length].join("/") };
}

/**
 * The subnet of that length with this number, counted from 0.
 * @returns a Refusal where there is none: a length out of the prefix's own to the family's width, an index out of range
 */
export function subnetOf(prefix: Prefix, length: bigint, index: bigint): Prefix | Refusal {
  const width = widthOf(prefix.family);
  if (length < prefix.length || length > width) {
    return new Refusal(
      `${prefix.text} has no subnets of length ${length}: it must be ${prefix.length} to ${width}`,
    );
  }
  const count = 1n << (length - BigInt(prefix.length));
  if (index < 0n || index >= count) {
    return new Refusal(
      `${prefix.text} has no subnet ${index} of length ${length}: the last one is ${count - 1n}`,
    );
  }
  const value = prefix.value + (index << (BigInt(width) - length));
  return prefixOf(addressOf(prefix.family, value), Number(length));
}

/** The prefix that holds one address only. */
export function hostPrefix(address: Address): Prefix {
  return prefixOf(address, widthOf(address.family));
}

/** The last address of a prefix, as a number. */
export function lastOf(prefix: Prefix): bigint {
  return prefix.end - 1n;
}

/** True when every address of `inner` is in `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, inner);
}

/** True when the address, or the first address of a prefix, is in the prefix `outer`. */
export function containsAddress(outer: Prefix, inner: Address | Prefix): boolean {
  return outer.family === inner.family && outer.value <= inner.value && inner.value < outer.end;
}

/** True when two prefixes share an address (then one contains the other). */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** Order of prefixes: IPv4 before IPv6, then by network, wider first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a, b) || a.length - b.length;
}

/** The prefixes without those that another one contains, sorted. The union stays the same; nft intervals may not overlap. */
export function withoutNested(prefixes: readonly Prefix[]): readonly Prefix[] {
  // Nearly always they are that already, and thousands are looked at for each Node that comes.
  if (prefixes.every((prefix, i) => areApart(prefixes[i - 1], prefix))) return prefixes;
  const kept: Prefix[] = [];
  for (const prefix of [...prefixes].sort(comparePrefixes)) {
    const last = kept.at(-1);
    if (last === undefined || !contains(last, prefix)) kept.push(prefix);
  }
  return kept;
}

/** True when one lies wholly before the other, or there is none. */
export function areApart(before: Prefix | undefined, after: Prefix | undefined): boolean {
  return before === undefined || after === undefined || before.family < after.family ||
    before.family === after.family && before.end <= after.value;
}

/** The smallest list of prefixes with the same union, sorted: neighbours become one, nested ones vanish. */
export function summarise(prefixes: readonly Prefix[]): readonly Prefix[] {
  const apart = withoutNested(prefixes);
  if (!apart.some((prefix, i) => i > 0 && areSiblings(apart[i - 1]!, prefix))) return apart;
  const kept: Prefix[] = [];
  for (let prefix of apart) {
    for (let low = kept.at(-1); low !== undefined && areSiblings(low, prefix); low = kept.at(-1)) {
      prefix = prefixOf(addressOf(low.family, low.value), low.length - 1);
      kept.pop();
    }
    kept.push(prefix);
  }
  return kept;
}

/** True when two prefixes of one length, `a` before `b`, differ in the last bit of their networks only. */
function areSiblings(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.length === b.length && a.end === b.value &&
    (a.value & SIZES[widthOf(a.family) - a.length]!) === 0n;
}

/**
 * The first usable address of a pod CIDR: the network with its lowest bit set, as the original and host-local
 * choose it. A prefix of one address has that one only.
 */
export function firstAddress(prefix: Prefix): Address {
  return addressOf(prefix.family, prefix.value | (lastOf(prefix) & 1n));
}
