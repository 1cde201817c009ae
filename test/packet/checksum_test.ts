// UDP checksums of what comes out of the tunnel: wireguard-go sends one that comes to zero as zero (0052).

import assert from "node:assert/strict";
import { ipPacket, udp } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import { CabledNode, PLACES } from "./cabled_node.ts";

const CHECKSUM_AT = 6;
const HEADER_BYTES: Record<Family, number> = { 4: 20, 6: 40 };
const SOURCE_PORT = 5000;

interface Datagram {
  readonly family: Family;
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/** A datagram whose checksum comes to zero, as wireguard-go sends it, and what comes out: where, and its checksum. */
async function checksumBehind(node: CabledNode, { family, from, to, port }: Datagram): Promise<string> {
  const mark = node.mark();
  const ends = {
    source: PLACES[from]!.addresses[family],
    destination: PLACES[to]!.addresses[family],
  };
  const make = (filler: number) =>
    ipPacket(ends, udp(SOURCE_PORT, port, Uint8Array.of(...mark, filler >> 8, filler & 0xff)));
  const at = HEADER_BYTES[family] + CHECKSUM_AT;
  const checksumOf = (bytes: Uint8Array) => (bytes[at]! << 8) | bytes[at + 1]!;
  const packet = make(checksumOf(make(0)));
  assert.equal(checksumOf(packet), 0xffff, "the other zero");
  packet.fill(0, at, at + 2);
  const [out] = await node.shoot([{ link: PLACES[from]!.link as "wigglenet" | "lan", packet, mark }], 1);
  return out!.map(({ link, packet: { protocol, payload } }) => {
    const checksum = (payload[CHECKSUM_AT]! << 8) | payload[CHECKSUM_AT + 1]!;
    return protocol === 17 ? `${link}: 0x${checksum.toString(16)}` : `${link}: protocol ${protocol}`;
  }).join();
}

const USERSPACE = { "wireguard-mode": "userspace" };

Deno.test("a UDP checksum of zero out of the tunnel is made the other zero, by which IPv6 takes it", async (t) => {
  await using node = await CabledNode.create({ settings: USERSPACE });
  const cases: readonly [string, Datagram, string][] = [
    ["a pod gets it", { family: 6, from: "peer-pod", to: "pod-a", port: 53 }, "pod-a: 0xffff"],
    // Whose checksum is wrong hears nothing.
    ["the node itself takes it, and says that nobody listens", {
      family: 6,
      from: "peer-pod",
      to: "host",
      port: 9,
    }, "wigglenet: protocol 58"],
    [
      "IPv4 has packets without a checksum",
      { family: 4, from: "peer-pod", to: "pod-a", port: 53 },
      "pod-a: 0x0",
    ],
    ["so may have tunnels", { family: 6, from: "peer-pod", to: "pod-a", port: 4789 }, "pod-a: 0x0"],
    [
      "what comes from elsewhere is not ours",
      { family: 6, from: "outsider", to: "pod-a", port: 53 },
      "pod-a: 0x0",
    ],
  ];
  for (const [name, datagram, expected] of cases) {
    await t.step(name, async () => assert.equal(await checksumBehind(node, datagram), expected));
  }
});

Deno.test("without STRICT and filter too, the node takes a UDP checksum of zero out of the tunnel", async () => {
  await using node = await CabledNode.create({ settings: { ...USERSPACE, strict: "false" } });
  const datagram: Datagram = { family: 6, from: "peer-pod", to: "host", port: 9 };
  assert.equal(await checksumBehind(node, datagram), "wigglenet: protocol 58");
});
