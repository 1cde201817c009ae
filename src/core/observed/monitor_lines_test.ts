import { NO_POLICY } from "./parse_policy.ts";
import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import {
  concernsBaseChains,
  concernsNetwork,
  concernsRules,
  concernsTable,
  isOfKernel,
  pathDoubtOf,
  surprisesNetwork,
  surprisesTable,
  takesRoutes,
  tellsOfIpvs,
  tellsOfLoss,
} from "./monitor_lines.ts";
import type { ObservedState } from "./observed_state.ts";

const { table, routes, interfaceName } = desireOf([1, 2, 3].map(ordinaryNode));
const textsOf = (family: 4 | 6) =>
  new Set(routes.filter((route) => route.family === family).map(({ text }) => text));
const sets = new Map(Object.entries(table.sets).map(([name, members]) => [name, new Set(members)]));
/** A host in sync. */
const WRAPPING = {
  4: ["10.72.0.0/16 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 dev wigglenet-vx proto 146"],
  6: ["fd72::/64 encap ip6 id 146 dst fd09::2 dev wigglenet-vx proto 146"],
};
const OBSERVED: ObservedState = {
  link: undefined,
  wireguard: undefined,
  userspacePids: [],
  routes: { 4: textsOf(4).union(new Set(WRAPPING[4])), 6: textsOf(6).union(new Set(WRAPPING[6])) },
  table: { hasFlags: false, structure: "", sets, policy: NO_POLICY },
  reference: "",
  fastpath: undefined,
  fastpathReference: undefined,
  cni: { text: undefined, linkTarget: undefined },
};
const concerns = (line: string) => concernsNetwork(line, interfaceName, OBSERVED.routes);

// Lines of `nft monitor` (nft 1.0.6) while the agent and a person worked.
const known: readonly string[] = [
  "add element inet wigglenet pod-cidrs-v4 { 10.244.2.0/24 }",
  "add element inet wigglenet local-pod-cidrs-v6 { fd00:10:244:1::/64 }",
  "delete element inet wigglenet pod-cidrs-v4 { 10.60.0.1 }",
  "delete element inet wigglenet pod-cidrs-v6 { fd50::/64 }",
  // It goes before the elements that our own deltas add.
  "add set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; } ",
  "add set inet wigglenet host-peers-v4 { typeof ip saddr; } ",
];
const news: readonly string[] = [
  "delete element inet wigglenet pod-cidrs-v4 { 10.244.2.0/24 }",
  "delete element inet wigglenet pod-cidrs-v6 { fd00:10:244:1::/64 }",
  "add element inet wigglenet pod-cidrs-v4 { 10.50.0.0/24 }",
  "add element inet wigglenet pod-cidrs-v4 { 10.60.0.1 }",
  `add element inet wigglenet pod-cidrs-v4 { 10.70.0.0/24 comment "a/b" }`,
  "add element inet wigglenet pod-cidrs-v4 { 10.80.0.1-10.80.0.5 }",
  "add element inet wigglenet another-set { 10.244.2.0/24 }",
  "delete table inet wigglenet",
  "add table inet wigglenet",
  "add table inet wigglenet { flags dormant; }",
  "delete rule inet wigglenet forward handle 7",
  "add rule inet wigglenet forward ct state established,related accept",
  "add chain inet wigglenet invalid",
  "delete set inet wigglenet __set0",
  "add set inet wigglenet another-set { typeof ip saddr; flags interval; } ",
];
// Of others' chains: those whose policy may keep packets from us.
const baseChains: readonly (readonly [line: string, isTold: boolean])[] = [
  ["add chain inet foreign forward { type filter hook forward priority filter + 10; policy drop; }", true],
  ["add chain ip filter FORWARD { type filter hook forward priority filter; policy accept; }", true],
  ["delete table inet foreign", true],
  ["delete chain inet foreign forward", true],
  ["delete table inet foreign2", false],
  ["delete table ip nat", false],
  ["delete chain ip nat KUBE-SVC-ABC", false],
  ["add chain ip nat KUBE-SVC-ABC", false],
  ["add rule inet foreign forward accept", false],
  ["add table inet foreign", false],
  ["# new generation 12 by process 11817 (iptables)", false],
];

for (const [line, isTold] of baseChains) {
  Deno.test(`"${line}" ${isTold ? "may" : "does not"} change what others drop`, () => {
    assert.equal(concernsBaseChains(line, ["inet foreign forward"]), isTold);
  });
}

const foreign: readonly string[] = [
  "add table inet wigglenet-reference { flags dormant; }",
  "add rule inet wigglenet-reference output ip daddr @pod-cidrs-v4 counter packets 0 bytes 0 drop",
  "add element inet other pod-cidrs-v4 { 10.244.2.0/24 }",
  "add table ip wigglenet",
  "# new generation 2 by process 1996 (nft)",
  "",
];

Deno.test("A line of nft monitor that says what we know already is no news", () => {
  for (const line of known) {
    assert.equal(concernsTable(line), true, line);
    assert.equal(surprisesTable(line, OBSERVED), false, line);
  }
});

Deno.test("A line of nft monitor that says anything else of our table is news", () => {
  for (const line of news) {
    assert.equal(concernsTable(line), true, line);
    assert.equal(surprisesTable(line, OBSERVED), true, line);
  }
});

Deno.test("Lines of nft monitor about other tables are not ours", () => {
  for (const line of foreign) assert.equal(concernsTable(line), false, line);
});

Deno.test("Without a table every line about it is news", () => {
  assert.equal(surprisesTable(known[2]!, { ...OBSERVED, table: undefined }), true);
});

// Lines of `ip -o monitor link address route` (iproute2 6.1). The kernel tells IPv6 routes with metric 1024.
const knownRoutes: readonly string[] = [
  "10.244.2.0/23 dev wigglenet proto 146 scope link ",
  "fd00:10:244:2::/63 dev wigglenet proto 146 metric 1024 pref medium",
  "unreachable 10.244.1.0/24 proto 146 metric 32760 ",
  "unreachable fd00:10:244:1::/64 dev lo proto 146 metric 32760 pref medium",
  "Deleted fd67::/64 dev wigglenet proto 146 metric 1024 pref medium",
  "Deleted fd69::1 dev wigglenet proto 146 metric 1024 pref medium",
  "Deleted 10.66.0.0/16 dev wigglenet proto 146 scope link metric 5 ",
  "Deleted 10.68.0.0/16 via 10.9.1.254 dev eth0 proto 146 ",
  "Deleted blackhole 10.69.0.0/16 proto 146 ",
  "Deleted 10.70.0.0/16  encap ip id 146 src 0.0.0.0 dst 10.9.1.2 ttl 0 tos 0 dev wigglenet-vx proto 146 scope link ",
  "10.72.0.0/16  encap ip id 146 src 10.9.1.1 dst 10.9.1.2 ttl 0 tos 0 dev wigglenet-vx proto 146 scope link ",
  "fd72::/64  encap ip6 id 146 src :: dst fd09::2 hoplimit 0 tc 0 dev wigglenet-vx proto 146 metric 1024 pref medium",
];
const newsOfNetwork: readonly string[] = [
  "Deleted 10.244.2.0/23 dev wigglenet proto 146 scope link ",
  "Deleted unreachable 10.244.1.0/24 proto 146 metric 32760 ",
  "Deleted unreachable fd00:10:244:1::/64 dev lo proto 146 metric 32760 pref medium",
  "10.66.0.0/16 dev wigglenet proto 146 scope link metric 5 ",
  "10.67.0.0/16 dev wigglenet proto 146 scope link ",
  "10.244.2.0/23 dev wigglenet proto 146 scope link metric 5 ",
  "fd00:10:244:2::/63 dev wigglenet proto 146 metric 5 pref medium",
  "10.244.2.0/23 via 10.9.1.254 dev eth0 proto 146 ",
  "10.244.2.0/23 tos 0x10 dev wigglenet proto 146 scope link ",
  "10.244.2.0/23 dev wigglenet proto 146 scope link src 10.9.1.1 mtu 1300 ",
  "10.244.2.0/23 dev eth0 scope link ",
  "unreachable fd68::/64 dev lo proto 146 metric 1024 pref medium",
  "blackhole 10.69.0.0/16 proto 146 ",
  "10.72.0.0/16  encap ip id 146 src 10.9.1.1 dst 10.9.1.9 ttl 0 tos 0 dev wigglenet-vx proto 146 scope link ",
  "10.71.0.0/16 proto 146 \\\tnexthop dev wigglenet weight 1 \\\tnexthop via 10.9.1.253 dev eth0 weight 1 ",
  "4: wigglenet: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1400 qdisc pfifo_fast state UP group default \\    link/none ",
  "Deleted 4: wigglenet: <POINTOPOINT,MULTICAST,NOARP> mtu 1420 qdisc noop state DOWN group default \\    link/none ",
  "Deleted 5: wigglenet@other: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default \\    link/ether",
  "4: wigglenet    inet 10.99.0.1/32 scope global wigglenet\\       valid_lft forever preferred_lft forever",
  "Deleted 4: wigglenet    inet6 fd00:10:244:1::1/128 scope global \\       valid_lft forever preferred_lft forever",
];
const foreignNetwork: readonly string[] = [
  "10.9.1.0/24 dev eth0 proto kernel scope link src 10.9.1.1 ",
  "Deleted fe80::/64 dev veth1 proto kernel metric 256 pref medium",
  "3: eth0    inet6 fe80::28eb:e8ff:fe3b:b429/64 scope link \\       valid_lft forever preferred_lft forever",
  "2: wigglenet2@NONE: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default \\    link/ether",
  "10.1.0.0/24 via 10.9.1.9 dev va metric 146 ",
  "",
];

Deno.test("A line of ip monitor that says what we know already is no news", () => {
  for (const line of knownRoutes) {
    assert.equal(concerns(line), true, line);
    assert.equal(surprisesNetwork(line, OBSERVED), false, line);
  }
});

Deno.test("A line of ip monitor that says anything else of our interface or routes is news", () => {
  for (const line of newsOfNetwork) {
    assert.equal(concerns(line), true, line);
    assert.equal(surprisesNetwork(line, OBSERVED), true, line);
  }
});

Deno.test("Lines of ip monitor about other interfaces and routes are not ours", () => {
  for (const line of foreignNetwork) assert.equal(concerns(line), false, line);
});

const ETH0 =
  "3: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP group default \\    link/ether";
const doubts: readonly [line: string, doubt: string | undefined][] = [
  ["Deleted default via 10.9.1.254 dev eth0 ", "all"],
  ["default via fd09::fe dev eth0 metric 1024 pref medium", "all"],
  [ETH0, "all"],
  [
    "Deleted 3: eth0    inet 10.9.1.1/24 scope global eth0\\       valid_lft forever preferred_lft forever",
    "all",
  ],
  ["10.1.0.0/24 via 10.9.1.9 dev va mtu 1300 ", "10.1.0.0/24"],
  ["Deleted unreachable fd0d::/16 dev lo metric 1024 pref medium", "fd0d::/16"],
  [
    "10.10.0.0/16 \\\tnexthop via 10.0.0.7 dev d0 weight 1 \\\tnexthop via 10.0.0.8 dev d1 weight 1 ",
    "10.10.0.0/16",
  ],
  ["10.9.1.2 dev wigglenet scope link ", "10.9.1.2/32"],
  ["10.244.1.5 dev veth1 scope host ", "10.244.1.5/32"],
  ["10.244.2.0/24 dev wigglenet proto 146 scope link ", undefined],
  ["unreachable 10.244.2.0/24 proto 146 metric 32760 ", undefined],
  ["multicast ff00::/8 dev veth1 table local proto kernel metric 256 pref medium", undefined],
  ["local 10.244.1.1 dev veth1 table local proto kernel scope host src 10.244.1.1 ", undefined],
  [ETH0.replace("eth0", "veth1@if2"), undefined],
  [
    "9: veth1    inet 10.244.1.1/32 scope global veth1\\       valid_lft forever preferred_lft forever",
    undefined,
  ],
  ["", undefined],
];
for (const [line, doubt] of doubts) {
  Deno.test(`After "${line.slice(0, 40)}" the way to ${doubt ?? "nobody"} may be another`, () => {
    const doubted = pathDoubtOf(line, new Set(["eth0"]));
    assert.equal(typeof doubted === "object" ? doubted.text : doubted, doubt);
  });
}

Deno.test("kube-proxy's interface is told of when it is made, not with each Service's address, and not when it goes", () => {
  const flags = "<BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default \\    link/ether";
  assert.equal(tellsOfIpvs(`5: kube-ipvs0: ${flags}`), true);
  assert.equal(tellsOfIpvs(`Deleted 5: kube-ipvs0: ${flags}`), false);
  assert.equal(tellsOfIpvs("5: kube-ipvs0    inet 10.96.0.1/32 scope global kube-ipvs0\\  valid_lft"), false);
  assert.equal(tellsOfIpvs(ETH0), false);
});

Deno.test("nft says when it has missed something", () => {
  assert.equal(tellsOfLoss("# ERROR: We lost some netlink events!"), true);
  assert.equal(tellsOfLoss("# new generation 12 by process 11817 (nft)"), false);
});

Deno.test("A rule of our number, or one that leads to our table, is news; other rules, and an interface of that number, are not", () => {
  for (
    const line of [
      "146:\tfrom all fwmark 0x1000/0x1000 lookup 146 proto 146",
      "Deleted 146:\tfrom all fwmark 0x1000/0x1000 lookup 146 proto 146",
      "5:\tfrom 10.9.1.1 lookup main proto 146",
      "5:\tfrom all lookup 146",
    ]
  ) assert.ok(concernsRules(line), line);
  for (
    const line of [
      "5210:\tfrom all fwmark 0x80000/0xff0000 lookup main",
      "7:\tfrom all lookup 1460",
      "146: eth0: <UP>",
    ]
  ) assert.ok(!concernsRules(line), line);
});

Deno.test("An interface that goes, or is changed, is news for routes only where some of ours lead there", () => {
  const up =
    "<POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1400 qdisc noqueue state UNKNOWN group 146 \\    link/none ";
  for (
    const line of [`7: wigglenet: ${up}`, `Deleted 7: wigglenet: ${up}`, "7: wigglenet    inet 10.9.0.1/32"]
  ) {
    assert.equal(takesRoutes(line, OBSERVED), true, line);
    assert.equal(takesRoutes(line.replace("wigglenet", "wigglenet-next"), OBSERVED), false, line);
  }
  const wraps = "route 192.168.5.2/32 encap ip id 146 dst 10.9.1.50 dev wigglenet-udp proto 146";
  const routed = { ...OBSERVED, hostRouting: { 4: new Set([wraps]), 6: new Set<string>() } };
  const down = "7: wigglenet-udp: <POINTOPOINT,MULTICAST,NOARP> mtu 1464 qdisc noqueue state DOWN";
  assert.deepEqual([takesRoutes(down, routed), takesRoutes(down, OBSERVED)], [true, false], "of the table");
});

Deno.test("What the kernel adds and takes with an address is no route of anybody's", () => {
  assert.ok(
    isOfKernel("local 10.244.1.1 dev wigglenet-next table local proto kernel scope host src 10.244.1.1 "),
  );
  assert.ok(isOfKernel("Deleted fd00:10:244:1::1 dev wigglenet-next proto kernel metric 256 pref medium"));
  assert.ok(!isOfKernel("10.244.2.0/24 dev wigglenet-next scope link "));
});
