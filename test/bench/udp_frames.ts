// Ethernet frames with a UDP packet in each, many at once: one buffer, one frame after the other. Pure.

import { parseAddress, widthOf } from "../../src/core/net/address.ts";
import { refused } from "../../src/core/net/refusal.ts";

/** What the frames of one send have in common, and how many flows there are among them. */
export interface Traffic {
  readonly source: string;
  readonly destination: string;
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly count: number;
  /** Undefined: all frames are of one flow. Otherwise each is of another, and equal numbers give equal flows. */
  readonly firstFlow?: number;
}

/** Frames of equal size in one buffer. */
export interface Frames {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  readonly count: number;
}

const PAYLOAD = [0x61, 0x62, 0x63, 0x64];
const UDP = 17;
const PORTS = 50_000;
const LOWEST_PORT = 1_024;

/** Builds the frames; checksums are right, because connection tracking looks at them. */
export function udpFrames(traffic: Traffic): Frames {
  const { count, firstFlow } = traffic;
  const template = frameOf(traffic);
  const size = template.length;
  const udpStart = size - 8 - PAYLOAD.length;
  const bytes = new Uint8Array(count * size);
  const view = new DataView(bytes.buffer);
  const pseudo = sumOf(addressBytes(traffic.source)) + sumOf(addressBytes(traffic.destination)) + UDP;
  const fixed = pseudo + 2 * (8 + PAYLOAD.length) + sumOf(PAYLOAD);
  for (let i = 0; i < count; i++) {
    const start = i * size;
    bytes.set(template, start);
    const flow = firstFlow === undefined ? undefined : firstFlow + i;
    const from = flow === undefined ? traffic.sourcePort : LOWEST_PORT + flow % PORTS;
    const to = flow === undefined ? traffic.destinationPort : LOWEST_PORT + Math.floor(flow / PORTS) % PORTS;
    view.setUint16(start + udpStart, from);
    view.setUint16(start + udpStart + 2, to);
    view.setUint16(start + udpStart + 6, checksum(fixed + from + to) || 0xffff);
  }
  return { bytes, size, count };
}

function frameOf({ source, destination, sourceMac, destinationMac }: Traffic): Uint8Array {
  const [from, to] = [addressBytes(source), addressBytes(destination)];
  const length = 8 + PAYLOAD.length;
  const ip = from.length === 4
    ? [0x45, 0, 0, 20 + length, 0, 0, 0, 0, 64, UDP, 0, 0, ...from, ...to]
    : [0x60, 0, 0, 0, 0, length, UDP, 64, ...from, ...to];
  if (from.length === 4) {
    const sum = checksum(sumOf(ip));
    ip.splice(10, 2, sum >> 8, sum & 255);
  }
  const type = from.length === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const udp = [0, 0, 0, 0, 0, length, 0, 0];
  return Uint8Array.from([
    ...macBytes(destinationMac),
    ...macBytes(sourceMac),
    ...type,
    ...ip,
    ...udp,
    ...PAYLOAD,
  ]);
}

function macBytes(mac: string): number[] {
  return mac.split(":").map((part) => parseInt(part, 16));
}

function addressBytes(text: string): number[] {
  const address = parseAddress(text);
  if (refused(address)) throw new Error(address.reason);
  const hex = address.value.toString(16).padStart(widthOf(address.family) / 4, "0");
  return hex.match(/../g)!.map((pair) => parseInt(pair, 16));
}

/** Sum of big-endian 16-bit words. */
function sumOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte, i) => sum + (i % 2 === 0 ? byte << 8 : byte), 0);
}

/** RFC 1071: ones' complement of the ones' complement sum. */
function checksum(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
