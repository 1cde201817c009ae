import assert from "node:assert/strict";
import { packetOf } from "../lab/frames.ts";
import { type Traffic, udpFrames } from "./udp_frames.ts";

const TRAFFIC: Traffic = {
  source: "10.244.1.9",
  destination: "10.9.1.2",
  sourceMac: "02:00:00:00:00:01",
  destinationMac: "02:00:00:00:00:02",
  sourcePort: 10_000,
  destinationPort: 20_000,
  count: 3,
};
const IPV6 = { ...TRAFFIC, source: "fd00:10:244:1::9", destination: "fd09::2" };

function packets(traffic: Traffic) {
  const { bytes, size, count } = udpFrames(traffic);
  return Array.from({ length: count }, (_, i) => packetOf(0, bytes.subarray(i * size, (i + 1) * size)));
}

/** What a receiver does: the sum over everything that a checksum covers, itself included, is all ones. */
function folded(bytes: readonly number[]): number {
  let sum = bytes.reduce((total, byte, i) => total + (i % 2 === 0 ? byte << 8 : byte), 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Deno.test("frames of one flow say who sends what to whom", () => {
  for (const traffic of [TRAFFIC, IPV6]) {
    const [first, second] = packets(traffic);
    assert.deepEqual([first!.source, first!.destination], [traffic.source, traffic.destination]);
    assert.deepEqual([first!.protocol, first!.sourcePort, first!.destinationPort], [17, 10_000, 20_000]);
    assert.deepEqual(first, second);
  }
});

Deno.test("frames of many flows are all of different ones, and go on where the last ones ended", () => {
  const flows = [0, 60_000].flatMap((firstFlow) =>
    packets({ ...TRAFFIC, count: 60_000, firstFlow }).map((p) => `${p.sourcePort} ${p.destinationPort}`)
  );
  assert.equal(new Set(flows).size, 120_000);
});

Deno.test("checksums are right in both families", () => {
  const { bytes, size } = udpFrames({ ...TRAFFIC, firstFlow: 77_777 });
  const ipv4 = [...bytes.subarray(size + 14, 2 * size)];
  assert.equal(folded(ipv4.slice(0, 20)), 0xffff);
  assert.equal(folded([...ipv4.slice(12), 0, 17, 0, 12]), 0xffff);
  const six = udpFrames({ ...IPV6, firstFlow: 77_777 });
  const ipv6 = [...six.bytes.subarray(14, six.size)];
  assert.equal(folded([...ipv6.slice(8), 0, 17, 0, 12]), 0xffff);
});
