import assert from "node:assert/strict";
import { desireOf, nodeJson, type NodeWords, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { desire } from "./desire.ts";
import type { DesiredState } from "./desired_state.ts";
import { namesToResolve } from "./endpoints.ts";
import { type HostFacts, type HostInterface, NO_FACTS, type Resolution } from "./host_facts.ts";

function nic(addresses: readonly string[], prefixes: readonly string[]): HostInterface {
  return {
    name: "eth0",
    mtuBytes: 1500,
    addresses: addresses.map((text) => parseAddress(text) as Address),
    prefixes: prefixes.map((text) => parsePrefix(text) as Prefix),
    hasDefaultRoute: true,
  };
}

const DUAL = nic(["10.9.1.1", "fd09::1"], ["10.9.1.0/24", "fd09::/64"]);

function answers(said: Readonly<Record<string, readonly string[]>>, trouble?: string) {
  return new Map(
    Object.entries(said).map(([name, texts]): [string, Resolution] => [
      name,
      { addresses: texts.map((text) => parseAddress(text) as Address), trouble },
    ]),
  );
}

/** What n1 wants of n2. */
function peerOf(words: Partial<NodeWords>, environment = {}, facts: Partial<HostFacts> = {}) {
  const desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), ...words }], environment, facts);
  return {
    candidates: desired.peers[0]?.candidates,
    isUnresolved: desired.peers[0]?.isUnresolved ?? false,
    rejected: desired.rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`),
    waiting: waitingOf(desired),
  };
}

function waitingOf({ waiting }: DesiredState): string[] {
  return waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`);
}

const OWN = ["10.9.1.2:24601", "[fd09::2]:24601"];

const orders: readonly [
  what: string,
  words: Partial<NodeWords>,
  interfaces: HostInterface[],
  candidates: string[],
][] = [
  [
    "internal before external, IPv4 before IPv6",
    {
      internal: ["fd09::2", "10.9.1.2"],
      external: ["203.0.113.2", "2001:db8::2"],
    },
    [],
    [...OWN, "203.0.113.2:24601", "[2001:db8::2]:24601"],
  ],
  [
    "an external one that is also internal, once, as that",
    {
      internal: ["fd09::2", "10.9.1.2"],
      external: ["10.9.1.2"],
      said: { nodeIps: ["203.0.113.2"] },
    },
    [],
    ["10.9.1.2:24601", "203.0.113.2:24601", "[fd09::2]:24601"],
  ],
  [
    "an ExternalIP that the node itself has, as internal",
    {
      internal: ["10.9.1.2"],
      external: ["9.0.0.1"],
      said: { nodeIps: ["9.0.0.1"] },
    },
    [],
    ["9.0.0.1:24601", "10.9.1.2:24601"],
  ],
  [
    "the same subnet first, whatever its family",
    {
      internal: ["10.1.0.2", "fd09::2", "10.9.1.2"],
    },
    [DUAL],
    ["10.9.1.2:24601", "[fd09::2]:24601", "10.1.0.2:24601"],
  ],
  [
    "an external one of the same subnet, as external",
    {
      internal: ["10.1.0.2"],
      external: ["10.9.1.2"],
    },
    [DUAL],
    ["10.1.0.2:24601", "10.9.1.2:24601"],
  ],
  ["no subnet of a cable, as pods have it", { internal: ["10.1.0.1", "10.9.9.9"] }, [
    nic(["10.8.0.1"], ["10.9.9.9/32"]),
  ], ["10.1.0.1:24601", "10.9.9.9:24601"]],
  [
    "a family that this host has not comes last",
    {
      internal: ["fd09::2", "10.9.1.2"],
      external: ["2001:db8::2"],
    },
    [nic(["fd09::1"], ["fd09::/64"])],
    ["[fd09::2]:24601", "[2001:db8::2]:24601", "10.9.1.2:24601"],
  ],
  ["an address that this host has too is none", { internal: ["172.17.0.1", "10.9.1.2"] }, [
    DUAL,
    nic(["172.17.0.1"], ["172.17.0.0/16"]),
  ], ["10.9.1.2:24601"]],
  ["the annotation before all, with its port", { endpoint: "203.0.113.7:7" }, [DUAL], [
    "203.0.113.7:7",
    ...OWN,
  ]],
  ["the annotation without a port has the mesh's, and says nothing twice", { endpoint: "10.9.1.2" }, [], OWN],
  ["the annotation may say an own address with another port", { endpoint: "10.9.1.2:7" }, [], [
    "10.9.1.2:7",
    ...OWN,
  ]],
  ["the annotation alone", { endpoint: "[2001:db8::7]:7", internal: [] }, [], ["[2001:db8::7]:7"]],
];

for (const [what, words, interfaces, candidates] of orders) {
  Deno.test(`Candidates: ${what}`, () => {
    assert.deepEqual(peerOf(words, {}, { interfaces }), {
      ...{ candidates, isUnresolved: false, rejected: [], waiting: [] },
    });
  });
}

Deno.test("WG_IP_FAMILY and WIGGLENET_WG_PORT are for all candidates, the annotation's included", () => {
  const words = { endpoint: "203.0.113.7", external: ["2001:db8::2", "203.0.113.2"] };
  const environment = { WG_IP_FAMILY: "ipv4", WIGGLENET_WG_PORT: "7" };
  const ipv4 = ["203.0.113.7:7", "10.9.1.2:7", "203.0.113.2:7"];
  assert.deepEqual(peerOf(words, environment).candidates, ipv4);
  const ipv6 = ["[fd09::2]:24601", "[2001:db8::2]:24601"];
  assert.deepEqual(peerOf(words, { WG_IP_FAMILY: "ipv6" }).candidates, ipv6);
});

Deno.test("An annotation of a family that WG_IP_FAMILY leaves out is told, a name's other addresses count", () => {
  const ipv4 = { WG_IP_FAMILY: "ipv4" };
  const told = (words: string) =>
    `endpoint of n2: wigglenet/endpoint ${words} has no address for WG_IP_FAMILY=ipv4; look at Node n2`;
  assert.deepEqual(peerOf({ endpoint: "[2001:db8::7]:7" }, ipv4).waiting, [told("[2001:db8::7]:7")]);
  const lookUp = (...texts: string[]) =>
    peerOf(named, ipv4, { resolved: answers({ "gw.example.org": texts }) }).waiting;
  assert.deepEqual(lookUp("2001:db8::7"), [told("gw.example.org:7")]);
  assert.deepEqual(lookUp("2001:db8::7", "203.0.113.7"), []);
});

const refusals: readonly [endpoint: string, reason: string][] = [
  ["10.9.1.1:24601", "10.9.1.1 is an address of this host"],
  ["[fd09::1]:7", "fd09::1 is an address of this host"],
  ["10.9.1.255:24601", "10.9.1.255 is the broadcast address of a subnet of this host"],
  ["10.244.2.7:24601", "10.244.2.7 is inside the pod CIDR 10.244.2.0/24"],
  ["10.244.1.7:24601", "10.244.1.7 is inside the pod CIDR 10.244.1.0/24"],
  ["[fd00:10:244:1::9]", "fd00:10:244:1::9 is inside the pod CIDR fd00:10:244:1::/64"],
  ["10.250.0.1:1", "10.250.0.1 is inside the pod CIDR 10.250.0.0/16"],
  ["127.0.0.1:24601", "127.0.0.1 is loopback"],
  ["169.254.169.254:80", "169.254.169.254 is link-local"],
  ["224.0.0.1:1", "224.0.0.1 is multicast or reserved"],
  ["255.255.255.255:1", "255.255.255.255 is multicast or reserved"],
  ["[::1]:1", "::1 is loopback or unspecified"],
  ["[ff02::1]:1", "ff02::1 is multicast"],
];

const CLUSTER = { CLUSTER_POD_CIDRS: "10.250.0.0/16" };

for (const [endpoint, reason] of refusals) {
  Deno.test(`wigglenet/endpoint is refused and the other candidates stay: ${reason}`, () => {
    const { candidates, rejected } = peerOf({ endpoint }, CLUSTER, { interfaces: [DUAL] });
    assert.deepEqual(candidates, OWN);
    assert.equal(rejected.length, 1);
    assert.ok(rejected[0]!.startsWith("n2: wigglenet/endpoint "), rejected[0]);
    assert.ok(rejected[0]!.endsWith(`: ${reason}`), rejected[0]);
  });

  Deno.test(`A name that leads there is refused too: ${reason}`, () => {
    const address = endpoint.startsWith("[")
      ? endpoint.slice(1, endpoint.indexOf("]"))
      : endpoint.split(":")[0]!;
    const resolved = answers({ "gw.example.org": [address, "203.0.113.7"] });
    const words = { endpoint: "gw.example.org:7" };
    const { candidates, rejected } = peerOf(words, CLUSTER, { interfaces: [DUAL], resolved });
    assert.deepEqual(candidates, ["203.0.113.7:7", ...OWN]);
    assert.deepEqual(rejected, [`n2: wigglenet/endpoint gw.example.org:7: ${reason}`]);
  });
}

Deno.test("An annotation that leads into the pod network is refused also where nothing else changed since", () => {
  const words = { endpoint: "10.244.3.9:7" };
  assert.deepEqual(peerOf(words).candidates, ["10.244.3.9:7", ...OWN]);
  const three = desireOf([ordinaryNode(1), { ...ordinaryNode(2), ...words }, ordinaryNode(3)]);
  assert.deepEqual(three.peers[0]?.candidates, OWN);
});

const named = { endpoint: "gw.example.org:7" };
const NEXT = "getent ahosts gw.example.org shows what this host's resolver says";

Deno.test("A name is followed by all of its addresses; one that is not resolved yet is told", () => {
  const resolved = answers({ "gw.example.org": ["203.0.113.7", "2001:db8::7"] });
  assert.deepEqual(peerOf(named, {}, { resolved }), {
    candidates: ["203.0.113.7:7", "[2001:db8::7]:7", ...OWN],
    ...{ isUnresolved: false, rejected: [], waiting: [] },
  });
  assert.deepEqual(peerOf(named), {
    ...{ candidates: OWN, isUnresolved: true, rejected: [] },
    waiting: [`endpoint of n2: gw.example.org is not resolved yet; ${NEXT}`],
  });
});

Deno.test("A name that cannot be resolved any more keeps its last answer, and is told", () => {
  assert.deepEqual(
    peerOf(named, {}, { resolved: answers({ "gw.example.org": ["203.0.113.7"] }, "ENOTFOUND") }),
    {
      ...{ candidates: ["203.0.113.7:7", ...OWN], isUnresolved: false, rejected: [] },
      waiting: [
        `endpoint of n2: gw.example.org cannot be resolved (ENOTFOUND); its last answer stays: 203.0.113.7; ${NEXT}`,
      ],
    },
  );
  assert.deepEqual(peerOf(named, {}, { resolved: answers({ "gw.example.org": [] }, "ENOTFOUND") }), {
    ...{ candidates: OWN, isUnresolved: true, rejected: [] },
    waiting: [`endpoint of n2: gw.example.org cannot be resolved (ENOTFOUND); ${NEXT}`],
  });
});

Deno.test("A name may be any word that an object has too", () => {
  for (const name of ["constructor", "tostring"]) {
    assert.deepEqual(peerOf({ endpoint: `${name}:7` }).candidates, OWN);
  }
});

Deno.test("Of too many names the oldest Nodes' are resolved, and the others are told", () => {
  const nodes = Array.from(
    { length: 300 },
    (_, i) =>
      parseNode(nodeJson({ name: `m${i}`, day: 1 + i % 28, endpoint: `gw${i}.example.org` }), "nodes"),
  );
  const names = namesToResolve(nodes);
  assert.equal(names.size, 256);
  assert.deepEqual(namesToResolve(nodes.toReversed()), names);
  const young = nodes.filter(({ node }) => !names.has(node!.endpoint!.host as never));
  assert.ok(young.every(({ node }) => node!.createdMs >= Date.UTC(2026, 0, 24)), JSON.stringify([...names]));

  const others = Array.from({ length: 257 }, (_, i): NodeWords => ({
    ...ordinaryNode(2),
    ...{ name: `m${i}`, day: i === 0 ? 2 : 1, key: undefined, podCIDRs: [], internal: [] },
    endpoint: `gw${i}.example.org`,
  }));
  const youngest = { ...ordinaryNode(2), day: 3, ...named };
  assert.deepEqual(waitingOf(desireOf([ordinaryNode(1), ...others, youngest])), [
    "endpoint of n2: gw.example.org is not resolved: only 256 names are; " +
    "give older Nodes fewer names, or this one an address",
  ]);
});

Deno.test("The same name of many Nodes is one name", () => {
  const nodes = [1, 2].map((i) =>
    parseNode(nodeJson({ name: `n${i}`, endpoint: `GW.example.org:${i}` }), "nodes")
  );
  assert.deepEqual([...namesToResolve(nodes)], ["gw.example.org"]);
});

Deno.test("What a Node says of its keepalive goes for what it sends itself, and for no other", () => {
  const desired = desireOf([{ ...ordinaryNode(1), keepalive: "15" }, { ...ordinaryNode(2), keepalive: "7" }]);
  assert.equal(desired.link?.keepaliveSeconds, 15);
  assert.equal(desireOf([ordinaryNode(1)]).link?.keepaliveSeconds, undefined);
});

Deno.test("A pod's cable that comes changes no peer, and a net that comes does", () => {
  const nodes = [1, 2].map((i) => parseNode(nodeJson(ordinaryNode(i)), "nodes"));
  const peersWith = (...more: HostInterface[]) =>
    desire(settingsOf(), nodes, {
      ...NO_FACTS,
      interfaces: [DUAL, nic(["10.244.1.1"], ["10.244.1.1/32"]), ...more],
    })!.peers;
  const [before] = peersWith();
  assert.equal(peersWith(nic(["10.244.1.1"], ["10.244.1.1/32"]))[0], before);
  assert.notEqual(peersWith(nic(["10.1.0.1"], ["10.1.0.0/16"]))[0], before);
});
