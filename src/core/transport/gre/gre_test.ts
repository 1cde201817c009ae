import assert from "node:assert/strict";
import { desireOf, interfaceOf as nic, type NodeWords, ordinaryNode } from "../../../../test/cluster.ts";
import { routesOf, told } from "../../../../test/direct_nodes.ts";
import { hostOf } from "../../../../test/host_state.ts";
import type { DesiredState } from "../../desired/desired_state.ts";
import { parseRoutes } from "../../observed/parse_network.ts";
import { describe } from "../../plan/describe.ts";
import { diff } from "../../plan/diff.ts";
import { lackingOverlay } from "../../plan/diff_overlay.ts";
import { parseSettings } from "../../settings/parse_settings.ts";

const GRE = { TRANSPORT_IPV4: "gre", TRANSPORT_IPV6: "gre" };
const HERE = { interfaces: [nic("eth0", ["10.9.1.1/24", "fd09::1/64"], { hasDefaultRoute: true })] };

function wrapped(i: number, words: NodeWords = {}): NodeWords {
  return { ...ordinaryNode(i), transport: "ipv4=gre,ipv6=gre", ...words };
}

function wish(nodes: readonly NodeWords[], facts = {}): DesiredState {
  return desireOf(nodes, GRE, { ...HERE, ...facts });
}

const DESIRED = wish([wrapped(1), wrapped(2)]);

Deno.test("gre: a route that wraps with our key for each pod CIDR, by one interface that knows nobody", () => {
  assert.deepEqual(routesOf(DESIRED), [
    "10.244.2.0/24 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 key dev wigglenet-gre proto 146",
    "fd00:10:244:2::/64 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 key dev wigglenet-gre proto 146",
  ]);
  assert.equal(DESIRED.cni?.mtuBytes, 1472);
  assert.deepEqual(DESIRED.table.sets["outer-v4"], ["10.9.1.2/32"]);
  assert.ok(DESIRED.table.templates.includes("gre") && !DESIRED.table.templates.includes("vxlan"));
  assert.deepEqual(told(DESIRED), []);
  assert.deepEqual(describe(diff(DESIRED, hostOf(DESIRED), 0)), []);
  const { actions } = diff(DESIRED, { ...hostOf(DESIRED), overlay: undefined }, 0).steps[0]!;
  assert.match(JSON.stringify(actions), /link add dev wigglenet-gre type gre external\\n/);
});

Deno.test("gre: nodes of IPv6 alone are wrapped to by an interface of that kind, and who has no IPv4 beside one that has is named", () => {
  const six = (i: number) => wrapped(i, { internal: [`fd09::${i}`] });
  const desired = wish([six(1), six(2)]);
  assert.match(routesOf(desired)[0]!, /encap ip6 id 146 src fd09::1 dst fd09::2 key dev wigglenet-gre/);
  assert.equal(desired.overlay.link?.kind, "ip6gre");
  assert.equal(desired.cni?.mtuBytes, 1452);
  const mixed = wish([wrapped(1), six(2)]);
  assert.deepEqual(routesOf(mixed), []);
  assert.match(
    JSON.stringify(told(mixed)),
    /no route: .*a node needs an InternalIP of a family that this node has \(IPv4\)/,
  );
});

const overlay = hostOf(DESIRED).overlay!;
const cases: readonly (readonly [string, typeof overlay, RegExp])[] = [
  ["of the kind for IPv6", { ...overlay, kind: "ip6gre" }, /^~ interface wigglenet-gre: gre /],
  ["between two ends", { ...overlay, isExternal: undefined! }, /^~ interface wigglenet-gre: gre /],
  ["down", { ...overlay, isUp: false }, /^~ interface wigglenet-gre: mtu 1472, up/],
];
for (const [what, has, line] of cases) {
  Deno.test(`gre: an interface that is ${what} becomes what is wanted`, () => {
    const lines = describe(diff(DESIRED, { ...hostOf(DESIRED), overlay: has }, 0));
    assert.match(lines[0]!, line);
  });
}

Deno.test("gre: what vxlan has left goes, and what is something else's stays, and is told", () => {
  const desired = wish([wrapped(1), wrapped(2)], { overlays: ["wigglenet-vx", "wigglenet-gre"] });
  const theirs = {
    kind: "vxlan",
    vxlanPort: 24603,
    mtuBytes: 1444,
    isUp: true,
    addresses: new Set<string>(),
  };
  const left = { ...theirs, isExternal: true } as const;
  assert.deepEqual(describe(diff(desired, { ...hostOf(desired), leftOverlay: left }, 0)), [
    "- interface wigglenet-vx: vxlan (no transport uses it)",
  ]);
  const foreign = diff(desired, { ...hostOf(desired), leftOverlay: theirs }, 0);
  assert.deepEqual(describe(foreign), []);
  const taken = diff(desired, { ...hostOf(desired), overlay: { ...overlay, kind: "vxlan" } }, 0);
  assert.match(JSON.stringify(taken.waiting), /it exists with kind vxlan, wanted is gre/);
});

Deno.test("gre: the family is one that the host has, and what it has lost is told; below 1280 there would be no IPv6", () => {
  const interfaces = [nic("eth0", ["fd09::1/64"], { hasDefaultRoute: true, mtuBytes: 1300 })];
  const desired = wish([wrapped(1), wrapped(2)], { interfaces });
  assert.match(routesOf(desired)[0]!, /encap ip6 id 146 src fd09::1 dst fd09::2 key /);
  assert.equal(desired.overlay.link?.mtuBytes, 1280);
  assert.match(
    told(desired).join("\n"),
    /^IPv4 of n1: its Node says 10\.9\.1\.1, and this host does not have it/m,
  );
  assert.match(
    told(desired).join("\n"),
    /^an MTU of wigglenet-gre that fits, .*leave 1252: full packets travel in fragments/m,
  );
});

Deno.test("gre: to this host's stated addresses, from what Nodes say that is nobody's pod's nor this host's; no ports of its own", () => {
  const bad = wrapped(2, { internal: ["10.244.1.9", "10.9.1.1", "10.9.1.2"] });
  const { sets, defines, templates } = wish([wrapped(1), bad]).table;
  assert.deepEqual(sets["outer-v4"], ["10.9.1.2/32"]);
  assert.deepEqual(sets["outer-own-v4"], ["10.9.1.1/32"]);
  assert.equal(defines.gre_key, "146");
  assert.equal(defines.vxlan_port, undefined);
  const place = (name: string) => templates.indexOf(name);
  assert.ok(place("outer") < place("gre") && place("gre") < place("source"), "before `established`");
  assert.ok(place("forward") < place("unwrapped") && place("unwrapped") < place("source"));
});

Deno.test("gre: a kernel without it, and another interface that takes all of it, are told as such, with whom that cuts off", () => {
  const failing = {
    overlay: { error: "ip -batch exited 1: Error: Unknown device type. Command failed -:1" },
  };
  const [lacking] = lackingOverlay(DESIRED, failing);
  assert.match(
    `${lacking!.why}; ${lacking!.next}`,
    /has no gre: pods of 1 nodes are not reached; modprobe ip_gre,/,
  );
  const [taken] = lackingOverlay(DESIRED, { overlay: { error: "RTNETLINK answers: File exists" } });
  assert.match(
    `${taken!.why}; ${taken!.next}`,
    /^another interface takes all of gre: pods of 1 nodes are not reached; delete the one that `ip -d link show type gre` shows/,
  );
});

Deno.test("gre: routes are read with their key, as ip 6.1 and 6.15 tell it", () => {
  const way = '"id":146,"src":"10.9.1.1","dst":"10.9.1.2","ttl":0,"tos":0,"key":true';
  for (const encap of [`"ip",${way}`, `{"encap_type":"ip",${way}}`]) {
    const json = `[{"dst":"10.244.2.0/24","encap":${encap},"dev":"wigglenet-gre","scope":"link","flags":[]}]`;
    assert.deepEqual([...parseRoutes(json, 4)], [routesOf(DESIRED)[0]]);
  }
});

Deno.test("gre and vxlan are not had beside each other", () => {
  for (const other of ["vxlan", "vxlan-or-wireguard"]) {
    const parsed = parseSettings({ NODE_NAME: "n1", TRANSPORT_IPV4: "gre", TRANSPORT_IPV6: other }, {});
    assert.match(JSON.stringify(parsed), /a node wraps by one of both/);
  }
});
