// IP addresses as values: 32 or 128 bits and their one canonical text.
// ipaddr.js reads the digits; the grammar in front of it is ours, because it also reads what no
// Node may say ("010.1.1.1", "0x7f.1", "::ffff:10.0.0.1", "fe80::1%eth0").

import ipaddr from "ipaddr.js";
import { ownText } from "./own_text.ts";
import { quote, Refusal } from "./refusal.ts";

/** IP version. */
export type Family = 4 | 6;

/** A unicast-or-not IP address. Build it with {@link parseAddress} or {@link addressOf} only. */
export interface Address {
  readonly family: Family;
  /** The address as an unsigned number of 32 (IPv4) or 128 (IPv6) bits. */
  readonly value: bigint;
  /** Canonical text: dotted decimal, or RFC 5952. */
  readonly text: string;
  /** Never there: a Prefix, which has one, does not pass as an Address. */
  readonly length?: never;
}

/** Number of bits of an address of this family. */
export function widthOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
const IPV6 = /^[0-9A-Fa-f:]{2,39}$/;
const MAPPED = 0xffffn;

/** Reads one address: no zone, no port, no leading zeros in IPv4, no IPv4-mapped or dotted IPv6. */
export function parseAddress(text: unknown): Address | Refusal {
  const address = typeof text === "string" ? read(text) : undefined;
  if (address === undefined) return new Refusal(`${quote(text)} is not an IP address`);
  if (address.value >> 32n === MAPPED) return new Refusal(`${quote(text)} is an IPv4-mapped IPv6 address`);
  return address;
}

function read(text: string): Address | undefined {
  try { // ipaddr.js throws at what it cannot read; to ask its isValid first costs a second parse
    if (IPV4.test(text)) {
      return { family: 4, value: numberOf(ipaddr.IPv4.parse(text).octets, 8n), text: ownText(text) };
    }
    if (IPV6.test(text)) {
      const { parts } = ipaddr.IPv6.parse(text);
      return { family: 6, value: numberOf(parts, 16n), text: ipv6Text(parts) };
    }
  } catch {
    return undefined;
  }
}

function numberOf(digits: readonly number[], bits: bigint): bigint {
  return digits.reduce((value, digit) => (value << bits) | BigInt(digit), 0n);
}

/** The address with this number; `value` must fit the family's width. */
export function addressOf(family: Family, value: bigint): Address {
  return { family, value, text: family === 4 ? ipv4Text(Number(value)) : ipv6Text(groupsOf(value)) };
}

function ipv4Text(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function groupsOf(value: bigint): number[] {
  const hex = value.toString(16).padStart(32, "0");
  const groups: number[] = [];
  for (let i = 0; i < 32; i += 4) groups.push(parseInt(hex.slice(i, i + 4), 16));
  return groups;
}

function ipv6Text(groups: readonly number[]): string {
  const [start, end] = longestZeroRun(groups);
  const digits = groups.map((group) => group.toString(16));
  if (end - start < 2) return digits.join(":");
  return `${digits.slice(0, start).join(":")}::${digits.slice(end).join(":")}`;
}

/** RFC 5952 section 4.2.3: the longest run of zero groups is shortened, the first one if two are equal. */
function longestZeroRun(groups: readonly number[]): [start: number, end: number] {
  let longest: [number, number] = [0, 0];
  for (let start = 0, end = 0; end < groups.length; start = ++end) {
    while (groups[end] === 0) end++;
    if (end - start > longest[1] - longest[0]) longest = [start, end];
  }
  return longest;
}

/** What compareAddresses orders: an Address, or a Prefix by its first one. */
type Ordered = Pick<Address, "family" | "value">;

/** Order of addresses: IPv4 before IPv6, then by number. */
export function compareAddresses(a: Ordered, b: Ordered): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}
