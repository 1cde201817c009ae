// Addresses and CIDRs as the values of an expression: the types net.IP and net.CIDR of Kubernetes' CEL libraries, over
// our own addresses. They read what Go's net/netip reads, which is a little more than a Node may say.

import { type Address, addressOf, parseAddress, widthOf } from "../net/address.ts";
import { type Prefix, prefixOf } from "../net/prefix.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";

/** A value of the type net.IP. */
export class IpValue {
  constructor(readonly address: Address) {}

  get text(): string {
    return this.address.text;
  }
}

/** A value of the type net.CIDR: an address with a prefix length. Its host bits are kept. */
export class CidrValue {
  constructor(readonly address: Address, readonly length: number) {}

  static of({ family, value, length }: Prefix): CidrValue {
    return new CidrValue(addressOf(family, value), length);
  }

  get text(): string {
    return `${this.address.text}/${this.length}`;
  }

  get prefix(): Prefix {
    return prefixOf(this.address, this.length);
  }
}

const EMBEDDED_IPV4 = /^([0-9A-Fa-f:]*:)([\d.]+)$/;

/** Reads an address: no zone, not IPv4-mapped. Unlike {@link parseAddress} also `64:ff9b::192.0.2.1`. */
export function parseIp(text: string): IpValue | Refusal {
  const [, head, tail] = text.includes(".") ? EMBEDDED_IPV4.exec(text) ?? [] : [];
  const embedded = tail === undefined ? undefined : parseAddress(tail);
  if (refused(embedded)) return new Refusal(`${quote(text)} is not an IP address`);
  const groups = embedded &&
    `${(embedded.value >> 16n).toString(16)}:${(embedded.value & 0xffffn).toString(16)}`;
  const address = parseAddress(groups === undefined ? text : head + groups);
  return refused(address) ? address : new IpValue(address);
}

const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/** Reads `address/length`; host bits may be set. */
export function parseCidr(text: string): CidrValue | Refusal {
  const slash = text.lastIndexOf("/");
  if (slash < 0) return new Refusal(`${quote(text)} is not a CIDR: no prefix length`);
  const ip = parseIp(text.slice(0, slash));
  if (refused(ip)) return new Refusal(`${quote(text)} is not a CIDR: ${ip.reason}`);
  const width = widthOf(ip.address.family);
  const length = text.slice(slash + 1);
  if (!LENGTH.test(length) || Number(length) > width) {
    return new Refusal(`${quote(text)} is not a CIDR: prefix length must be 0 to ${width}`);
  }
  return new CidrValue(ip.address, Number(length));
}

/** The leading bits of an address, as a number. */
function leading(address: Address, bits: number): bigint {
  return address.value >> BigInt(widthOf(address.family) - bits);
}

/** `0.0.0.0` and `::`. */
export function isUnspecified({ value }: Address): boolean {
  return value === 0n;
}

/** 127.0.0.0/8 and `::1`. */
export function isLoopback(address: Address): boolean {
  return address.family === 4 ? leading(address, 8) === 127n : address.value === 1n;
}

function isMulticast(address: Address): boolean {
  return address.family === 4 ? leading(address, 4) === 0xen : leading(address, 8) === 0xffn;
}

/** 224.0.0.0/24, and IPv6 multicast of link-local scope, whatever its flags. */
export function isLinkLocalMulticast(address: Address): boolean {
  if (address.family === 4) return leading(address, 24) === 0xe00000n;
  return (leading(address, 16) & 0xff0fn) === 0xff02n;
}

/** 169.254.0.0/16 and fe80::/10. */
export function isLinkLocalUnicast(address: Address): boolean {
  return address.family === 4 ? leading(address, 16) === 0xa9fen : leading(address, 10) === 0xfe80n >> 6n;
}

/** Go's meaning: any but unspecified, loopback, multicast, link-local and IPv4's broadcast; private ones are. */
export function isGlobalUnicast(address: Address): boolean {
  const isBroadcast = address.family === 4 && address.value === 0xffffffffn;
  return !isBroadcast && !isUnspecified(address) && !isLoopback(address) && !isMulticast(address) &&
    !isLinkLocalUnicast(address);
}
