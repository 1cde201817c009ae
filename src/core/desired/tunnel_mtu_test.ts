import assert from "node:assert/strict";
import { desireOf, keyOf, type NodeWords, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { nodeJson } from "../../../test/cluster.ts";
import { type HostFacts, type HostInterface, NO_FACTS, type Path } from "./host_facts.ts";
import { pathAddresses } from "./tunnel_mtu.ts";

const MESH = [1, 2, 3].map(ordinaryNode);
const IPV4_PODS: NodeWords[] = MESH.map((words, i) => ({ ...words, podCIDRs: [`10.244.${i + 1}.0/24`] }));

function eth0(mtuBytes: number): HostInterface {
  const addresses = ["10.9.1.1", "fd09::1"].map((text) => parseAddress(text) as Address);
  return { name: "eth0", mtuBytes, addresses, prefixes: [], hasDefaultRoute: true };
}

/** What the host says of n2's and n3's addresses. */
function factsOf(
  mtuBytes: number,
  others: Record<string, Partial<Path> | undefined> = {},
): Partial<HostFacts> {
  const paths = new Map<string, Path>();
  for (const address of ["10.9.1.2", "fd09::2", "10.9.1.3", "fd09::3"]) {
    const path = address in others ? others[address] : {};
    if (path !== undefined) paths.set(address, { dev: "eth0", mtuBytes, ...path });
  }
  return { interfaces: [eth0(mtuBytes)], paths };
}

function mtuOf(nodes: readonly NodeWords[], environment: Record<string, string>, facts: Partial<HostFacts>) {
  const { link, cni, waiting } = desireOf(nodes, environment, facts);
  assert.equal(cni?.mtuBytes, link?.mtuBytes);
  return [
    link!.mtuBytes,
    link!.mtuReason,
    ...waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`),
  ];
}

const families: readonly [underlay: number, ipv4: number, ipv6: number][] = [
  [1280, 1280, 1280],
  [1400, 1340, 1320],
  [1450, 1390, 1370],
  [1500, 1440, 1420],
  [9000, 8940, 8920],
];
for (const [underlay, ipv4, ipv6] of families) {
  Deno.test(`An underlay of ${underlay} leaves ${ipv4} over IPv4, ${ipv6} over IPv6, and that over both`, () => {
    const of = (family: string) => mtuOf(MESH, { WG_IP_FAMILY: family }, factsOf(underlay))[0];
    assert.deepEqual([of("ipv4"), of("ipv6"), of("dualstack")], [ipv4, ipv6, ipv6]);
  });
}

const V4 = { WG_IP_FAMILY: "ipv4" };
type Case = readonly [what: string, facts: Partial<HostFacts>, mtu: readonly unknown[]];
const cases: readonly Case[] = [
  [
    "the narrowest path decides, and is named",
    factsOf(1500, { "10.9.1.3": { dev: "ppp0", mtuBytes: 1400 } }),
    [
      1340,
      "n3 at 10.9.1.3: 1400 by ppp0, less 60",
    ],
  ],
  [
    "a path wider than our own interface's counts as it is",
    factsOf(1500, { "10.9.1.3": { mtuBytes: 9000 } }),
    [
      1440,
      "n2 at 10.9.1.2: 1500 by eth0, less 60",
    ],
  ],
  ["a peer that no path leads to may come from anywhere", factsOf(1500, { "10.9.1.3": undefined }), [
    1420,
    "the node's own interface: 1500, less 80",
  ]],
  ["nothing is known", {}, [1420, "an underlay of 1500, less 80"]],
  [
    "a path through our own interface is none",
    factsOf(1500, { "10.9.1.3": { dev: "wigglenet", mtuBytes: 0 } }),
    [
      1420,
      "the node's own interface: 1500, less 80",
      "path to n3: 10.9.1.3 would be reached through wigglenet itself; " +
      "look at `ip route get 10.9.1.3`: that route, or the address of Node n3, is wrong",
    ],
  ],
  ["IPv6 pods need 1280", factsOf(1500, { "10.9.1.3": { mtuBytes: 1300 } }), [
    1280,
    "the least that IPv6 needs; n3 at 10.9.1.3: 1300 by eth0, less 60, leaves 1240",
    "an MTU of wigglenet that fits: IPv6 needs 1280, and n3 at 10.9.1.3: 1300 by eth0, less 60, leaves 1240: " +
    "full packets travel in fragments; give that path 40 bytes more",
  ]],
];
for (const [what, facts, mtu] of cases) {
  Deno.test(`The MTU: ${what}`, () => assert.deepEqual(mtuOf(MESH, V4, facts), mtu));
}

Deno.test("Where all pods are IPv4, an MTU below 1280 is what it is, down to 576", () => {
  const narrow = (mtuBytes: number) => mtuOf(IPV4_PODS, V4, factsOf(1500, { "10.9.1.3": { mtuBytes } }));
  assert.deepEqual(narrow(1280), [1220, "n3 at 10.9.1.3: 1280 by eth0, less 60"]);
  assert.equal(narrow(500)[0], 576);
});

Deno.test("Whoever is no peer has no say: no key, no pod CIDR, this node itself, an address that it has lost", () => {
  const facts = factsOf(1500, { "10.9.1.3": { mtuBytes: 1400 } });
  const n3 = MESH[2]!;
  const silent: NodeWords[] = [
    { ...n3, key: undefined },
    { ...n3, podCIDRs: [] },
    { ...n3, key: keyOf(2) },
  ];
  for (const words of silent) assert.equal(mtuOf([...MESH.slice(0, 2), words], V4, facts)[0], 1440);
  const thief = { ...n3, name: "n4", day: 9, key: keyOf(4), podCIDRs: ["10.244.4.0/24"] };
  const stolen = mtuOf([...MESH, thief], V4, factsOf(1500));
  assert.equal(stolen[0], 1420); // n4 has no address left: it may come from anywhere
});

Deno.test("WIGGLENET_MTU wins, but never over what IPv6 needs", () => {
  assert.deepEqual(mtuOf(MESH, { WIGGLENET_MTU: "1300" }, factsOf(9000)), [1300, "WIGGLENET_MTU"]);
  assert.equal(mtuOf(IPV4_PODS, { WIGGLENET_MTU: "1240" }, factsOf(9000))[0], 1240);
  const [bytes, , waiting] = mtuOf(MESH, { WIGGLENET_MTU: "1240" }, factsOf(9000));
  assert.equal(bytes, 1280);
  assert.match(String(waiting), /IPv6 needs 1280.*; set WIGGLENET_MTU to 1280 or more$/);
});

Deno.test("Paths are asked for to the addresses of possible peers, in the families that endpoints may have", () => {
  const parsed = [...MESH, { ...ordinaryNode(4), key: undefined }].map((words, i) =>
    parseNode(nodeJson(words), `${i}`)
  );
  const all = ["10.9.1.2", "fd09::2", "10.9.1.3", "fd09::3"];
  const of = (environment: Record<string, string>) =>
    pathAddresses(settingsOf(environment), parsed, NO_FACTS).map(({ text }) => text);
  assert.deepEqual(of({}), all);
  assert.deepEqual(of({ WG_IP_FAMILY: "ipv6" }), ["fd09::2", "fd09::3"]);
});
