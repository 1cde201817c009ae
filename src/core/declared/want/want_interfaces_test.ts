import assert from "node:assert/strict";
import { parsed } from "../../../../test/declared/parsed.ts";
import {
  BRIDGE,
  DUMMY,
  type ObjectJson,
  PLAN,
  VETH,
  VXLAN,
  WALK_THROUGH,
  WIREGUARD,
} from "../../../../test/declared/walk_through.ts";
import { parseAddress } from "../../net/address.ts";
import { parsePrefix, type Prefix } from "../../net/prefix.ts";
import { refused } from "../../net/refusal.ts";
import type { Taken } from "./taken.ts";
import { type Wanted, wantInterfaces } from "./want_interfaces.ts";

const HERE = { nodeName: "lax1", interfaceName: "wigglenet", ports: [24_601, 24_602], nowMs: 0 };

function want(...objects: readonly ObjectJson[]): Wanted {
  return wantInterfaces(objects.map(parsed), HERE);
}

function withSpec(object: ObjectJson, name: string, spec: Record<string, unknown>): ObjectJson {
  return { ...object, metadata: { name }, spec: { ...object.spec, ...spec } };
}

Deno.test("The walk-through is seven interfaces on lax1, and one on lax2", () => {
  const { interfaces, rejected } = want(...WALK_THROUGH);
  assert.deepEqual(rejected, []);
  assert.deepEqual(interfaces.map(({ name, alias }) => `${name} ${alias}`), [
    "wg-lax1-lax2-0 WireGuardNetworkPlan/plan1/lax2",
    "wg1 WireGuardInterface/lax1-wg1",
    "br1 NetlinkInterface/bridge",
    "dummy1 NetlinkInterface/dummy",
    "veth1-a NetlinkInterface/veth",
    "veth1-b NetlinkInterface/veth",
    "vxlan1 NetlinkInterface/vxlan-lax1",
  ]);
  const there = wantInterfaces(WALK_THROUGH.map(parsed), { ...HERE, nodeName: "lax2" });
  assert.deepEqual(there.interfaces.map(({ name }) => name), ["wg-lax2-lax1-0"]);
});

Deno.test("A VXLAN is one text, a peer's networks are sorted and stand once", () => {
  const [vxlan] = want(VXLAN).interfaces;
  assert.ok(vxlan?.link.kind === "vxlan");
  assert.equal(
    vxlan.link.words,
    "vxlan id 100 dev wg-lax1-lax2-0 local 10.4.0.1 remote 10.4.0.2 dstport 4789 learning",
  );
  const peer = { publicKey: "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" };
  const allowedIPs = ["fd00::/64", "10.1.0.1/16", "10.0.0.0/16", "10.1.0.0/16"];
  const [wireguard] = want(withSpec(WIREGUARD, "a", { peers: [{ ...peer, allowedIPs }] })).interfaces;
  assert.ok(wireguard?.link.kind === "wireguard");
  assert.equal(wireguard.link.peers[0]!.allowedIps, "10.0.0.0/16,10.1.0.0/16,fd00::/64");
});

const SECRET = { name: "s", key: "k" };
const DOCKER = { docker: { name: "agent1" } };
const CONTAINED =
  "it belongs into a container, and this agent puts nothing there (DECLARED_CONTAINERS=false)";
const NOWHERE = "moveToContainer says so, and no container is named";
const SECRETIVE =
  "its key is in a Secret, and this agent reads none (DECLARED_SECRETS_NAMESPACE, where it asks an API)";

function planWith(node: Record<string, unknown>): ObjectJson {
  const nodes = structuredClone(PLAN.spec.nodes) as Record<string, unknown>[];
  nodes[0] = { ...nodes[0], ...node };
  return withSpec(PLAN, "plan1", { nodes });
}

const REFUSED: readonly [string, ObjectJson, string, string][] = [
  ["A node of a plan in a container", planWith({ container: DOCKER }), "node lax1", CONTAINED],
  ["A node of a plan to be moved", planWith({ moveToContainer: true }), "node lax1", NOWHERE],
  ["A node of a plan with a Secret", planWith({ privateKeyRef: SECRET }), "node lax1", SECRETIVE],
  [
    "A WireGuardInterface in a container",
    withSpec(WIREGUARD, "a", { container: DOCKER }),
    "WireGuardInterface",
    CONTAINED,
  ],
  [
    "A WireGuardInterface with a Secret",
    withSpec(WIREGUARD, "a", { privateKeySecretRef: SECRET }),
    "WireGuardInterface",
    SECRETIVE,
  ],
  [
    "An end of a pair in a container",
    withSpec(VETH, "a", { veth: { peer: { interfaceName: "b", container: DOCKER } } }),
    "NetlinkInterface",
    CONTAINED,
  ],
];

for (const [what, object, claim, reason] of REFUSED) {
  Deno.test(`${what} gets nothing here, and what it had is not touched`, () => {
    const { interfaces, rejected, refused } = want(object);
    assert.deepEqual(interfaces, []);
    const { kind, metadata: { name } } = object;
    assert.deepEqual(rejected, [{ kind, name, claim, reason }]);
    assert.deepEqual(refused.map((it) => [it.kind, it.name]), [[kind, name]]);
  });
}

Deno.test("Two peers with one network are refused: WireGuard would send to one of them", () => {
  const keys = [
    "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=",
    "Ky5TSVYyYqfGMyFAu7rLMUrl7sJuAm3nIfqcZJwlQxI=",
  ];
  const peers = keys.map((publicKey) => ({ publicKey, allowedIPs: ["10.0.0.0/8", "10.0.0.1/8"] }));
  const { rejected } = want(withSpec(WIREGUARD, "a", { peers }));
  assert.equal(rejected[0]!.reason, "two of its peers have 10.0.0.0/8: WireGuard would send to one of them");
});

const LOST: readonly [string, readonly ObjectJson[], string][] = [
  [
    "The younger of two of a kind",
    [withSpec(DUMMY, "b", {}), withSpec(DUMMY, "a", {})],
    "NetlinkInterface b: interface dummy1: the name dummy1 belongs to NetlinkInterface a",
  ],
  [
    "A NetlinkInterface against a WireGuardInterface",
    [withSpec(DUMMY, "a", { interfaceName: "wg1" }), WIREGUARD],
    "NetlinkInterface a: interface wg1: the name wg1 belongs to WireGuardInterface lax1-wg1",
  ],
  [
    "A WireGuardInterface against a plan",
    [withSpec(WIREGUARD, "a", { interfaceName: "wg-lax1-lax2-0" }), PLAN],
    "WireGuardInterface a: interface wg-lax1-lax2-0: the name wg-lax1-lax2-0 belongs to WireGuardNetworkPlan plan1",
  ],
  [
    "A second plan with the same link",
    [withSpec(PLAN, "plan2", {}), PLAN],
    "WireGuardNetworkPlan plan2: link lax1 to lax2: the name wg-lax1-lax2-0 belongs to WireGuardNetworkPlan plan1",
  ],
  [
    "The pod network's name",
    [withSpec(DUMMY, "a", { interfaceName: "wigglenet" })],
    "NetlinkInterface a: interface wigglenet: the name wigglenet belongs to the pod network",
  ],
  [
    "The name of what the pod network has beside it",
    [withSpec(DUMMY, "a", { interfaceName: "wigglenet-next" })],
    "NetlinkInterface a: interface wigglenet-next: the name wigglenet-next belongs to the pod network",
  ],
  [
    "The pod network's port",
    [withSpec(WIREGUARD, "a", { listenPort: 24_602 })],
    "WireGuardInterface a: interface wg1: the port 24602 belongs to the pod network",
  ],
  [
    "The pod network's port for a VXLAN",
    [withSpec(VXLAN, "z", { vxlan: { vni: 1, port: 24_601 } })],
    "NetlinkInterface z: interface vxlan1: the port 24601 belongs to the pod network",
  ],
  [
    "The port of a WireGuardInterface for a VXLAN",
    [WIREGUARD, withSpec(VXLAN, "z", { vxlan: { vni: 1, port: 51_821 } })],
    "NetlinkInterface z: interface vxlan1: the port 51821 belongs to WireGuardInterface lax1-wg1",
  ],
  [
    "A port that another WireGuardInterface has",
    [WIREGUARD, withSpec(WIREGUARD, "z", { interfaceName: "wg2" })],
    "WireGuardInterface z: interface wg2: the port 51821 belongs to WireGuardInterface lax1-wg1",
  ],
  [
    "The other end of a pair",
    [withSpec(VETH, "z", { interfaceName: "free", veth: { peer: { interfaceName: "dummy1" } } }), DUMMY],
    "NetlinkInterface z: interface dummy1: the name dummy1 belongs to NetlinkInterface dummy",
  ],
  [
    "A member that another bridge has",
    [withSpec(BRIDGE, "z", { interfaceName: "br2" }), BRIDGE],
    "NetlinkInterface z: member dummy1: it belongs to NetlinkInterface bridge",
  ],
  [
    "The segment of another VXLAN",
    [
      withSpec(VXLAN, "a", { vxlan: { vni: 5, port: 4790 }, addresses: [] }),
      withSpec(VXLAN, "z", { interfaceName: "vxlan2", vxlan: { vni: 5, port: 4790 }, addresses: [] }),
    ],
    "NetlinkInterface z: interface vxlan2: the VNI 5 at port 4790 belongs to NetlinkInterface a",
  ],
  [
    "A WireGuard interface as a member",
    [WIREGUARD, withSpec(BRIDGE, "z", { bridge: { slaves: ["wg1"] } })],
    "NetlinkInterface z: member wg1: it is WireGuard's, and a bridge takes Ethernet",
  ],
  [
    "The name of what kube-proxy makes",
    [withSpec(DUMMY, "z", { interfaceName: "kube-ipvs0" })],
    "NetlinkInterface z: interface kube-ipvs0: the name kube-ipvs0 belongs to kube-proxy",
  ],
  [
    "The pod network's interface as a member",
    [withSpec(BRIDGE, "z", { bridge: { slaves: ["wigglenet"] } })],
    "NetlinkInterface z: member wigglenet: it belongs to the pod network",
  ],
];

for (const [what, objects, told] of LOST) {
  Deno.test(`${what} is claimed in vain, in whatever order it is asked`, () => {
    for (const order of [objects, [...objects].reverse()]) {
      const { interfaces, rejected } = want(...order);
      assert.deepEqual(
        rejected.map(({ kind, name, claim, reason }) => `${kind} ${name}: ${claim}: ${reason}`),
        [
          told,
        ],
      );
      const names = interfaces.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
    }
  });
}

const NODE_HERE: Taken = {
  nodes: new Map(["10.9.1.1", "10.9.1.2", "fd09::2"].map((text) => {
    const address = parseAddress(text);
    assert.ok(!refused(address));
    return [text, { address, node: "n2" }];
  })),
  podCidrs: [{ prefix: prefix("10.244.2.0/24"), node: "n2" }, { prefix: prefix("fd10:2::/64"), node: "n2" }],
};

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert.ok(!refused(parsed));
  return parsed;
}

const TAKING: readonly [string, Record<string, unknown>, string | undefined][] = [
  ["a node's address", { ipcidr: "10.9.1.2/32" }, "10.9.1.2 is an address of node n2"],
  [
    "a way to a node",
    { ipcidr: "10.5.0.1/32", peerCidr: "10.9.1.2/32" },
    "would route 10.9.1.2, an address of node n2",
  ],
  ["a network with a node in it", { ipcidr: "10.9.0.1/16" }, "would route 10.9.1.1, an address of node n2"],
  ["a pod's address", { ipcidr: "10.244.2.9/32" }, "10.244.2.9 is in 10.244.2.0/24, the pod CIDR of node n2"],
  [
    "a part of a pod CIDR",
    { ipcidr: "fd20::1/128", peerCidr: "fd10:2::1/80" },
    "would route fd10:2::/64, the pod CIDR",
  ],
  ["a network around a pod CIDR", { ipcidr: "10.0.0.1/8" }, "would route"],
  ["half of all addresses", { ipcidr: "192.0.2.1/1" }, "would route half of all addresses or more"],
  ["all addresses", { ipcidr: "fd77::1/0" }, "would route half of all addresses or more"],
  ["what nobody has", { ipcidr: "10.7.0.1/24" }, undefined],
  ["a link-local network", { ipcidr: "fe80::7/64" }, undefined],
];

for (const [what, address, reason] of TAKING) {
  Deno.test(`An interface may ${reason === undefined ? "" : "not "}have ${what}`, () => {
    const object = parsed(withSpec(DUMMY, "d", { addresses: [address] }));
    const { interfaces, rejected } = wantInterfaces([object], { ...HERE, taken: NODE_HERE });
    assert.equal(interfaces.length, reason === undefined ? 1 : 0);
    if (reason !== undefined) assert.ok(rejected[0]!.reason.includes(reason), rejected[0]!.reason);
  });
}

Deno.test("An IPv6 address that stands twice is refused: the kernel takes it once", () => {
  const addresses = [{ ipcidr: "fd07::1/64" }, { ipcidr: "fd07::1/128" }];
  assert.equal(
    want(withSpec(DUMMY, "d", { addresses })).rejected[0]!.reason,
    "fd07::1 stands twice: the kernel takes it once",
  );
});

Deno.test("A segment of IPv6 is another than that of IPv4, and so is one between link-local ends of another device", () => {
  const vxlans = [
    { vni: 5 },
    { vni: 5, local: "fd00::1" },
    { vni: 5, group: "fe80::1", dev: "eth0" },
    { vni: 5, group: "fe80::1", dev: "eth1" },
  ].map((vxlan, i) => withSpec(VXLAN, `v${i}`, { interfaceName: `v${i}`, vxlan, addresses: [] }));
  assert.deepEqual(want(...vxlans).rejected, []);
});

Deno.test("An MTU below what IPv6 needs is refused where an address is of it", () => {
  const narrow = (addresses: unknown) => want(withSpec(DUMMY, "d", { mtu: 1279, addresses })).rejected;
  assert.equal(
    narrow([{ ipcidr: "fd07::1/64" }])[0]!.reason,
    "its MTU 1279 is too small for IPv6, which needs 1280",
  );
  assert.deepEqual(narrow([{ ipcidr: "10.7.0.1/24" }]), []);
});
