import assert from "node:assert/strict";
import { isWireGuard, isWithin, packetOf, PcapReader } from "./frames.ts";

const ETHERNET_IPV4 = "020000000002020000000001" + "0800";
const ETHERNET_IPV6 = "020000000002020000000001" + "86dd";
const UDP = "6019" + "6019" + "0028" + "0000";
const HANDSHAKE = "01000000" + "00".repeat(28);
const IPV4_UDP = ETHERNET_IPV4 + "4500003c" + "00000000" + "40110000" + "0a090101" + "0a090102" + UDP +
  HANDSHAKE;
const IPV6_UDP = ETHERNET_IPV6 + "60000000" + "00281140" + "fd09" + "00".repeat(13) + "01" + "fd09" +
  "00".repeat(13) +
  "02" + UDP + HANDSHAKE;
const IPV4_PING = ETHERNET_IPV4 + "4500001c" + "00000000" + "40010000" + "0af40109" + "0af40202" +
  "0800000000000000";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function number(value: number): string {
  return [...new Uint8Array(new Uint32Array([value]).buffer)].map((b) => b.toString(16).padStart(2, "0"))
    .join("");
}

function record(hex: string): string {
  return number(7) + number(500_000) + number(hex.length / 2) + number(hex.length / 2) + hex;
}

Deno.test("a UDP packet of either family shows its addresses and ports", () => {
  const { source, destination, sourcePort, destinationPort, protocol } = packetOf(0, bytes(IPV4_UDP));
  assert.deepEqual([source, destination], ["10.9.1.1", "10.9.1.2"]);
  assert.deepEqual([protocol, sourcePort, destinationPort], [17, 24601, 24601]);
  const six = packetOf(0, bytes(IPV6_UDP));
  assert.deepEqual([six.source, six.destination, six.destinationPort], ["fd09::1", "fd09::2", 24601]);
});

Deno.test("a WireGuard message on the port is WireGuard, another payload or port is not", () => {
  assert.equal(isWireGuard(packetOf(0, bytes(IPV4_UDP))), true);
  assert.equal(isWireGuard(packetOf(0, bytes(IPV6_UDP))), true);
  assert.equal(isWireGuard(packetOf(0, bytes(IPV4_UDP)), 24602), false);
  assert.equal(
    isWireGuard(packetOf(0, bytes(IPV4_UDP.replace(HANDSHAKE, "47455420" + "00".repeat(28))))),
    false,
  );
  assert.equal(isWireGuard(packetOf(0, bytes(IPV4_PING))), false);
});

Deno.test("a packet is within the prefixes by its source or by its destination", () => {
  const ping = packetOf(0, bytes(IPV4_PING));
  assert.equal(isWithin(ping, ["10.244.1.0/24"]), true);
  assert.equal(isWithin(ping, ["fd00::/16", "10.244.2.0/24"]), true);
  assert.equal(isWithin(ping, ["10.244.3.0/24", "fd00:10:244:1::/64"]), false);
});

Deno.test("a pcap stream cut at any byte gives the same packets", () => {
  const file = bytes("d4c3b2a1" + "00".repeat(20) + record(IPV4_UDP) + record(IPV6_UDP) + record(IPV4_PING));
  for (let cut = 0; cut <= file.length; cut++) {
    const reader = new PcapReader();
    const packets = [...reader.read(file.subarray(0, cut)), ...reader.read(file.subarray(cut))];
    assert.deepEqual(packets.map(({ source }) => source), ["10.9.1.1", "fd09::1", "10.244.1.9"]);
    assert.equal(packets[0]?.time, 7.5);
  }
});
