// Packets made by hand, checksums included: what no socket would send (forged sources, odd ICMP types, half a
// connection). The counterpart of frames.ts. Pure.

import { parseAddress, widthOf } from "../../src/core/net/address.ts";
import { refused } from "../../src/core/net/refusal.ts";

/** IP protocol numbers used here. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** TCP flags as the header has them. */
export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** What stands behind an IP header, checksum not yet filled in. */
export interface Body {
  readonly protocol: number;
  readonly bytes: Uint8Array;
  /** Where its checksum stands; undefined: it has none. */
  readonly checksumAt?: number;
}

/** A UDP datagram. */
export function udp(sourcePort: number, destinationPort: number, payload: Uint8Array): Body {
  const head = fields([2, sourcePort], [2, destinationPort], [2, 8 + payload.length], [2, 0]);
  return { protocol: PROTOCOL.udp, bytes: join(head, payload), checksumAt: 6 };
}

/** A TCP segment without options. */
export function tcp(
  [sourcePort, destinationPort]: readonly [number, number],
  flags: number,
  payload: Uint8Array,
): Body {
  const ports = fields([2, sourcePort], [2, destinationPort]);
  const rest = fields([4, 1000], [4, (flags & TCP_FLAGS.ack) === 0 ? 0 : 1001], [1, 5 << 4], [1, flags], [
    2,
    1024,
  ]);
  return { protocol: PROTOCOL.tcp, bytes: join(ports, rest, fields([4, 0]), payload), checksumAt: 16 };
}

/** The first packet of an SCTP association; the payload stands in a parameter that nobody knows. */
export function sctpInit(
  [sourcePort, destinationPort]: readonly [number, number],
  payload: Uint8Array,
): Body {
  const parameter = join(fields([2, 0x8009], [2, 4 + payload.length]), payload);
  const padding = new Uint8Array(-parameter.length & 3);
  const init = fields([4, 1], [4, 1500], [2, 1], [2, 1], [4, 1]);
  const chunk = join(fields([1, 1], [1, 0], [2, 20 + parameter.length]), init, parameter, padding);
  const bytes = join(fields([2, sourcePort], [2, destinationPort], [4, 0], [4, 0]), chunk);
  new DataView(bytes.buffer).setUint32(8, crc32c(bytes), true);
  return { protocol: PROTOCOL.sctp, bytes };
}

/** RFC 9260, appendix A. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  }
  return ~crc >>> 0;
}

/** An ICMP or ICMPv6 message: `rest` are the four bytes behind the checksum. */
export function icmp(
  protocol: 1 | 58,
  [type, code, rest]: readonly [number, number, number],
  payload: Uint8Array,
): Body {
  return { protocol, bytes: join(fields([1, type], [1, code], [2, 0], [4, rest]), payload), checksumAt: 2 };
}

/** An IP packet; with `isDamaged` its inner checksum is wrong. */
export function ipPacket(
  { source, destination, hopLimit = 64 }: { source: string; destination: string; hopLimit?: number },
  { protocol, bytes, checksumAt }: Body,
  isDamaged = false,
): Uint8Array<ArrayBuffer> {
  const [from, to] = [bytesOf(source), bytesOf(destination)];
  const isIpv4 = from.length === 4;
  const body = bytes.slice();
  if (checksumAt !== undefined) {
    const pseudo = protocol === PROTOCOL.icmp ? new Uint8Array() : join(
      from,
      to,
      isIpv4 ? fields([2, protocol], [2, body.length]) : fields([4, body.length], [4, protocol]),
    );
    const sum = checksum(join(pseudo, body)) ^ (isDamaged ? 0x5555 : 0);
    new DataView(body.buffer).setUint16(checksumAt, sum === 0 && protocol === PROTOCOL.udp ? 0xffff : sum);
  }
  if (!isIpv4) {
    return join(fields([4, 6 << 28 >>> 0], [2, body.length], [1, protocol], [1, hopLimit]), from, to, body);
  }
  const start = fields([2, 0x4500], [2, 20 + body.length], [4, 0], [1, hopLimit], [1, protocol], [2, 0]);
  const head = join(start, from, to);
  new DataView(head.buffer).setUint16(10, checksum(head));
  return join(head, body);
}

/** An Ethernet frame around an IP packet; `destination` is a MAC address. */
export function frameOf(packet: Uint8Array, destination: string): Uint8Array<ArrayBuffer> {
  const mac = Uint8Array.from(destination.split(":"), (hex) => parseInt(hex, 16));
  const type = packet[0]! >> 4 === 4 ? 0x0800 : 0x86dd;
  return join(mac, fields([2, 0x0200], [4, 0xff]), fields([2, type]), packet);
}

/** The four or sixteen bytes of an address. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const address = parseAddress(text);
  if (refused(address)) throw new Error(address.reason);
  const length = widthOf(address.family) / 8;
  return Uint8Array.from({ length }, (_, i) => Number(address.value >> BigInt(8 * (length - 1 - i)) & 0xffn));
}

/** RFC 1071. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function fields(...list: readonly (readonly [size: 1 | 2 | 4, value: number])[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    list.flatMap(([size, value]) =>
      Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * (size - 1 - i))) & 0xff)
    ),
  );
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
