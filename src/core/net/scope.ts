// Which addresses and prefixes may be claimed at all, whoever claims them.

import { type Address, addressOf, widthOf } from "./address.ts";
import { contains, hostPrefix, type Prefix, prefixOf } from "./prefix.ts";

// IANA special-purpose registries (RFC 6890): never a node, never a pod.
const RESERVED: readonly (readonly [string, Prefix])[] = [
  ["unspecified", v4(0x00000000n, 8)],
  ["loopback", v4(0x7f000000n, 8)],
  ["link-local", v4(0xa9fe0000n, 16)],
  ["multicast or reserved", v4(0xe0000000n, 3)],
  ["loopback or unspecified", v6(0n, 96)],
  ["IPv4-mapped", v6(0xffffn << 32n, 96)],
  ["link-local", v6(0xfe80n << 112n, 10)],
  ["multicast", v6(0xff00n << 112n, 8)],
];

function v4(value: bigint, length: number): Prefix {
  return prefixOf(addressOf(4, value), length);
}

function v6(value: bigint, length: number): Prefix {
  return prefixOf(addressOf(6, value), length);
}

/** Why this address cannot be a node's, or undefined when it can. */
export function unusableAddress(address: Address): string | undefined {
  const host = hostPrefix(address);
  const reserved = RESERVED.find(([, prefix]) => contains(prefix, host));
  return reserved && `${address.text} is ${reserved[0]}`;
}

// A shorter prefix is a default route in disguise: 0.0.0.0/1 and 128.0.0.0/1 together are one.
const SHORTEST = { 4: 8, 6: 16 } as const;

/** Why this prefix cannot be a pod CIDR, or undefined when it can. */
export function unusablePodCidr(prefix: Prefix): string | undefined {
  const shortest = SHORTEST[prefix.family];
  if (prefix.length < shortest) {
    return `${prefix.text} is too wide: a pod CIDR has a length of ${shortest} to ${widthOf(prefix.family)}`;
  }
  const reserved = RESERVED.find(([, range]) => contains(range, prefix) || contains(prefix, range));
  return reserved && `${prefix.text} is ${reserved[0]}`;
}
