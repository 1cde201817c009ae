import assert from "node:assert/strict";
import type { ObservedPeer } from "./observed_state.ts";
import { parseLink, parseRoutes, parseWireguard } from "./parse_network.ts";

// What wg 1.0.20210914 and iproute2 6.1 printed on the first of three nodes; only the private key is another text.
const [OWN, N2, N3] = [
  "Tnsdbio4HJ8HnEU3XKLI7qODmzsSNsEgKaOVXyVxezc=",
  "nX9HZg7kdFeEHEL4I1MqmJGN+icLt27G3fy/WSJEtRo=",
  "gRfKAQg4B0g9Rv/AEs5V7KAUCcNPMqgKlu/nvQkX+00=",
];
const DUMP = `PRIVATE\t${OWN}\t24601\toff
${N3}\t(none)\t10.9.1.3:24601\t10.9.1.3/32,10.244.3.0/24,fd00:10:244:3::/64,fd09::3/128\t0\t0\t296\toff
${N2}\tPRESHARED\t[fd09::2]:24601\tfd09::2/128,10.244.2.0/24\t1763696900\t148\t296\t25
`;
/** Of the time that the dump was taken, which is second 54 of the clock that nobody sets. */
/** The second node's session lives, the third's never did. */
const NOW = { wallSeconds: 1763696950, steadySeconds: 54 };
const LINK =
  `[{"ifindex":4,"ifname":"wigglenet","flags":["POINTOPOINT","MULTICAST","NOARP","UP","LOWER_UP"],"mtu":1420,"qdisc":"pfifo_fast","operstate":"UP","group":"default","txqlen":500,"link_type":"none","promiscuity":0,"allmulti":0,"min_mtu":68,"max_mtu":65535,"linkinfo":{"info_kind":"tun","info_data":{"type":"tun","pi":true,"vnet_hdr":false,"multi_queue":false,"persist":true}},"num_tx_queues":1,"num_rx_queues":1,"gso_max_size":65536,"gso_max_segs":65535,"tso_max_size":65536,"tso_max_segs":65535,"gro_max_size":65536,"addr_info":[{"family":"inet","local":"10.244.1.1","prefixlen":32,"scope":"global","label":"wigglenet","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fd00:10:244:1::1","prefixlen":128,"scope":"global","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fe80::a052:852b:b3bf:ab2c","prefixlen":64,"scope":"link","stable-privacy":true,"valid_life_time":4294967295,"preferred_life_time":4294967295}]}]`;
const ROUTES_4 =
  `[{"dst":"10.66.0.0/16","dev":"wigglenet","scope":"link","metric":5,"flags":[]},{"dst":"10.68.0.0/16","gateway":"10.9.1.254","dev":"eth0","flags":[]},{"type":"blackhole","dst":"10.69.0.0/16","flags":[]},{"dst":"10.71.0.0/16","flags":[],"nexthops":[{"dev":"wigglenet","weight":1,"flags":[]},{"gateway":"10.9.1.253","dev":"eth0","weight":1,"flags":[]}]},{"dst":"10.72.0.1","dev":"wigglenet","scope":"link","flags":[]},{"dst":"10.4.0.0/24","tos":"0x10","dev":"va","scope":"link","flags":[]},{"dst":"10.5.0.0/24","dev":"va","scope":"link","prefsrc":"10.9.1.1","flags":[],"metrics":[{"mtu":1300}]},{"type":"unreachable","dst":"default","metric":32760,"flags":[]},{"type":"unreachable","dst":"10.244.2.0/23","metric":32760,"flags":[]},{"dst":"10.244.2.0/23","dev":"wigglenet","scope":"link","flags":[]}]`;
const ROUTES_6 =
  `[{"dst":"fd66::/64","dev":"wigglenet","metric":5,"flags":[],"pref":"medium"},{"dst":"fd67::/64","dev":"wigglenet","metric":1024,"flags":[],"pref":"medium"},{"type":"unreachable","dst":"fd68::/64","dev":"lo","metric":1024,"flags":[],"pref":"medium"},{"dst":"fd69::1","dev":"wigglenet","metric":1024,"flags":[],"pref":"medium"},{"type":"unreachable","dst":"fd00:10:244:2::/63","dev":"lo","metric":32760,"flags":[],"pref":"medium"}]`;

Deno.test("WireGuard's dump becomes peers with sorted allowed IPs, and no secret", () => {
  const wireguard = parseWireguard(DUMP, undefined, NOW);
  assert.deepEqual({ ...wireguard, peers: [...wireguard.peers.values()] }, {
    publicKey: OWN,
    port: 24601,
    hasMark: false,
    peers: [
      {
        publicKey: N3,
        endpoint: "10.9.1.3:24601",
        allowedIps: "10.9.1.3/32,10.244.3.0/24,fd00:10:244:3::/64,fd09::3/128",
        handshakeSeconds: 0,
        aliveSeconds: -Infinity,
        receivedBytes: 0,
        sentBytes: 296,
        keepaliveSeconds: 0,
        hasPresharedKey: false,
        isRoamed: false,
        foundSeconds: 54,
        isProven: false,
        silence: undefined,
        choice: undefined,
      },
      {
        publicKey: N2,
        endpoint: "[fd09::2]:24601",
        allowedIps: "10.244.2.0/24,fd09::2/128",
        handshakeSeconds: 1763696900,
        aliveSeconds: 4,
        receivedBytes: 148,
        sentBytes: 296,
        keepaliveSeconds: 25,
        hasPresharedKey: true,
        isRoamed: true,
        foundSeconds: 54,
        isProven: true,
        silence: undefined,
        choice: undefined,
      },
    ],
  });
  assert.doesNotMatch(JSON.stringify(wireguard), /PRIVATE|PRESHARED/);
});

Deno.test("A new interface has no key, no port and no peers yet; one with a mark is foreign", () => {
  assert.deepEqual(parseWireguard("(none)\t(none)\t0\toff\n", undefined, NOW), {
    ...{ publicKey: "(none)", port: 0, hasMark: false },
    peers: new Map(),
  });
  assert.equal(parseWireguard("(none)\t(none)\t0\t0x7\n", undefined, NOW).hasMark, true);
  const bare = `P\t${OWN}\t1\toff\n${N2}\t(none)\t(none)\t(none)\t0\t0\t0\toff\n`;
  const peer = parseWireguard(bare, undefined, NOW).peers.get(N2);
  assert.deepEqual([peer?.endpoint, peer?.allowedIps], [undefined, ""]);
});

/** What a read says of the second node's peer, when the read before said something of it. */
function reread(before: Partial<ObservedPeer>, endpoint: string, [handshake, received]: [number, number]) {
  const first = parseWireguard(DUMP, undefined, NOW);
  const peers = new Map([[N2, { ...first.peers.get(N2)!, isRoamed: false, isProven: false, ...before }]]);
  const dump = DUMP.replace("[fd09::2]:24601", endpoint)
    .replace("\t1763696900\t148\t", `\t${handshake}\t${received}\t`);
  const { isRoamed, isProven } = parseWireguard(dump, { ...first, peers }, NOW).peers.get(N2)!;
  return isProven ? "roamed" : isRoamed ? "perhaps roamed" : "set";
}

const OURS = "[fd09::2]:24601";
const THEIRS = "192.0.2.1:9";
const OLD = 1763696900;

Deno.test("An endpoint that moves without a packet of the peer was set by somebody", () => {
  assert.equal(reread({}, THEIRS, [OLD, 148]), "set");
  assert.equal(reread({ isRoamed: true, isProven: true }, THEIRS, [OLD, 148]), "set");
});

Deno.test("An endpoint that moves with a handshake is the peer's own; with a packet, if it stays so with the next one", () => {
  assert.equal(reread({}, THEIRS, [OLD + 60, 240]), "roamed");
  assert.equal(reread({}, THEIRS, [OLD, 240]), "perhaps roamed");
  assert.equal(reread({ endpoint: THEIRS, isRoamed: true }, THEIRS, [OLD, 240]), "roamed");
  assert.equal(reread({ endpoint: THEIRS, isRoamed: true }, THEIRS, [OLD, 148]), "set");
});

Deno.test("What lives when the agent starts is taken for roamed, and what does not is not", () => {
  const first = (wallSeconds: number) =>
    parseWireguard(DUMP, undefined, { ...NOW, wallSeconds }).peers.get(N2)!;
  assert.deepEqual([first(OLD + 179).isRoamed, first(OLD + 179).isProven], [true, true]);
  assert.deepEqual([first(OLD + 180).isRoamed, first(OLD + 180).isProven], [false, false]);
});

Deno.test("An endpoint that stays is what it was", () => {
  assert.equal(reread({}, OURS, [OLD + 60, 999]), "set");
  assert.equal(reread({ isRoamed: true, isProven: true }, OURS, [OLD, 148]), "roamed");
});

/** The second that a read says a handshake was seen, when the clock of its stamps says another time than the last one. */
function aliveAfter(stamp: number, wallSeconds: number): number {
  const first = parseWireguard(DUMP, undefined, NOW);
  const dump = DUMP.replace("\t1763696900\t", `\t${stamp}\t`);
  return parseWireguard(dump, first, { wallSeconds, steadySeconds: 64 }).peers.get(N2)!.aliveSeconds;
}

Deno.test("A handshake grows old by a clock that nobody sets, whatever is done to the one of its stamps", () => {
  const year = 31_536_000;
  assert.equal(aliveAfter(OLD, NOW.wallSeconds + year), 4);
  assert.equal(aliveAfter(OLD, NOW.wallSeconds - year), 4);
  assert.equal(aliveAfter(OLD + 5 + year, NOW.wallSeconds + year), 64);
  assert.equal(aliveAfter(OLD + 5 - year, NOW.wallSeconds - year), 64);
  const future = DUMP.replace("\t1763696900\t", `\t${NOW.wallSeconds + year}\t`);
  assert.equal(parseWireguard(future, undefined, NOW).peers.get(N2)!.aliveSeconds, 54);
});

Deno.test("A dump that is cut off is an error, not an interface without peers", () => {
  for (const dump of ["", "P", `P\t${OWN}`, `P\t${OWN}\tx\toff`, `${DUMP}${N3}\t(none)\t10.9.1.3:24601\n`]) {
    assert.throws(() => parseWireguard(dump, undefined, NOW), SyntaxError);
  }
});

Deno.test("An interface is its kind, MTU, state and global addresses", () => {
  assert.deepEqual(parseLink(LINK), {
    kind: "tun",
    mtuBytes: 1420,
    isUp: true,
    addresses: new Set(["10.244.1.1/32", "fd00:10:244:1::1/128"]),
  });
  assert.equal(parseLink(LINK.replace(`"UP",`, ""))?.isUp, false);
  assert.equal(parseLink(LINK.replace("linkinfo", "x"))?.kind, "physical");
  const vxlan = { external: true, gpe: true, port: 24603, learning: false, udp_zero_csum6_rx: true };
  const told = (data: object, besides = {}) =>
    parseLink(
      JSON.stringify([{ ifname: "v", linkinfo: { info_kind: "vxlan", info_data: data }, ...besides }]),
    );
  assert.equal(told(vxlan)?.vxlanPort, 24603);
  assert.equal(told(vxlan)?.isOdd, undefined);
  assert.ok(told({ ...vxlan, learning: true })?.isOdd && told({ ...vxlan, udp_zero_csum6_rx: false })?.isOdd);
  assert.ok(told(vxlan, { master: "br0" })?.isOdd);
  assert.equal(told({ ...vxlan, gpe: null })?.vxlanPort, 24603, "ip 6.15");
  assert.equal(told({ ...vxlan, gpe: false })?.vxlanPort, undefined);
  assert.equal(told({ if_id: "0x92" })?.ifId, 146);
  assert.ok(told(vxlan)?.isExternal && told({ ...vxlan, gpe: false })?.isExternal === undefined);
  // ip (6.1) on Debian's kernel, 2026-11-22.
  const gre = { external: true, remote: "any", local: "any", ttl: 0, pmtudisc: true };
  const ofKind = (info_kind: string) =>
    parseLink(JSON.stringify([{ ifname: "g", linkinfo: { info_kind, info_data: gre } }]));
  assert.ok(ofKind("gre")?.isExternal && ofKind("ip6gre")?.isExternal);
  assert.equal(ofKind("geneve")?.isExternal, undefined);
});

Deno.test("No interface is what ip prints when there is none: nothing, no list, empty objects", () => {
  for (const json of ["", "\n", "[]", "[{}]", "[{},{}]"]) assert.equal(parseLink(json), undefined, json);
  assert.throws(() => parseLink("{}"), SyntaxError);
});

Deno.test("IPv4 routes read as `ip route` takes them back", () => {
  assert.deepEqual([...parseRoutes(ROUTES_4, 4)], [
    "10.66.0.0/16 dev wigglenet proto 146 metric 5",
    "10.68.0.0/16 via 10.9.1.254 dev eth0 proto 146",
    "blackhole 10.69.0.0/16 proto 146",
    "10.71.0.0/16 proto 146",
    "10.72.0.1/32 dev wigglenet proto 146",
    "10.4.0.0/24 tos 0x10 dev va proto 146",
    "10.5.0.0/24 dev va proto 146 src 10.9.1.1",
    "unreachable default proto 146 metric 32760",
    "unreachable 10.244.2.0/23 proto 146 metric 32760",
    "10.244.2.0/23 dev wigglenet proto 146",
  ]);
  assert.deepEqual(parseRoutes("[]", 4), new Set());
});

Deno.test("IPv6 routes read as `ip route` takes them back: metric 1024 is nobody's wish", () => {
  assert.deepEqual([...parseRoutes(ROUTES_6, 6)], [
    "fd66::/64 dev wigglenet proto 146 metric 5",
    "fd67::/64 dev wigglenet proto 146",
    "unreachable fd68::/64 proto 146 metric 1024",
    "fd69::1/128 dev wigglenet proto 146",
    "unreachable fd00:10:244:2::/63 proto 146 metric 32760",
  ]);
});

Deno.test("A route that wraps reads as `ip route` takes it back, by ip 6.1 and by 6.15", () => {
  const old = '{"encap":"ip","id":146,"src":"0.0.0.0","dst":"10.9.1.2","ttl":0,"tos":0';
  const now =
    '{"encap":{"encap_type":"ip","id":146,"src":"0.0.0.0","dst":"10.9.1.2","ttl":0,"tos":0,"new":null}';
  for (const encap of [old, now]) {
    const json = `[${
      encap.replace("{", '{"dst":"10.244.2.0/24",')
    },"dev":"wigglenet-vx","scope":"link","flags":[]}]`;
    assert.deepEqual([...parseRoutes(json, 4)], [
      "10.244.2.0/24 encap ip id 146 dst 10.9.1.2 dev wigglenet-vx proto 146",
    ]);
  }
});

Deno.test("Routes of another protocol keep its name, which `ip route del` needs to find them", () => {
  const json = JSON.stringify([{ dst: "10.244.1.1", dev: "wigglenet", scope: "host", flags: [] }]);
  assert.deepEqual([...parseRoutes(json, 4, "boot")], ["10.244.1.1/32 dev wigglenet proto boot"]);
});
