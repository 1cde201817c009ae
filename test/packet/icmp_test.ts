import assert from "node:assert/strict";
import { icmp, ipPacket, udp } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import { CabledNode, type Link, PLACES } from "./cabled_node.ts";
import { PolicedNode } from "./policed_node.ts";
import { judge } from "./table.ts";

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };

// RFC 4890, 4.3: 1 to 4 are errors, 128 and 129 echo; 130 to 137 belong to one link, 138 renumbers routers, 139 and
// 140 ask for names, 200 and 201 are for experiments.
Deno.test("ICMPv6 from outside reaches pods where RFC 4890 asks for it, and not otherwise", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  const passing = [1, 2, 3, 4, 129];
  const others = [
    100,
    127,
    130,
    131,
    132,
    133,
    134,
    135,
    136,
    137,
    138,
    139,
    140,
    141,
    144,
    151,
    200,
    201,
    255,
  ];
  await judge(
    node,
    [
      ...passing.map((type) => `v6 outsider -> pod-a  icmp ${type}  accept`),
      ...others.map((type) => `v6 outsider -> pod-a  icmp ${type}  drop`),
      "v6 outsider -> pod-a  echo  accept",
      "v6 peer-pod -> pod-a  icmp 139  accept",
    ].join("\n"),
  );
});

const TOO_BIG: Record<Family, readonly [1 | 58, readonly [number, number, number]]> = {
  4: [1, [3, 4, 1280]],
  6: [58, [2, 0, 1280]],
};

/** A pod sends a datagram; somebody on the way says that it was too big. */
async function complain(
  node: CabledNode,
  { family, to, by, at }: { family: Family; to: string; by: string; at: Link },
): Promise<void> {
  const pod = PLACES["pod-a"]!.addresses[family];
  const destination = PLACES[to]!.addresses[family];
  const mark = node.mark();
  const packet = ipPacket({ source: pod, destination }, udp(31_000 + family, 53, mark));
  const [out] = await node.shoot([{ link: "pod-a", packet, mark }], 1);
  assert.deepEqual(out!.map(({ link }) => link), [at], `the datagram to ${to} came out`);
  const seen = out![0]!.packet;
  const quoted = ipPacket({ source: seen.source, destination }, udp(seen.sourcePort!, 53, mark));
  const [protocol, head] = TOO_BIG[family];
  const error = ipPacket(
    { source: PLACES[by]!.addresses[family], destination: seen.source },
    icmp(protocol, head, quoted),
  );
  const [back] = await node.shoot([{ link: at, packet: error, mark }], 1);
  const text = back!.map(({ link, packet }) => `at ${link} from ${packet.source} to ${packet.destination}`);
  assert.deepEqual(text, [`at pod-a from ${PLACES[by]!.addresses[family]} to ${pod}`]);
  const inner = new TextDecoder("latin1").decode(back![0]!.packet.payload);
  const source = new TextDecoder("latin1").decode(ipPacket({ source: pod, destination }, udp(1, 1, mark)));
  const at4 = family === 4 ? [12, 20] as const : [8, 40] as const;
  assert.ok(inner.includes(source.slice(...at4)), "the error quotes the packet as the pod sent it");
}

Deno.test("a pod hears that its packets are too big, from the world and from the tunnel", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  for (const family of [4, 6] as const) {
    await complain(node, { family, to: "world", by: "outsider", at: "lan" });
    await complain(node, { family, to: "peer-pod", by: "peer-node", at: "wigglenet" });
  }
});

Deno.test("R13: so does a pod that is isolated both ways, of what it may send", async () => {
  await using node = await PolicedNode.create();
  const ports = [{ port: 53, protocol: "UDP" }];
  await node.enforce([{ podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{ ports }] }]);
  for (const family of [4, 6] as const) {
    await complain(node.cabled, { family, to: "world", by: "outsider", at: "lan" });
    await complain(node.cabled, { family, to: "peer-pod", by: "peer-node", at: "wigglenet" });
  }
  await node.judge(`
    v4 outsider -> pod-a  icmp 3  drop
    v6 outsider -> pod-a  icmp 2  drop
    outsider    -> pod-a  echo    drop`);
});
