// Flows that kube-proxy masquerades into the tunnel, while a key rotates and all that is sent to another node changes the interface.

import assert from "node:assert/strict";
import { ipPacket, tcp, TCP_FLAGS } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import type { Host } from "../lab/host.ts";
import { CabledNode, type Link, type Place, PLACES } from "./cabled_node.ts";

const FAMILIES = [4, 6] as const;
const NODE_PORT = 30054;
const [HOST, OUTSIDER, POD] = ["host", "outsider", "peer-pod"].map((name) => PLACES[name]!.addresses) as [
  Place["addresses"],
  Place["addresses"],
  Place["addresses"],
];
const WAYS = ["wigglenet", "wigglenet-next", "wigglenet"] as const;
const PREFIXES = { 4: "10.244.2.0/24", 6: "fd00:10:244:2::/64" };
/** Of both interfaces, as it is while a key rotates. */
const SOURCES = { 4: "10.244.1.1", 6: "fd00:10:244:1::1" };
const ADDRESSES = FAMILIES.map((family) =>
  `address add ${SOURCES[family]}/${family === 4 ? 32 : 128} dev wigglenet-next`
);

/** A node port in front of a pod of another node, as kube-proxy would have it by that backend. */
const PROXIES: Readonly<Record<string, (node: Host) => Promise<unknown>>> = {
  "nftables": (node) => node.run(["nft", "-f", "-"], { stdin: NFT }),
  "iptables, of nft": (node) => loadIptables(node, "nft"),
  "iptables, legacy": (node) => loadIptables(node, "legacy"),
};

const NFT = `
table inet kube-proxy-like {
	chain prerouting {
		type nat hook prerouting priority dstnat
		fib daddr type local tcp dport ${NODE_PORT} meta mark set mark or 0x4000 jump backend
	}
	chain backend {
		dnat ip to 10.244.2.5
		dnat ip6 to fd00:10:244:2::5
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		mark and 0x4000 == 0 return
		meta mark set mark xor 0x4000
		masquerade fully-random
	}
}`;

async function loadIptables(node: Host, variant: string): Promise<void> {
  for (const family of FAMILIES) {
    const stdin = `*nat
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport ${NODE_PORT} -j MARK --or-mark 0x4000
-A PREROUTING -m mark --mark 0x4000/0x4000 -p tcp -j DNAT --to-destination ${POD[family]}
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
`;
    await node.run([`${family === 4 ? "iptables" : "ip6tables"}-${variant}-restore`], { stdin });
  }
}

/** A packet of a connection by the node port, and where it came out: `wigglenet from 10.244.1.1 PORT to 10.244.2.5 30054`. */
async function sent(node: CabledNode, family: Family, flags: number): Promise<string | undefined> {
  const mark = node.mark();
  const [source, destination] = [OUTSIDER[family], HOST[family]];
  const packet = ipPacket({ source, destination }, tcp([40_000, NODE_PORT], flags, mark));
  const [arrivals] = await node.shoot([{ link: "lan", packet, mark }]);
  const lines = arrivals!.map(({ link, packet: p }) =>
    `${link} from ${p.source} ${p.sourcePort} to ${p.destination} ${p.destinationPort}`
  );
  assert.ok(lines.length <= 1, lines.join());
  return lines[0];
}

/** The pod answers what came out so, and the client gets it. */
async function answer(node: CabledNode, line: string, flags: number): Promise<void> {
  const [link, , from, fromPort, , to] = line.split(" ") as [Link, ...string[]];
  const mark = node.mark();
  const packet = ipPacket(
    { source: to!, destination: from! },
    tcp([NODE_PORT, Number(fromPort)], flags, mark),
  );
  const [arrivals] = await node.shoot([{ link, packet, mark }], 1);
  const family = to!.includes(":") ? 6 : 4;
  assert.deepEqual(
    arrivals!.map(({ link, packet: p }) => [link, p.source, p.destination]),
    [["lan", HOST[family], OUTSIDER[family]]],
  );
}

/** A connection, led from one interface to the other and back: where its packets came out. */
async function flow(node: CabledNode, family: Family): Promise<(string | undefined)[]> {
  const lines: (string | undefined)[] = [];
  for (const [i, link] of WAYS.entries()) {
    await node.node.ip([`route replace ${PREFIXES[family]} dev ${link} proto 146`]);
    const line = await sent(node, family, i === 0 ? TCP_FLAGS.syn : TCP_FLAGS.ack);
    lines.push(line);
    if (line !== undefined) await answer(node, line, TCP_FLAGS.ack | (i === 0 ? TCP_FLAGS.syn : 0));
  }
  return lines;
}

/** Behind that proxy, for each family. */
async function flows(load: (node: Host) => Promise<unknown>, rotation: string) {
  await using node = await CabledNode.create({ settings: { "key-rotation": rotation }, ip: ADDRESSES });
  await load(node.node);
  return [await flow(node, 4), await flow(node, 6)];
}

for (const [proxy, load] of Object.entries(PROXIES)) {
  Deno.test(`What kube-proxy (${proxy}) masquerades into the tunnel goes on by the other interface and back, from the address that masquerade takes`, async () => {
    for (const [i, ways] of (await flows(load, "manual")).entries()) {
      const family = FAMILIES[i]!;
      const [, ends] = /^wigglenet (from .*)$/.exec(ways[0]!)!;
      assert.match(ends!, new RegExp(`^from ${SOURCES[family]} \\d+ to ${POD[family]} ${NODE_PORT}$`));
      assert.deepEqual(ways, WAYS.map((link) => `${link} ${ends}`));
    }
  });
}

// Why there is the chain: were this not so any more, it could go.
Deno.test("Without the chain the same flow ends with the first change of its interface", async () => {
  for (const [i, [first, second]] of (await flows(PROXIES["nftables"]!, "off")).entries()) {
    assert.match(first!, new RegExp(`^wigglenet from ${SOURCES[FAMILIES[i]!]} `));
    assert.equal(second, undefined);
  }
});
