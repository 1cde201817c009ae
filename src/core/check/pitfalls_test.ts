import assert from "node:assert/strict";
import type { PeerStatus } from "../plan/status.ts";
import { parseForeignRules } from "./foreign_rules.ts";
import { pitfallFindings, type Pitfalls } from "./pitfalls.ts";

const NOW = 1_800_000_000;

function peer(number: number): PeerStatus {
  return {
    node: `n${number}`,
    publicKey: `key${number}`,
    endpoint: `10.9.1.${number}:24601`,
    candidates: [],
    allowedIps: [`10.9.1.${number}/32`, `10.244.${number}.0/24`, `fd00:10:244:${number}::/64`],
    handshakeSeconds: NOW - 60,
    receivedBytes: 1,
    sentBytes: 1,
    keepaliveSeconds: 0,
  };
}

const MESH = { own: ["10.244.1.0/24"], peers: [peer(2), peer(3)], port: 24601 };
const WELL: Pitfalls = {
  foreignRules: { closed: [], blocking: [] },
  unreadable: [],
  legacy: [],
  conntrack: { count: 100, max: 262_144 },
  filteredBridges: [],
  routes: [
    { destination: "10.9.1.0/24", device: "eth0", isConnected: true },
    { destination: "10.0.0.0/8", device: "tun0", isConnected: false },
    { destination: "10.244.1.7", device: "veth0", isConnected: false },
    { destination: "10.244.1.0/24", device: "cni0", isConnected: true },
  ],
  services: ["10.96.0.1", "fd00:96::1"],
  silence: { silent: [], asked: 2 },
  aheadSeconds: -2,
  nowSeconds: NOW,
};

Deno.test("A host without pitfalls has no findings: a wide route of a VPN, pods' routes, a bridge of ours", () => {
  assert.deepEqual(pitfallFindings(WELL, MESH), []);
  assert.deepEqual(pitfallFindings({ ...WELL, conntrack: undefined, aheadSeconds: undefined }, MESH), []);
});

const cases: readonly (readonly [seen: Partial<Pitfalls>, level: string, what: RegExp, remedy: RegExp])[] = [
  [
    { foreignRules: { closed: ["ip filter INPUT"], blocking: [] } },
    "warning",
    /^ip filter INPUT drops what no rule before lets through/,
    /nft list chain ip filter INPUT/,
  ],
  [
    { foreignRules: { closed: [], blocking: [{ chain: "inet f in", port: 24602 }] } },
    "error",
    /^inet f in drops UDP port 24602/,
    /nft -a list chain inet f in/,
  ],
  [
    { unreadable: [{ table: "ip x", error: "core dumped" }] },
    "error",
    /cannot read table ip x.*core dumped/,
    /install/,
  ],
  [{ legacy: [4] }, "warning", /iptables-legacy has tables for IPv4/, /iptables-legacy-save/],
  [{ legacy: [6] }, "warning", /iptables-legacy has tables for IPv6/, /ip6tables-legacy-save/],
  [{ conntrack: { count: 95, max: 100 } }, "warning", /nearly full, 95 of 100/, /nf_conntrack_max=200/],
  [
    { filteredBridges: ["br0"] },
    "warning",
    /br_netfilter leads what br0 bridges/,
    /bridge-nf-call-iptables=0/,
  ],
  [
    { routes: [{ destination: "10.244.2.128/25", device: "eth0", isConnected: false }] },
    "error",
    /the route 10\.244\.2\.128\/25 dev eth0 overlaps the pod CIDR 10\.244\.2\.0\/24 of n2/,
    /ip route del 10\.244\.2\.128\/25/,
  ],
  [
    { routes: [{ destination: "fd00:10:244:3::7", device: "eth0", isConnected: false }] },
    "error",
    /fd00:10:244:3::7 dev eth0 overlaps the pod CIDR fd00:10:244:3::\/64 of n3/,
    /ip route del/,
  ],
  [
    { routes: [{ destination: "10.244.0.0/16", device: "eth0", isConnected: true }] },
    "error",
    /10\.244\.0\.0\/16 dev eth0 overlaps the pod CIDR 10\.244\.1\.0\/24 of this node/,
    /other addresses/,
  ],
  [
    { services: ["10.244.3.1"] },
    "error",
    /Service address 10\.244\.3\.1 is in .* of n3/,
    /service-cluster-ip-range/,
  ],
  [{ services: ["10.244.1.1"] }, "error", /Service address 10\.244\.1\.1 is in .* of this node/, /overlap/],
  [
    { silence: { silent: [peer(2)], asked: 2 } },
    "warning",
    /^n2 does not answer at 10\.9\.1\.2:24601$/,
    /UDP port 24601/,
  ],
  [
    { silence: { silent: [peer(2), peer(3)], asked: 2 } },
    "error",
    /^none of 2 peers answers$/,
    /UDP port 24601/,
  ],
  [{ aheadSeconds: 45.2 }, "warning", /clock is 45 s ahead of the API server's/, /chrony/],
  [{ aheadSeconds: -3_600 }, "warning", /clock is 3600 s behind the API server's/, /chrony/],
  [{ nowSeconds: NOW - 3_600 }, "warning", /set back by 3540 s/, /chrony/],
];

for (const [seen, level, what, remedy] of cases) {
  Deno.test(`check finds ${what.source}`, () => {
    const findings = pitfallFindings({ ...WELL, ...seen }, MESH);
    assert.equal(findings.length, 1, JSON.stringify(findings));
    assert.equal(findings[0]!.level, level);
    assert.match(findings[0]!.what, what);
    assert.match(findings[0]!.remedy, remedy);
  });
}

Deno.test("check finds a route of others within the pods of a node that is reached in the clear", () => {
  const way = {
    node: "n4",
    family: 4,
    route: "via 10.9.1.4 dev eth0 onlink",
    podCidrs: ["10.244.4.0/24"],
  } as const;
  const routes = [{ destination: "10.244.4.128/25", device: "eth1", isConnected: false }];
  const [finding] = pitfallFindings({ ...WELL, routes }, { ...MESH, clear: [way] });
  assert.match(finding!.what, /overlaps the pod CIDR 10\.244\.4\.0\/24 of n4/);
});

const rule = (chain: string, ...expr: readonly unknown[]) => ({
  rule: { family: "ip", table: "t", chain, expr },
});
const hooked = (name: string, hook: string) => ({ chain: { family: "ip", table: "t", name, hook } });
const udpPort = (port: number) => ({
  match: { op: "==", left: { payload: { protocol: "udp", field: "dport" } }, right: port },
});
const DROP = { drop: null };
const LISTINGS:
  readonly (readonly [what: string, items: readonly unknown[], closed: number, blocking: number])[] = [
    ["a rule that drops all", [hooked("FORWARD", "forward"), rule("FORWARD", { counter: {} }, DROP)], 1, 0],
    ["one that refuses all, as firewalld has", [hooked("in", "input"), rule("in", { reject: {} })], 1, 0],
    ["one with a condition", [hooked("in", "input"), rule("in", udpPort(53), DROP)], 0, 0],
    [
      "one in a chain that is jumped to",
      [{ chain: { family: "ip", table: "t", name: "c" } }, rule("c", DROP)],
      0,
      0,
    ],
    ["one of another hook", [hooked("out", "output"), rule("out", DROP)], 0, 0],
    ["one that drops WireGuard's port", [hooked("in", "input"), rule("in", udpPort(24601), DROP)], 0, 1],
    [
      "one that drops the second interface's",
      [hooked("in", "input"), rule("in", udpPort(24602), DROP)],
      0,
      1,
    ],
    ["one that counts it", [hooked("in", "input"), rule("in", udpPort(24601), { counter: {} })], 0, 0],
  ];

for (const [what, nftables, closed, blocking] of LISTINGS) {
  Deno.test(`of foreign rules ${what} is ${closed + blocking === 0 ? "no trouble" : "told"}`, () => {
    const listing = JSON.stringify({ nftables: [{ metainfo: {} }, ...nftables] });
    const found = parseForeignRules(listing, [24601, 24602]);
    assert.deepEqual([found.closed.length, found.blocking.length], [closed, blocking]);
  });
}
