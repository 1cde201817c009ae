import assert from "node:assert/strict";
import { desireOf, keyOf, nodeJson, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { desire } from "./desire.ts";
import type { DesiredState } from "./desired_state.ts";
import { NO_FACTS } from "./host_facts.ts";

const MESH = [1, 2, 3].map(ordinaryNode);

const routesOf = ({ routes }: DesiredState) =>
  routes.map(({ type, destination }) => `${type} ${destination}`);
const waitingOf = ({ waiting }: DesiredState) =>
  waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`);
const rejectedOf = ({ rejected }: DesiredState) =>
  rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`);

Deno.test("Three dual-stack nodes: link, peers, routes, sets and CNI of the first one", () => {
  const desired = desireOf(MESH, { FILTER_IPV4: "1", FILTER_IPV6: "1" });
  assert.deepEqual(desired.link, {
    name: "wigglenet",
    implementation: "kernel",
    server: "started",
    port: 24601,
    mtuBytes: 1420,
    mtuReason: "an underlay of 1500, less 80",
    privateKeyPath: "/etc/wigglenet/private.key",
    publicKey: undefined,
    publishedKey: keyOf(1),
    keepaliveSeconds: undefined,
    addresses: ["10.244.1.1/32", "fd00:10:244:1::1/128"],
  });
  assert.deepEqual(
    desired.peers,
    [2, 3].map((i) => ({
      node: `n${i}`,
      publicKey: keyOf(i),
      endpoint: `10.9.1.${i}:24601`,
      candidates: [`10.9.1.${i}:24601`, `[fd09::${i}]:24601`],
      allowedIps: `10.9.1.${i}/32,10.244.${i}.0/24,fd00:10:244:${i}::/64,fd09::${i}/128`,
    })),
  );
  assert.deepEqual(routesOf(desired), [
    ...["tunnel 10.244.2.0/23", "tunnel fd00:10:244:2::/63"],
    ...["unreachable 10.244.1.0/24", "unreachable 10.244.2.0/23"],
    ...["unreachable fd00:10:244:1::/64", "unreachable fd00:10:244:2::/63"],
  ]);
  assert.deepEqual(desired.table.sets, {
    ...{ "clear-v4": [], "clear-v6": [], "near-v4": [], "near-v6": [], "late-v4": [], "late-v6": [] },
    ...{ "outer-v4": [], "outer-v6": [], "outer-own-v4": [], "outer-own-v6": [] },
    "host-own-v4": [],
    "host-own-v6": [],
    "host-peers-v4": [],
    "host-peers-v6": [],
    "pod-cidrs-v4": ["10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"],
    "pod-cidrs-v6": ["fd00:10:244:1::/64", "fd00:10:244:2::/64", "fd00:10:244:3::/64"],
    "local-pod-cidrs-v4": ["10.244.1.0/24"],
    "local-pod-cidrs-v6": ["fd00:10:244:1::/64"],
    "no-masquerade-v4": [],
    "no-masquerade-v6": [],
  });
  assert.deepEqual(desired.cni, {
    mtuBytes: 1420,
    podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"],
  });
  assert.deepEqual([desired.rejected, desired.waiting], [[], []]);
});

Deno.test("CLUSTER_POD_CIDRS that would cut the node off are refused, and the others guard", () => {
  const desired = desireOf(MESH, { CLUSTER_POD_CIDRS: "10.9.0.0/16,10.244.0.0/16" });
  assert.deepEqual(desired.table.sets["pod-cidrs-v4"], ["10.244.0.0/16"]);
  assert.deepEqual(rejectedOf(desired), [
    "n1: CLUSTER_POD_CIDRS 10.9.0.0/16: covers an address of this node, which would be cut off",
  ]);
});

Deno.test("This node goes by its spec, whatever an old annotation says, and asks for that to be mended", () => {
  const own = { ...ordinaryNode(1), said: { podCidrs: ["10.99.1.0/24"] } };
  const desired = desireOf([own, ordinaryNode(2)]);
  assert.deepEqual(desired.cni?.podCidrs, ["fd00:10:244:1::/64", "10.244.1.0/24"]);
  assert.match(waitingOf(desired).join(), /wigglenet\/pod-cidrs of n1: .*put .*10\.244\.1\.0\/24/);
});

Deno.test("A route is one line for `ip route`, with our protocol number", () => {
  const { routes } = desireOf(MESH, { WIGGLENET_IFACE_NAME: "wg0" });
  assert.deepEqual([routes[0]?.text, routes.at(-1)?.text], [
    "10.244.2.0/23 dev wg0 proto 146",
    "unreachable fd00:10:244:2::/63 proto 146 metric 32760",
  ]);
});

const GUARD = ["guard", "guard-v4", "guard-v6"];
const SOURCE = ["source", "source-v4", "source-v6"];
const MASQUERADE = ["masquerade-v4", "masquerade-v6"];
const UNGUARDED = ["masquerade-unguarded-v4", "masquerade-unguarded-v6", ...MASQUERADE];
const modes: readonly [
  what: string,
  environment: Record<string, string>,
  without: string,
  templates: string[],
][] = [
  ["the defaults", {}, "", [...GUARD, ...SOURCE, ...MASQUERADE]],
  ["MASQUERADE_IPV6=0", { MASQUERADE_IPV6: "0" }, "", [
    ...GUARD,
    ...SOURCE,
    "unmasqueraded-v6",
    "masquerade-v4",
  ]],
  ["FILTER_IPV4", { FILTER_IPV4: "1" }, "", [...GUARD, ...SOURCE, ...MASQUERADE, "filter-tunnel-v4"]],
  ["STRICT=false", { STRICT: "false" }, "guarded", UNGUARDED],
  [
    "STRICT=false with FILTER_IPV6",
    { STRICT: "false", FILTER_IPV6: "1" },
    "guarded",
    [...UNGUARDED, "source", "source-v6", "filter-tunnel-v6"],
  ],
  [
    "NATIVE_ROUTING_IPV6 with both filters",
    { NATIVE_ROUTING_IPV6: "1", FILTER_IPV4: "1", FILTER_IPV6: "1" },
    "v6",
    [
      ...MASQUERADE,
      "masquerade-unguarded-v6",
      "guard",
      "guard-v4",
      "source",
      "source-v4",
      "filter-tunnel-v4",
      "filter-native-v6",
    ],
  ],
  ["NATIVE_ROUTING_IPV4", { NATIVE_ROUTING_IPV4: "1" }, "v4", [
    ...MASQUERADE,
    "masquerade-unguarded-v4",
    "guard",
    "guard-v6",
    "source",
    "source-v6",
  ]],
  ["both families native", { NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" }, "tunnel", UNGUARDED],
  [
    "FIREWALL_ONLY with a filter",
    { FIREWALL_ONLY: "1", FILTER_IPV4: "1" },
    "tunnel cni",
    [...UNGUARDED, "filter-native-v4"],
  ],
];

for (const [what, environment, without, templates] of modes) {
  Deno.test(`${what} means ${templates.sort().join(", ")}${without && `, and nothing ${without}`}`, () => {
    const desired = desireOf(MESH, environment);
    const hasTunnel = !without.startsWith("tunnel");
    const proxied = ["v4", "v6"].filter((family) => family !== without).map((family) => `proxied-${family}`);
    const common = ["forward", "sets", ...(hasTunnel ? ["clamp", ...proxied] : [])];
    assert.deepEqual(desired.table.templates.toSorted(), [...common, ...templates].sort());
    assert.equal(desired.link !== undefined, hasTunnel);
    assert.equal(desired.peers.length, hasTunnel ? 2 : 0);
    const all = routesOf(desireOf(MESH));
    const families = all.filter((route) =>
      hasTunnel && !(without === "v4" && !route.includes(":")) && !(without === "v6" && route.includes(":"))
    );
    const isKept = (route: string) =>
      without !== "guarded" || !/^unreachable (10.244.2|fd00:10:244:2)/.test(route);
    assert.deepEqual(routesOf(desired), families.filter(isKept));
    assert.equal(desired.cni === undefined, without.endsWith("cni"));
    // The sets are the same in every mode: they say who is a pod.
    assert.deepEqual(desired.table.sets, desireOf(MESH).table.sets);
  });
}

const unguarded: readonly (readonly [environment: Record<string, string>, lines: readonly RegExp[]])[] = [
  [{}, [/^IPv4: .*CLUSTER_POD_CIDRS$/, /^IPv6: .*CLUSTER_POD_CIDRS$/]],
  [{ CLUSTER_POD_CIDRS: "10.244.0.0/16" }, [/^IPv6: .*not known here yet/]],
  [{ CLUSTER_POD_CIDRS: "10.244.0.0/16,fd00:10:244::/56" }, []],
  [{ CLUSTER_POD_CIDRS: "10.9.0.0/16,fd00:10:244::/56" }, [/^IPv4: .*not known here yet/]],
  [{ NATIVE_ROUTING_IPV4: "1", STRICT: "0" }, [/^IPv4: .*NATIVE_ROUTING_IPV4/, /^IPv6: .*STRICT=false/]],
  [{ FIREWALL_ONLY: "1" }, [/^IPv4: .*FIREWALL_ONLY/, /^IPv6: .*FIREWALL_ONLY/]],
];

for (const [environment, lines] of unguarded) {
  Deno.test(`With ${JSON.stringify(environment)} it is told what the guard does not hold back: ${lines.length} families`, () => {
    const told = desireOf(MESH, environment).unguarded;
    assert.equal(told.length, lines.length, told.join("\n"));
    lines.forEach((line, i) => assert.match(told[i]!, line));
  });
}

Deno.test("CLUSTER_POD_CIDRS is guarded as a whole, and only what peers own is routed", () => {
  const desired = desireOf(MESH, { CLUSTER_POD_CIDRS: "10.244.0.0/16,fd00:10:244::/56" });
  assert.deepEqual(desired.table.sets["pod-cidrs-v4"], ["10.244.0.0/16"]);
  assert.deepEqual(desired.table.sets["pod-cidrs-v6"], ["fd00:10:244::/56"]);
  assert.deepEqual(desired.table.sets["local-pod-cidrs-v4"], ["10.244.1.0/24"]);
  assert.deepEqual(routesOf(desired), [
    ...["tunnel 10.244.2.0/23", "tunnel fd00:10:244:2::/63"],
    ...["unreachable 10.244.0.0/16", "unreachable fd00:10:244::/56"],
  ]);
  assert.deepEqual(
    routesOf(desireOf(MESH, { CLUSTER_POD_CIDRS: "10.244.0.0/16", NATIVE_ROUTING_IPV4: "1" })),
    [
      ...["tunnel fd00:10:244:2::/63", "unreachable fd00:10:244:1::/64", "unreachable fd00:10:244:2::/63"],
    ],
  );
});

Deno.test("A Node that lost its key is no peer, and its pod CIDRs are guarded until the Node is gone", () => {
  const desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), key: undefined }]);
  assert.deepEqual(desired.peers, []);
  assert.deepEqual(routesOf(desired), [
    ...["unreachable 10.244.1.0/24", "unreachable 10.244.2.0/24"],
    ...["unreachable fd00:10:244:1::/64", "unreachable fd00:10:244:2::/64"],
  ]);
  assert.deepEqual(desired.table.sets["pod-cidrs-v4"], ["10.244.1.0/24", "10.244.2.0/24"]);
  assert.deepEqual(rejectedOf(desired), [
    "n2: Node: no usable wigglenet/public-key: it is no peer, and its pod CIDRs are guarded",
  ]);
});

Deno.test("A Node with this host's own key is no peer: WireGuard would drop it, and it would be missing for ever", () => {
  const own = { ...ordinaryNode(1), key: undefined };
  const desired = desireOf([own, { ...ordinaryNode(2), key: keyOf(1) }, ordinaryNode(3)], {}, {
    publicKey: keyOf(1),
  });
  assert.deepEqual(desired.peers.map(({ node }) => node), ["n3"]);
  assert.deepEqual(rejectedOf(desired), [`n2: public key ${keyOf(1)}: it is the key of this host`]);
});

Deno.test("Each refusal is told once", () => {
  const desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), podCIDRs: ["x"] }]);
  assert.deepEqual(rejectedOf(desired), ['n2: spec.podCIDRs "x": "x" is not a CIDR: no prefix length']);
});

Deno.test("Without our own Node nothing is wanted, so that nothing is changed", () => {
  const parsed = [2, 3].map((i) => parseNode(nodeJson(ordinaryNode(i)), "nodes"));
  assert.equal(desire(settingsOf(), parsed, NO_FACTS), undefined);
  assert.equal(desire(settingsOf(), [], NO_FACTS), undefined);
});

Deno.test("Without a pod CIDR there is no CNI file, and the operator is told what to do", () => {
  const desired = desireOf([{ ...ordinaryNode(1), podCIDRs: undefined }, ordinaryNode(2)]);
  assert.deepEqual([desired.cni, desired.link?.addresses], [undefined, []]);
  assert.deepEqual(waitingOf(desired), [
    "CNI configuration: Node n1 has no pod CIDR; set spec.podCIDRs of Node n1, or POD_CIDR_SOURCE_IPV4/6",
  ]);
});

Deno.test("Pod CIDRs of this node that overlap or are neighbours give one address and one range", () => {
  const podCIDRs = ["10.244.2.0/24", "10.244.3.0/24", "10.244.3.128/25", "10.244.2.0/25"];
  const desired = desireOf([{ ...ordinaryNode(1), podCIDRs }]);
  assert.deepEqual(desired.link?.addresses, ["10.244.2.1/32"]);
  assert.deepEqual(desired.cni?.podCidrs, ["10.244.2.0/23"]);
  assert.deepEqual(desired.table.sets["local-pod-cidrs-v4"], ["10.244.2.0/24", "10.244.3.0/24"]);
});

const endpoints: readonly [family: string, internal: string[], endpoint: string | undefined][] = [
  ["dualstack", ["fd09::2", "10.9.1.20", "10.9.1.2"], "10.9.1.2:24601"],
  ["dualstack", ["fd09::2"], "[fd09::2]:24601"],
  ["ipv4", ["fd09::2", "10.9.1.2"], "10.9.1.2:24601"],
  ["ipv6", ["10.9.1.2", "fd09::2"], "[fd09::2]:24601"],
  ["ipv6", ["10.9.1.2"], undefined],
  ["dualstack", [], undefined],
];

for (const [family, internal, endpoint] of endpoints) {
  Deno.test(`WG_IP_FAMILY=${family}: the endpoint of ${internal.join(", ") || "no address"} is ${endpoint}`, () => {
    const desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), internal }], { WG_IP_FAMILY: family });
    assert.equal(desired.peers[0]?.endpoint, endpoint);
    const told = `peer n2: no address for WG_IP_FAMILY=${family}: it must speak first; look at Node n2`;
    assert.deepEqual(waitingOf(desired), endpoint === undefined ? [told] : []);
  });
}

Deno.test("WIREGUARD_MODE, port and interface name reach link and table", () => {
  const environment = { WIGGLENET_IFACE_NAME: "wg0", WIGGLENET_WG_PORT: "61000" };
  const desired = desireOf(MESH, environment, { wireguard: "userspace" });
  assert.deepEqual([desired.link?.name, desired.link?.implementation, desired.link?.port], [
    "wg0",
    "userspace",
    61000,
  ]);
  assert.deepEqual(desired.table.defines, {
    tunnel: '"wg0"',
    tunnels: '{ "wg0", "wg0-next" }',
    next_group: "146",
    port: "61000-61001",
    spare_ports: "50000-60998",
    tunnel_v4: "10.244.1.1",
    tunnel_v6: "fd00:10:244:1::1",
  });
  assert.equal(desireOf(MESH, { WIGGLENET_WG_PORT: "60998" }).table.defines.spare_ports, "61000-65535");
  assert.equal(desired.peers[0]?.endpoint, "10.9.1.2:61000");
});

Deno.test("Every node of a mesh sees the same pod network", () => {
  const conflict = { ...ordinaryNode(4), podCIDRs: ["10.244.2.0/23"], internal: ["10.9.1.4"] };
  const nodes = [...MESH, conflict];
  const views = nodes.map(({ name }) => desireOf(nodes, { NODE_NAME: String(name) }));
  for (const { table, rejected } of views) {
    assert.deepEqual(table.sets["pod-cidrs-v4"], views[0]!.table.sets["pod-cidrs-v4"]);
    assert.deepEqual(rejected, views[0]!.rejected);
  }
});
