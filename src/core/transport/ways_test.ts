import assert from "node:assert/strict";
import {
  desireOf,
  keyOf,
  nodeJson,
  type NodeWords,
  ordinaryNode,
  settingsOf,
} from "../../../test/cluster.ts";
import { DIRECT, direct, ETH0, N2, routesOf, told } from "../../../test/direct_nodes.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { diff } from "../plan/diff.ts";
import { describe } from "../plan/describe.ts";
import { parseSettings, type RawSettings } from "../settings/parse_settings.ts";
import { parseTransports, transportsText } from "./stated.ts";
import { TRANSPORT_NAMES } from "./transport.ts";

const HERE: Partial<HostFacts> = { interfaces: [ETH0] };
const EITHER = { TRANSPORT_IPV4: "direct-or-wireguard", TRANSPORT_IPV6: "direct-or-wireguard" };

const FAR = { internal: ["198.51.100.3", "2001:db8:9::3"] };

function wish(nodes: readonly NodeWords[], environment: RawSettings, facts = HERE): DesiredState {
  return desireOf(nodes, environment, facts);
}

const N3_TUNNEL = ["10.244.3.0/24 dev wigglenet proto 146", "fd00:10:244:3::/64 dev wigglenet proto 146"];

Deno.test("direct: a route for each pod CIDR via its node's address, and neither interface nor peers of WireGuard", () => {
  const desired = wish([direct(1), direct(2)], DIRECT);
  assert.deepEqual(routesOf(desired), N2);
  assert.equal(desired.link, undefined);
  assert.deepEqual(desired.peers, []);
  assert.equal(desired.cni?.mtuBytes, 1500);
  assert.deepEqual(desired.podMtu, { bytes: 1500, why: "n2 via 10.9.1.2 dev eth0 onlink" });
  assert.deepEqual(told(desired), []);
  assert.deepEqual(describe(diff(desired, hostOf(desired), 0)), []);
});

Deno.test("direct: who is behind a gateway gets no route, and is named with the condition and what to do", () => {
  const desired = wish([direct(1), direct(2), direct(3, FAR)], DIRECT);
  assert.deepEqual(routesOf(desired), N2);
  assert.equal(desired.link, undefined);
  assert.deepEqual(
    told(desired)[0],
    "IPv4 to n3: no route: with TRANSPORT_IPV4=direct a node needs an address in a network " +
      "of this node (10.9.1.0/24 by eth0); give them one, or set TRANSPORT_IPV4=direct-or-wireguard on all nodes",
  );
  assert.ok(desired.waiting.every(({ isTrouble }) => isTrouble));
  const unreachable = desired.routes.filter(({ type }) => type === "unreachable").map(({ destination }) =>
    destination
  );
  assert.deepEqual(unreachable.filter((text) => text.startsWith("10.")), ["10.244.1.0/24", "10.244.2.0/23"]);
  assert.deepEqual(desired.table.sets["clear-v4"], ["10.9.1.2/32", "10.244.2.0/24"]);
});

Deno.test("direct-or-wireguard: exactly who is behind a gateway is reached by the tunnel; the tunnel has all for peers", () => {
  const either = "ipv4=direct-or-wireguard,ipv6=direct-or-wireguard";
  const nodes = [
    direct(1, { transport: either }),
    direct(2, { transport: either }),
    direct(3, { ...FAR, transport: either }),
  ];
  const desired = wish(nodes, EITHER);
  assert.deepEqual(routesOf(desired), [N3_TUNNEL[0], N2[0], N3_TUNNEL[1], N2[1]]);
  assert.deepEqual(desired.peers.map(({ node }) => node), ["n2", "n3"]);
  assert.equal(desired.cni?.mtuBytes, 1420);
  assert.deepEqual(told(desired), []);
  const near = wish(nodes.slice(0, 2), EITHER);
  assert.ok(near.link !== undefined, "it stands for whoever comes");
  assert.equal(near.cni?.mtuBytes, 1500);
});

Deno.test("rules that each packet of a tunnel pays for are there by what is set, or was, and not by whom it stands for meanwhile", () => {
  const ofTunnel = (nodes: readonly NodeWords[], environment: RawSettings, former?: HostFacts["former"]) =>
    wish(nodes, environment, { ...HERE, wireguard: "userspace", ...(former && { former }) }).table.templates
      .filter((name) => ["clamp", "checksum-v6"].includes(name));
  const both = ["checksum-v6", "clamp"];
  for (const others of [[direct(2)], [ordinaryNode(2)]]) {
    const nodes = [direct(1), ...others];
    assert.deepEqual(ofTunnel(nodes, DIRECT), []);
    assert.deepEqual(ofTunnel(nodes, DIRECT, { 6: "vxlan" }), []);
    assert.deepEqual(ofTunnel(nodes, DIRECT, { 6: "wireguard" }), both);
    for (const environment of [{}, EITHER, { ...DIRECT, TRANSPORT_IPV6: "wireguard" }]) {
      assert.deepEqual(ofTunnel(nodes, environment), both);
    }
  }
});

Deno.test("nothing is sent in the clear to who does not say that he takes it: the tunnel stands for him, and he is named", () => {
  for (const transport of [undefined, "ipv4=wireguard,ipv6=wireguard", "nonsense"]) {
    const desired = wish([direct(1), direct(2, { transport }), direct(3)], DIRECT);
    assert.deepEqual(routesOf(desired).filter((text) => text.startsWith("10.")), [
      "10.244.2.0/24 dev wigglenet proto 146",
      "10.244.3.0/24 via 10.9.1.3 dev eth0 onlink proto 146",
    ], transport);
    assert.match(
      told(desired)[0]!,
      /^IPv4 transport of n2: wigglenet\/transport of their Nodes says wireguard/,
    );
    assert.ok(desired.waiting[0]!.isRemark);
    const { sets } = desired.table;
    assert.deepEqual(sets["clear-v4"], ["10.9.1.3/32", "10.244.3.0/24"]);
    assert.deepEqual(sets["near-v4"], ["10.244.2.0/24"], "he may begin to send so before we hear of it");
  }
});

Deno.test("who takes it not, and has no tunnel either, is not reached, and that is trouble", () => {
  for (const words of [{ transport: "ipv4=native,ipv6=native" }, { transport: undefined, key: undefined }]) {
    const desired = wish([direct(1), direct(2, words), direct(3)], DIRECT);
    assert.deepEqual(routesOf(desired).filter((text) => text.startsWith("10.244.2")), []);
    assert.match(told(desired)[0]!, /^IPv4 transport of n2: .*: their pods are not reached/);
    assert.ok(desired.waiting[0]!.isTrouble);
    assert.equal(desired.link, undefined);
  }
});

Deno.test("the tunnel stands until this host's own Node says it too: until then others may send by the tunnel", () => {
  const desired = wish([ordinaryNode(1), direct(2)], DIRECT);
  assert.deepEqual(routesOf(desired), N2);
  assert.deepEqual(desired.peers.map(({ node }) => node), ["n2"]);
  assert.equal(desired.cni?.mtuBytes, 1500);
  assert.deepEqual(told(desired), [
    "wigglenet/transport of n1: its Node says nothing, and the others go by that; this host has ipv4=direct,ipv6=direct; " +
    "put wigglenet/transport: ipv4=direct,ipv6=direct into the manifest of n1",
  ]);
});

Deno.test("whose own Node says the tunnel has nothing to change in it, as where it says nothing", () => {
  const says = (transport: string) => told(wish([{ ...ordinaryNode(1), transport }], {}));
  assert.deepEqual(says("ipv4=wireguard,ipv6=wireguard"), []);
  assert.match(
    says("ipv4=wireguard,ipv6=direct").join(),
    /take wigglenet\/transport out of the manifest of n1/,
  );
});

Deno.test("no annotation makes a node of the tunnel send, or take, anything in the clear", () => {
  const [plain, tempted] = [[1, 2, 3].map((i) => ordinaryNode(i)), [1, 2, 3].map((i) => direct(i))].map((
    nodes,
  ) => wish(nodes, {})) as [DesiredState, DesiredState];
  assert.deepEqual(tempted.routes, plain.routes);
  assert.deepEqual(tempted.table, plain.table);
  assert.deepEqual(tempted.peers, plain.peers);
  assert.equal(tempted.cni?.mtuBytes, plain.cni?.mtuBytes);
  assert.ok(tempted.waiting.some(({ isRemark, what }) => isRemark && what === "IPv4 transport of n2, n3"));
});

Deno.test("one family in the clear leaves the other in the tunnel", () => {
  const nodes = [1, 2].map((i) => direct(i, { transport: "ipv4=direct,ipv6=wireguard" }));
  const desired = wish(nodes, { TRANSPORT_IPV4: "direct" });
  assert.deepEqual(routesOf(desired), [N2[0], "fd00:10:244:2::/64 dev wigglenet proto 146"]);
  assert.equal(desired.cni?.mtuBytes, 1420);
  assert.deepEqual(desired.unguarded.map((text) => text.slice(0, 40)), [
    "IPv4: pods of nodes that are reached in ",
    "IPv4: pods of Nodes that are not known h",
    "IPv6: pods of Nodes that are not known h",
  ]);
});

Deno.test("a Node without a key is as good as any other in the clear", () => {
  const desired = wish([direct(1), direct(2, { key: undefined })], DIRECT);
  assert.deepEqual(routesOf(desired), N2);
  assert.deepEqual(desired.rejected, []);
});

Deno.test("filter, guard and source let pass by these interfaces alone, and masquerading leaves them alone", () => {
  const filtered = { ...DIRECT, FILTER_IPV4: "1", FILTER_IPV6: "1" };
  const { templates, defines } = wish([direct(1), direct(2)], filtered).table;
  for (const family of [4, 6]) {
    const place = (name: string) => templates.indexOf(`${name}-v${family}`);
    assert.ok(place("clear") >= 0);
    for (const later of ["guard", "source", "filter-tunnel"]) assert.ok(place(later) > place("clear"), later);
    assert.ok(place("masquerade-unguarded") < place("masquerade"));
    assert.equal(defines[`clear_v${family}`], '{ "eth0" }');
  }
  assert.deepEqual(wish([direct(1)], filtered).table.templates, templates, "whoever there is");
  const nowhere = wish([direct(1)], filtered, { interfaces: [] }).table.templates;
  assert.deepEqual(
    nowhere.filter((name) => name.startsWith("clear")),
    [],
    "nft takes no set of no interfaces",
  );
});

Deno.test("packets of pods in the clear go with neither encrypted hosts nor rotating keys", () => {
  const problems = parseSettings({ NODE_NAME: "n1", ...DIRECT, HOST_ENCRYPTION: "require" }, {});
  assert.deepEqual(problems, [
    "HOST_ENCRYPTION (--host-encryption) is require, and pods' packets are to leave in the clear (ipv4=direct,ipv6=direct): " +
    "set it to off, or TRANSPORT_IPV4 and TRANSPORT_IPV6 to wireguard",
  ]);
  const { rotation } = wish([direct(1), direct(2)], { ...EITHER, KEY_ROTATION: "manual" }, {
    ...HERE,
    nextKey: keyOf(9),
  });
  assert.equal(rotation.isOn, false);
  assert.match(rotation.obstacle!.why, /TRANSPORT_IPV4/);
});

Deno.test("what a Node says of its transports is read as it is written, and nothing else is", () => {
  for (const v4 of TRANSPORT_NAMES) {
    for (const v6 of TRANSPORT_NAMES) {
      const text = transportsText({ 4: v4, 6: v6 });
      assert.deepEqual(parseTransports(text), { 4: v4, 6: v6 });
    }
  }
  for (
    const text of [
      "",
      "direct",
      "ipv4=direct",
      "ipv4=direct,ipv6=direct ",
      "ipv6=direct,ipv4=direct",
      1,
      null,
      {},
    ]
  ) {
    const { node, rejected } = parseNode(nodeJson({ ...ordinaryNode(2), transport: text }), "2.yaml");
    assert.equal(node!.transports, undefined);
    assert.match(rejected[0]!.reason, /is not as `ipv4=direct,ipv6=wireguard`/);
  }
  assert.ok(settingsOf(DIRECT).transportIpv4 === "direct");
});
