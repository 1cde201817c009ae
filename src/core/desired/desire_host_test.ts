import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import type { DesiredState } from "./desired_state.ts";
import type { HostInterface } from "./host_facts.ts";

const MESH = [1, 2, 3].map(ordinaryNode);

const waitingOf = ({ waiting }: DesiredState) =>
  waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`);

function nic(name: string, mtuBytes: number, addresses: readonly string[]): HostInterface {
  return {
    name,
    mtuBytes,
    addresses: addresses.map((text) => parseAddress(text) as Address),
    prefixes: [],
    hasDefaultRoute: false,
  };
}

function uplink(name: string, mtuBytes: number, addresses: readonly string[]): HostInterface {
  return { ...nic(name, mtuBytes, addresses), hasDefaultRoute: true };
}

const FILE = ["10.7.0.0/24", "fd07::/64"].map((text) => parsePrefix(text) as Prefix);
const COMPUTED = ["10.17.0.0/24", "fd17::/64"].map((text) => parsePrefix(text) as Prefix);
const sources: readonly [ipv4: string, ipv6: string, podCidrs: string[]][] = [
  ["spec", "spec", ["fd00:10:244:1::/64", "10.244.1.0/24"]],
  ["none", "spec", ["fd00:10:244:1::/64"]],
  ["file", "none", ["10.7.0.0/24"]],
  ["spec", "file", ["fd07::/64", "10.244.1.0/24"]],
  ["spec", "expression", ["fd17::/64", "10.244.1.0/24"]],
  ["expression", "file", ["fd07::/64", "10.17.0.0/24"]],
];

for (const [ipv4, ipv6, podCidrs] of sources) {
  Deno.test(`POD_CIDR_SOURCE_IPV4=${ipv4}, POD_CIDR_SOURCE_IPV6=${ipv6}: ${podCidrs.join(", ")}`, () => {
    const environment = {
      POD_CIDR_SOURCE_IPV4: ipv4,
      POD_CIDR_SOURCE_IPV6: ipv6,
      POD_CIDR_SOURCE_PATH: "/run/cidrs",
      POD_CIDR_EXPRESSION_PATH: "/run/pod-cidr.cel",
    };
    const desired = desireOf(MESH, environment, { podCidrFile: FILE, podCidrExpression: COMPUTED });
    assert.deepEqual(desired.cni?.podCidrs, podCidrs);
    assert.equal(desired.peers.length, 2);
    assert.deepEqual(waitingOf(desired).length, podCidrs.some((text) => text.includes("7")) ? 1 : 0);
  });
}

const IPV4_OFF =
  "IPv4 forwarding: net.ipv4.ip_forward is 0: nothing gets to this node's pods or from them, nor through its NodePorts; " +
  "on the host, not in a pod: sysctl -w net.ipv4.ip_forward=1, and a file in /etc/sysctl.d";

Deno.test("a host that does not forward is told of, in the families of its pods, and it costs nothing else", () => {
  const off = desireOf(MESH, {}, { unforwarded: [4] });
  assert.deepEqual(waitingOf(off), [IPV4_OFF]);
  assert.deepEqual(off.waiting.map(({ isTrouble, isBlocking }) => [isTrouble, isBlocking]), [[
    true,
    undefined,
  ]]);
  assert.deepEqual({ ...off, waiting: [] }, desireOf(MESH));
  assert.deepEqual(waitingOf(desireOf(MESH, {}, { unforwarded: [4, 6] })).length, 2);
  const single = { POD_CIDR_SOURCE_IPV4: "none" };
  assert.deepEqual(waitingOf(desireOf(MESH, single, { unforwarded: [4] })), []);
  assert.deepEqual(waitingOf(desireOf(MESH, { FIREWALL_ONLY: "true" }, { unforwarded: [4, 6] })), []);
});

const underlays: readonly [what: string, interfaces: HostInterface[], mtuBytes: number][] = [
  ["nothing known", [], 1420],
  ["Ethernet", [nic("eth0", 1500, ["10.9.1.1"])], 1420],
  ["a cloud network", [nic("eth0", 1450, ["10.9.1.1"])], 1370],
  ["1400", [nic("eth0", 1400, ["10.9.1.1"])], 1320],
  ["IPv6's least, below which the tunnel may not go", [nic("eth0", 1280, ["10.9.1.1"])], 1280],
  ["jumbo frames", [nic("eth0", 9000, ["10.9.1.1"])], 8920],
  ["the smaller one of two", [nic("eth0", 9000, ["10.9.1.1"]), nic("eth1", 1450, ["fd09::1"])], 1370],
  [
    "the node's address, not the default route",
    [uplink("a", 1400, []), nic("b", 9000, ["10.9.1.1"])],
    8920,
  ],
  ["the default route where no interface has the address", [
    uplink("a", 1400, ["10.8.0.1"]),
    nic("b", 1300, []),
  ], 1320],
];

for (const [what, interfaces, mtuBytes] of underlays) {
  Deno.test(`The MTU over ${what} is ${mtuBytes}, on the interface and for pods`, () => {
    const desired = desireOf(MESH, {}, { interfaces });
    assert.deepEqual([desired.link?.mtuBytes, desired.cni?.mtuBytes], [mtuBytes, mtuBytes]);
  });
}

Deno.test("WIGGLENET_MTU overrides the underlay's; without a tunnel pods have the underlay's own", () => {
  const interfaces = [nic("eth0", 9000, ["10.9.1.1"])];
  assert.equal(desireOf(MESH, { WIGGLENET_MTU: "1300" }, { interfaces }).cni?.mtuBytes, 1300);
  const native = { NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" };
  assert.equal(desireOf(MESH, native, { interfaces }).cni?.mtuBytes, 9000);
  assert.equal(desireOf(MESH, native).cni?.mtuBytes, undefined);
});

Deno.test("An own address on the loopback says nothing of the MTU, and flows enter by no loopback", () => {
  const interfaces = [nic("lo", 65536, ["10.9.1.1"]), { ...nic("eth0", 1400, []), hasDefaultRoute: true }];
  const native = { NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1", ENABLE_FLOWTABLE: "1" };
  const { cni, fastpath } = desireOf(MESH, native, { interfaces });
  assert.deepEqual([cni?.mtuBytes, fastpath?.devices], [1400, ["eth0"]]);
});

Deno.test("Where kube-proxy is in IPVS mode policies look at what the node sends, too, and flows go the long way", () => {
  const interfaces = [uplink("eth0", 1500, ["10.9.1.1"]), nic("kube-ipvs0", 1500, ["10.96.0.1"])];
  const hasChain = (environment: Record<string, string>, facts = { interfaces }) =>
    desireOf(MESH, environment, facts).table.templates.includes("ipvs");
  assert.equal(hasChain({}), true);
  assert.equal(hasChain({}, { interfaces: interfaces.slice(0, 1) }), false);
  assert.equal(hasChain({ ENABLE_NETWORK_POLICY: "false" }), false);
  const desired = desireOf(MESH, { ENABLE_FLOWTABLE: "true" }, { interfaces });
  assert.equal(desired.fastpath, undefined);
  assert.match(waitingOf(desired).join(), /flowtable: kube-proxy is in IPVS mode/);
});

Deno.test("Where wireguard-go serves IPv6 its UDP checksums of zero are mended, and nobody else pays for that", () => {
  const areMended = (wireguard: "kernel" | "userspace", environment: Record<string, string> = {}) =>
    desireOf(MESH, environment, { wireguard }).table.templates.includes("checksum-v6");
  assert.equal(areMended("userspace"), true);
  assert.equal(areMended("kernel"), false);
  assert.equal(areMended("userspace", { NATIVE_ROUTING_IPV6: "true" }), false);
  assert.equal(areMended("userspace", { FIREWALL_ONLY: "true" }), false);
});

Deno.test("Addresses of NODE_IP_INTERFACES are the node's too, and the operator is told to publish them", () => {
  const interfaces = [
    nic("eth0", 1500, ["10.9.1.1"]),
    nic("eth1", 1400, ["192.0.2.1"]),
    nic("eth2", 1280, ["192.0.2.9"]),
  ];
  const desired = desireOf(MESH, { NODE_IP_INTERFACES: "eth1" }, { interfaces });
  assert.equal(desired.link?.mtuBytes, 1320);
  assert.deepEqual(waitingOf(desired), [
    "wigglenet/node-ips of n1: its Node does not say what this host has; " +
    `put wigglenet/node-ips: '["10.9.1.1","fd09::1","192.0.2.1"]' into the manifest of n1`,
  ]);
});

Deno.test("An interface of NODE_IP_INTERFACES that the host has not is told; render knows none", () => {
  const interfaces = [nic("eth0", 1500, ["10.9.1.1"])];
  const environment = { NODE_IP_INTERFACES: "eth0,eht1" };
  assert.deepEqual(waitingOf(desireOf(MESH, environment, { interfaces })), [
    "addresses of eht1: this host has no interface of that name; " +
    "ip -br address shows what there is; mend NODE_IP_INTERFACES",
  ]);
  assert.deepEqual(waitingOf(desireOf(MESH, environment)), []);
});

Deno.test("A key that the Node does not say, or says wrongly, is told with the line to add", () => {
  const next = `put wigglenet/public-key: ${keyOf(9)} into the manifest of n1`;
  for (const key of [undefined, keyOf(1)]) {
    const desired = desireOf([{ ...ordinaryNode(1), key }], {}, { publicKey: keyOf(9) });
    assert.deepEqual(waitingOf(desired), [
      `peers for n1: Node n1 says the public key ${key ?? "(none)"}, this host's is ${keyOf(9)}; ${next}`,
    ]);
  }
});
