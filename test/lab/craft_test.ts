import assert from "node:assert/strict";
import { bytesOf, frameOf, icmp, ipPacket, udp } from "./craft.ts";
import { packetOf } from "./frames.ts";

const PAYLOAD = new TextEncoder().encode("odd");

/** RFC 1071: what carries its own checksum sums up to all ones. */
function sumOf(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) part.forEach((byte, i) => sum += i % 2 === 0 ? byte << 8 : byte);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Deno.test("a crafted packet is read back as what was asked for", () => {
  const packet = ipPacket({ source: "fd09::1", destination: "fd00:10:244:1::a" }, udp(4000, 53, PAYLOAD));
  const read = packetOf(0, frameOf(packet, "02:00:00:00:00:01"));
  assert.deepEqual(
    [read.source, read.destination, read.protocol, read.sourcePort, read.destinationPort],
    ["fd09::1", "fd00:10:244:1::a", 17, 4000, 53],
  );
  assert.deepEqual(read.payload.slice(8), PAYLOAD);
});

Deno.test("a crafted packet carries right checksums, and a wrong one on request", () => {
  const addresses = { source: "10.9.1.1", destination: "10.9.1.2" };
  const ping = ipPacket(addresses, icmp(1, [8, 0, 0x12340001], PAYLOAD));
  assert.deepEqual([sumOf(ping.slice(0, 20)), sumOf(ping.slice(20))], [0xffff, 0xffff]);
  const pseudo = [bytesOf(addresses.source), bytesOf(addresses.destination), Uint8Array.of(0, 17, 0, 11)];
  assert.equal(sumOf(...pseudo, ipPacket(addresses, udp(4000, 53, PAYLOAD)).slice(20)), 0xffff);
  assert.notEqual(sumOf(...pseudo, ipPacket(addresses, udp(4000, 53, PAYLOAD), true).slice(20)), 0xffff);
});
