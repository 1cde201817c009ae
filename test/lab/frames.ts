// Reading captured packets: the pcap file format (little endian, as tcpdump writes it here) and as much of
// Ethernet, IPv4, IPv6 and UDP as it takes to tell what a packet is. Pure.

import { parseAddress } from "../../src/core/net/address.ts";
import { containsAddress, parsePrefix } from "../../src/core/net/prefix.ts";
import { refused } from "../../src/core/net/refusal.ts";

/** One packet of a capture. */
export interface Packet {
  /** Seconds since 1970. */
  readonly time: number;
  readonly source: string;
  readonly destination: string;
  /** IP protocol number, or the Ethernet type for what is not IP. */
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** The packet behind its IP header, as far as it was captured. */
  readonly payload: Uint8Array;
}

/** Takes bytes of a pcap stream in pieces of any size and gives back the packets that are complete. */
export class PcapReader {
  #rest: Uint8Array = new Uint8Array();
  #isPastHeader = false;

  read(bytes: Uint8Array): Packet[] {
    let data = new Uint8Array(this.#rest.length + bytes.length);
    data.set(this.#rest);
    data.set(bytes, this.#rest.length);
    if (!this.#isPastHeader) {
      if (data.length < 24) return this.#keep(data);
      if (viewOf(data).getUint32(0, true) !== 0xa1b2c3d4) throw new Error("This is no pcap stream");
      this.#isPastHeader = true;
      data = data.subarray(24);
    }
    const packets: Packet[] = [];
    while (data.length >= 16) {
      const header = viewOf(data);
      const end = 16 + header.getUint32(8, true);
      if (data.length < end) break;
      const time = header.getUint32(0, true) + header.getUint32(4, true) / 1e6;
      packets.push(packetOf(time, data.slice(16, end)));
      data = data.subarray(end);
    }
    this.#keep(data);
    return packets;
  }

  #keep(data: Uint8Array): [] {
    this.#rest = data.slice();
    return [];
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads one Ethernet frame. */
export function packetOf(time: number, frame: Uint8Array): Packet {
  const type = viewOf(frame).getUint16(12);
  const ip = frame.subarray(14);
  if (type === 0x0800) return ipv4PacketOf(time, ip);
  if (type === 0x86dd) return ipv6PacketOf(time, ip);
  return { time, source: "", destination: "", protocol: type, payload: ip };
}

function ipv4PacketOf(time: number, ip: Uint8Array): Packet {
  const payload = ip.subarray((ip[0]! & 15) * 4);
  const addresses = { source: ip.subarray(12, 16).join("."), destination: ip.subarray(16, 20).join(".") };
  return { time, ...addresses, protocol: ip[9]!, ...portsOf(ip[9]!, payload), payload };
}

function ipv6PacketOf(time: number, ip: Uint8Array): Packet {
  const payload = ip.subarray(40);
  const addresses = { source: ipv6TextOf(ip.subarray(8, 24)), destination: ipv6TextOf(ip.subarray(24, 40)) };
  return { time, ...addresses, protocol: ip[6]!, ...portsOf(ip[6]!, payload), payload };
}

function portsOf(protocol: number, payload: Uint8Array): Partial<Packet> {
  const hasPorts = (protocol === 6 || protocol === 17) && payload.length >= 4;
  if (!hasPorts) return {};
  return { sourcePort: viewOf(payload).getUint16(0), destinationPort: viewOf(payload).getUint16(2) };
}

/** RFC 5952, by way of the URL parser. */
function ipv6TextOf(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return new URL(`http://[${hex.replace(/(.{4})(?!$)/g, "$1:")}]`).hostname.slice(1, -1);
}

/** True for a UDP packet to a WireGuard port that carries one of WireGuard's four messages. */
export function isWireGuard({ protocol, destinationPort, payload }: Packet, port = 24601): boolean {
  if (protocol !== 17 || destinationPort !== port) return false;
  const [type = 0, ...reserved] = payload.subarray(8, 12);
  return type >= 1 && type <= 4 && reserved.length === 3 && reserved.every((byte) => byte === 0);
}

/** True for a packet from or to an address of one of the prefixes, readable on the wire. */
export function isWithin({ source, destination }: Packet, prefixes: readonly string[]): boolean {
  const addresses = [source, destination].map(parseAddress);
  return prefixes.map(parsePrefix).some((prefix) => {
    if (refused(prefix)) throw new Error(prefix.reason);
    return addresses.some((address) => !refused(address) && containsAddress(prefix, address));
  });
}
