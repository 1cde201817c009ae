import assert from "node:assert/strict";
import { desireOf, interfaceOf as nic, type NodeWords, ordinaryNode } from "../../../../test/cluster.ts";
import { routesOf, told } from "../../../../test/direct_nodes.ts";
import { hostOf } from "../../../../test/host_state.ts";
import type { DesiredState } from "../../desired/desired_state.ts";
import type { ObservedState } from "../../observed/observed_state.ts";
import { diff } from "../../plan/diff.ts";
import { lackingOverlay } from "../../plan/diff_overlay.ts";
import { describe } from "../../plan/describe.ts";
import { parseSettings, type RawSettings } from "../../settings/parse_settings.ts";

const HERE = { interfaces: [nic("eth0", ["10.9.1.1/24", "fd09::1/64"], { hasDefaultRoute: true })] };

function wish(nodes: readonly NodeWords[], environment: RawSettings, facts = HERE): DesiredState {
  return desireOf(nodes, environment, facts);
}

const VXLAN = { TRANSPORT_IPV4: "vxlan", TRANSPORT_IPV6: "vxlan" };
const SAYS_VXLAN = "ipv4=vxlan,ipv6=vxlan";

function wrapped(i: number, words: NodeWords = {}): NodeWords {
  return { ...ordinaryNode(i), transport: SAYS_VXLAN, ...words };
}

Deno.test("vxlan: a route that wraps for each pod CIDR, by one interface that knows nobody; gateways are no matter", () => {
  const desired = wish([wrapped(1), wrapped(2), wrapped(3, { internal: ["2001:db8:9::3"] })], VXLAN);
  assert.deepEqual(routesOf(desired), [
    "10.244.2.0/24 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 dev wigglenet-vx proto 146",
    "10.244.3.0/24 encap ip6 id 146 src fd09::1 dst 2001:db8:9::3 dev wigglenet-vx proto 146",
    "fd00:10:244:2::/64 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 dev wigglenet-vx proto 146",
    "fd00:10:244:3::/64 encap ip6 id 146 src fd09::1 dst 2001:db8:9::3 dev wigglenet-vx proto 146",
  ]);
  const { link } = desired.overlay;
  assert.deepEqual([link?.kind, link?.name, link?.port, link?.mtuBytes], [
    "vxlan",
    "wigglenet-vx",
    24603,
    1444,
  ]);
  assert.deepEqual(link?.addresses, ["10.244.1.1/32", "fd00:10:244:1::1/128"]);
  assert.equal(desired.link, undefined);
  assert.equal(desired.cni?.mtuBytes, 1444);
  assert.deepEqual(desired.table.sets["outer-v4"], ["10.9.1.2/32"]);
  assert.deepEqual(desired.table.sets["outer-v6"], ["2001:db8:9::3/128", "fd09::2/128"]);
  assert.deepEqual(told(desired), []);
  const steps = diff(desired, { ...hostOf(desired), overlay: undefined }, 0).steps;
  const inputs = steps.map(({ actions: [action] }) => action?.kind === "run" ? action.input : "");
  assert.equal(
    inputs.join(""),
    [
      "link add dev wigglenet-vx type vxlan external gpe dstport 24603 nolearning udp6zerocsumrx",
      "link set dev wigglenet-vx mtu 1444 up",
      "address replace 10.244.1.1/32 dev wigglenet-vx",
      "address replace fd00:10:244:1::1/128 dev wigglenet-vx",
    ].map((line) => `${line}\n`).join(""),
  );
  assert.deepEqual(steps.map(({ part }) => part), ["overlay", "overlay-v4", "overlay-v6"]);
});

Deno.test("vxlan: IPv4 alone costs 36 bytes, who has no address of a common family is named, ports and networks can be set", () => {
  const interfaces = [nic("eth0", ["10.9.1.1/24"])];
  const own = wrapped(1, { internal: ["10.9.1.1"] });
  const settings = { ...VXLAN, VXLAN_VNI: "16777215", VXLAN_PORT: "4790" };
  const desired = wish([own, wrapped(2), wrapped(3, { internal: ["2001:db8:9::3"] })], settings, {
    interfaces,
  });
  assert.equal(desired.overlay.link?.mtuBytes, 1464);
  assert.equal(desired.overlay.link?.port, 4790);
  assert.match(routesOf(desired)[0]!, / id 16777215 /);
  assert.match(
    told(desired)[0]!,
    /^IPv4 to n3: no route: with TRANSPORT_IPV4=vxlan a node needs an InternalIP of a family that this node has \(IPv4\)/,
  );
  for (
    const [env, text] of [["VXLAN_VNI", "0"], ["VXLAN_VNI", "16777216"], ["VXLAN_PORT", "65536"], [
      "VXLAN_PORT",
      "24602",
    ]]
  ) {
    const problems = parseSettings({ NODE_NAME: "n1", ...VXLAN, [env!]: text }, {});
    assert.ok(Array.isArray(problems) && problems[0].startsWith(env!), text);
  }
});

Deno.test("vxlan: what is otherwise with the interface is mended, another kind is left alone, what nobody wants goes", () => {
  const desired = wish([wrapped(1), wrapped(2)], VXLAN);
  const { link } = desired.overlay;
  const sound = {
    kind: "vxlan",
    isExternal: true as const,
    vxlanPort: 24603,
    mtuBytes: 1444,
    isUp: true,
    addresses: new Set(link!.addresses),
  };
  const linesWith = (overlay: ObservedState["overlay"], wanted = desired) =>
    describe(diff(wanted, { ...hostOf(wanted), overlay }, 0));
  assert.deepEqual(linesWith(sound), []);
  assert.deepEqual(linesWith({ ...sound, isUp: false }), [
    "~ interface wigglenet-vx: mtu 1444, up (it is down with mtu 1444)",
  ]);
  assert.deepEqual(linesWith({ ...sound, addresses: new Set(["10.244.1.1/32", "192.0.2.1/24"]) }), [
    "- address wigglenet-vx: 192.0.2.1/24 (not wanted)",
    "+ address wigglenet-vx: fd00:10:244:1::1/128 (missing)",
  ]);
  assert.match(
    linesWith({ ...sound, vxlanPort: 4789 })[0]!,
    /^~ interface wigglenet-vx: vxlan, UDP port 24603/,
  );
  assert.match(linesWith({ ...sound, kind: "bridge" }).join(), /exists with kind bridge, wanted is vxlan/);
  const without = wish([ordinaryNode(1), ordinaryNode(2)], {});
  assert.deepEqual(linesWith(sound, without), ["- interface wigglenet-vx: vxlan (no transport uses it)"]);
  const { isExternal: _, ...foreign } = sound;
  assert.deepEqual(linesWith(foreign, without), [], "of somebody else, with a name of ours");
  assert.match(
    linesWith({ ...sound, isNext: true })[0]!,
    /^~ interface wigglenet-vx: vxlan/,
    "believed as the tunnel",
  );
  assert.match(linesWith({ ...sound, isOdd: true })[0]!, /^~ interface wigglenet-vx: vxlan.*has a master/);
  const bridged = diff(desired, { ...hostOf(desired), overlay: { ...sound, kind: "bridge" } }, 0);
  const lines = describe(bridged).filter((line) => line.includes(" encap "));
  assert.ok(lines.length === 2 && lines.every((line) => line.startsWith("- route ")), lines.join("\n"));
});

Deno.test("vxlan: only families that go by it have addresses there; below 1280 there would be no IPv6, and that is told", () => {
  const { link } = wish([wrapped(1), wrapped(2)], { TRANSPORT_IPV4: "vxlan" }).overlay;
  assert.deepEqual(link?.addresses, ["10.244.1.1/32"]);
  const small = wish([wrapped(1), wrapped(2)], { ...VXLAN, WIGGLENET_MTU: "1000" });
  assert.equal(small.overlay.link?.mtuBytes, 1280);
  assert.match(
    told(small)[0]!,
    /^an MTU of wigglenet-vx that fits, for IPv4: IPv6 needs 1280, and WIGGLENET_MTU is 1000; set WIGGLENET_MTU to 1280/,
  );
  const interfaces = [nic("eth0", ["10.9.1.1/24"], { hasDefaultRoute: true, mtuBytes: 1300 })];
  const own = wrapped(1, { internal: ["10.9.1.1"] });
  const narrow = wish([own, wrapped(2)], { TRANSPORT_IPV4: "vxlan" }, { interfaces });
  assert.equal(narrow.overlay.link?.mtuBytes, 1280);
  assert.match(
    told(narrow).join(),
    /own interfaces leave 1264: full packets travel in fragments; give them an MTU of 1316/,
  );
});

Deno.test("vxlan: a kernel that has none, or that does not wrap by routes, and a port that is taken are told as such, with whom that cuts off", () => {
  const desired = wish([wrapped(1), wrapped(2), wrapped(3)], VXLAN);
  const lacks = (part: string, error: string, wanted = desired) =>
    lackingOverlay(wanted, { [part]: { error } }).map(({ what, why, isTrouble }) =>
      `${what}: ${why}${isTrouble ? "!" : ""}`
    );
  const noKind = "ip -batch exited 1: Error: Unknown device type. Command failed -:1";
  const noWrapping = "ip -4 -force -batch exited 1: Error: CONFIG_LWTUNNEL is not enabled in this kernel.";
  const cost = "pods of 2 nodes are not reached!";
  assert.deepEqual(lacks("overlay", noKind), [`interface wigglenet-vx: this kernel has no vxlan: ${cost}`]);
  assert.deepEqual(lacks("clear-v4", noWrapping), [
    `interface wigglenet-vx: this kernel does not wrap by routes: ${cost}`,
  ]);
  for (
    const error of [
      "RTNETLINK answers: Address already in use",
      "Error: A VXLAN device with the specified VNI already exists.",
    ]
  ) {
    assert.deepEqual(lacks("overlay", error), [
      `interface wigglenet-vx: UDP port 24603 is another's: ${cost}`,
    ]);
  }
  assert.deepEqual(lacks("overlay", "RTNETLINK answers: Operation not permitted"), []);
  assert.deepEqual(lacks("clear-v4", "RTNETLINK answers: Invalid argument"), []);
  assert.deepEqual(lacks("overlay", noKind, wish([ordinaryNode(1), ordinaryNode(2)], {})), []);
});

Deno.test("vxlan: the family is one that the host has, and what it has lost is told", () => {
  const interfaces = [nic("eth0", ["10.9.1.1/24"], { hasDefaultRoute: true })];
  const other = wrapped(2, { internal: ["fd09::2", "10.9.1.2"] });
  const desired = wish([wrapped(1), other], VXLAN, { interfaces });
  assert.match(routesOf(desired)[0]!, / encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.2 /);
  assert.match(told(desired)[0]!, /^IPv4 of n1: its Node says fd09::1, and this host does not have it/);
});

Deno.test("vxlan: nobody is believed by an address of this host or of a pod that his Node says", () => {
  const bad = wrapped(2, { day: 9, internal: ["10.244.1.9", "10.9.1.1", "10.9.1.2"] });
  const { sets } = wish([wrapped(1, { day: 1 }), bad], VXLAN).table;
  assert.deepEqual(sets["outer-v4"], ["10.9.1.2/32"]);
  assert.deepEqual(sets["outer-own-v4"], ["10.9.1.1/32"]);
});

Deno.test("vxlan: who says another Node's address, be he older, takes nothing from it; none is in a pod CIDR, translated or this host's", () => {
  const elder = (internal: readonly string[], words: NodeWords = {}) =>
    wrapped(4, { name: "elder", day: 1, internal, podCIDRs: ["10.250.0.0/24"], ...words });
  const nodes = [wrapped(1, { day: 5 }), wrapped(2, { day: 5 })];
  const [first] = routesOf(wish(nodes, VXLAN));
  for (const stolen of ["10.9.1.2", "10.9.1.1"]) {
    assert.equal(routesOf(wish([...nodes, elder([stolen])], VXLAN))[0], first, stolen);
  }
  const nowhere = [
    elder(["10.9.1.1"]),
    elder(["10.244.2.7"], { day: 9 }),
    elder([], { external: ["203.0.113.4"] }),
  ];
  for (const one of nowhere) {
    const desired = wish([...nodes, one], VXLAN);
    assert.ok(!routesOf(desired).some((text) => text.startsWith("10.250")));
    assert.match(
      told(desired)[0]!,
      /^IPv4 to elder: no route: with TRANSPORT_IPV4=vxlan a node needs an InternalIP/,
    );
  }
});

Deno.test("vxlan: from a host that has no address of its Node others take nothing, and that is told; WG_IP_FAMILY limits both ends", () => {
  const elsewhere = { interfaces: [nic("eth0", ["192.168.7.1/24"], { hasDefaultRoute: true })] };
  const lost = wish([wrapped(1), wrapped(2)], VXLAN, elsewhere);
  assert.match(routesOf(lost)[0]!, /encap ip id 146 dst 10\.9\.1\.2 /);
  assert.match(
    told(lost)[0]!,
    /^IPv4 from n1: none of the addresses .* \(10\.9\.1\.1, fd09::1\): they drop what it sends/,
  );
  const six = wish([wrapped(1), wrapped(2)], { ...VXLAN, WG_IP_FAMILY: "ipv6" });
  assert.match(routesOf(six)[0]!, /^10\.244\.2\.0\/24 encap ip6 id 146 src fd09::1 dst fd09::2 /);
});

Deno.test("vxlan: a route that wraps comes behind the interface, which comes behind the table; another's VNI is another's", () => {
  const desired = wish([wrapped(1), wrapped(2)], VXLAN);
  const { steps } = diff(desired, {
    ...hostOf(desired),
    overlay: undefined,
    routes: { 4: new Set(), 6: new Set() },
  }, 0);
  const stageOf = (part: string) => steps.find((step) => step.part === part)!;
  assert.ok(stageOf("overlay").stage < stageOf("clear-v4").stage && stageOf("overlay").stage > 0);
  assert.deepEqual(stageOf("clear-v4").needs, ["overlay"]);
});
