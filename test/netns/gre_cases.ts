// TRANSPORT_IPV4 and _IPV6=gre: as vxlan, by another wrapping. What both have in common is looked at there as well (vxlan_test.ts).
//
//   n1-pod ── n1 ──┐
//   n2-pod ── n2 ──┼── 10.9.1.0/24, fd09::/64 ── outsider, who forges
//   n3-pod ── n3 ──┘

import assert from "node:assert/strict";
import { type Body, frameOf, ipPacket } from "../lab/craft.ts";
import { type Family, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { type Drift, Victim } from "./drift.ts";
import { crossesWrapped, policyDecides, saying } from "./transports.ts";
import { arrivingWrapped, droppedBy, routerOf, type Shot } from "./wrapped_shots.ts";

const FAMILIES = [4, 6] as const;
const GRE = { "transport-ipv4": "gre", "transport-ipv6": "gre" };
const IPPROTO_GRE = 47;
const MTU = 1_472;
/** Where nothing but these rules would have dropped it. */
const BY_THESE_RULES = ["unwrapped: not a near node's pod", "wrapped: for no address that this Node says"];

const nodes = [1, 2, 3].map((i) => saying(manifestOf(i), "ipv4=gre,ipv6=gre"));
const victim = await Victim.create({ nodes }, GRE);
const { mesh } = victim;
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
const [pod1, pod2, pod3] = mesh.pods as [Pod, Pod, Pod];
Deno.test.afterAll(() => mesh.close());
// Emulated, an agent reads its rules long after pods reach each other.
for (const node of mesh.nodes) await node.inSync();

Deno.test("gre: pods of three nodes reach each other, none of their packets is bare on the network, and full ones pass", () =>
  crossesWrapped(mesh, MTU, ({ protocol }) => protocol === IPPROTO_GRE));

Deno.test("gre: diff finds nothing to do, status names each way", async () => {
  const settings = { ...GRE, "filter-ipv4": "true", "filter-ipv6": "true" };
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings });
  assert.equal(code, 0, stdout + stderr);
  const status = await n1.runAgent({ verb: "status" });
  assert.match(
    status.stdout,
    /n2 in the clear encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.2 key dev wigglenet-gre to 10\.244\.2\.0\/24/,
  );
});

const ip = (...args: string[]) => victim.on("ip", ...args);
const drifts: Readonly<Record<string, Drift>> = {
  "a route is deleted": { act: ip("route", "del", "10.244.2.0/24"), log: /\+ route 10\.244\.2\.0\/24 encap/ },
  "an IPv6 route is deleted": {
    act: ip("-6", "route", "del", "fd00:10:244:2::/64", "dev", "wigglenet-gre"),
    log: /\+ route fd00:10:244:2::\/64 encap/,
  },
  "a route wraps without the key": {
    act: ip(
      ..."route replace 10.244.2.0/24 encap ip id 146 src 10.9.1.1 dst 10.9.1.2 dev wigglenet-gre proto 146"
        .split(" "),
    ),
    log: /\+ route 10\.244\.2\.0\/24 encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.2 key/,
  },
  "the interface is deleted": {
    act: ip("link", "del", "wigglenet-gre"),
    log: /\+ interface wigglenet-gre: gre/,
  },
  "the interface is set down": {
    act: ip("link", "set", "wigglenet-gre", "down"),
    log: /~ interface wigglenet-gre: mtu 1472, up/,
  },
  "the ruleset is flushed": { act: victim.on("nft", "flush", "ruleset"), log: /~ table inet wigglenet/ },
};

for (const [what, drift] of Object.entries(drifts)) {
  Deno.test(`gre: ${what}: traffic flows both ways again in time`, () => victim.healsTraffic(drift));
}

Deno.test("gre: a NetworkPolicy decides who reaches a pod", () => policyDecides(mesh));

/** With another header than ours: flags, and what they say that follows behind the protocol. */
interface GreShot extends Shot {
  readonly header?: readonly [flags: readonly number[], ...rest: readonly (readonly number[])[]];
}

const WITH_KEY = [0x20, 0];
const PROTOCOL = { 4: [0x08, 0], 6: [0x86, 0xdd] };
const STRANGER = { 4: "192.0.2.9", 6: "2001:db8::9" };
const GATEWAY = { 4: "10.244.1.1", 6: "fd00:10:244:1::1" };

function protocolOf(packet: Uint8Array): readonly number[] {
  return PROTOCOL[packet[0]! >> 4 === 6 ? 6 : 4];
}

function wrappedIn({ header }: GreShot, packet: Uint8Array): Body {
  const [flags, ...rest] = header ?? [WITH_KEY, [0, 0, 0, 146]];
  const bytes = new Uint8Array([...flags!, ...protocolOf(packet), ...rest.flat(), ...packet]);
  return { protocol: IPPROTO_GRE, bytes };
}

/** Beside its stated one n1 has these while packets are shot; somebody's rules lead from the second one to the stated. */
const UNSAID = ["10.9.1.101", "10.9.1.102"] as const;
let other: Pod | undefined;

async function shotsOf(inner: Family): Promise<Readonly<Record<string, GreShot>>> {
  other ??= await n1.addPod("n1-other");
  const [n2Address, pod, third] = [n2.address(4)!, pod2.address(inner)!, pod3.address(inner)!];
  const outer = pod2.address(4)!;
  return {
    "not from a node": { outer: mesh.lab.outsiderAddresses[0]!, inner: pod },
    "another key": { outer: n2Address, header: [WITH_KEY, [0, 0, 0, 147]], inner: pod },
    "no key": { outer: n2Address, header: [[0, 0]], inner: pod },
    "a pod of this node": { outer: n2Address, inner: other.address(inner)! },
    "somebody outside": { outer: n2Address, inner: STRANGER[inner] },
    // Masqueraded it would come from its node.
    "wrapped by a pod, of another pod": { from: pod2, outer, inner: third },
    "wrapped by a pod here, of another pod": { from: other, outer: other.address(4)!, inner: pod },
    "forged by a pod here, in a node's name": { from: other, outer: n2Address, inner: pod },
    "the same to the pods' gateway": { from: other, outer: n2Address, to: GATEWAY[4], inner: pod },
    "wrapped by a pod, to an address that the Node does not say": {
      ...{ from: pod2, outer, to: UNSAID[0], inner: third },
    },
    "in a node's name, to such an address": { outer: n2Address, to: UNSAID[0], inner: pod },
    "led here by a rule of somebody else": { outer: n2Address, to: UNSAID[1], inner: pod },
    "somebody outside, to the node itself": {
      ...{ outer: n2Address, inner: STRANGER[inner], target: GATEWAY[inner] },
    },
    "forged in a node's name": { outer: n2Address, inner: pod },
  };
}

for (const inner of FAMILIES) {
  const title =
    `gre: of IPv${inner} that comes wrapped, only what has the key, is from a node, and of a pod of another one, ` +
    "reaches a pod";
  Deno.test(title, async () => {
    const shots = await shotsOf(inner);
    await n1.ip(UNSAID.map((address) => `address add ${address}/24 dev eth0`));
    const leading = "table ip leading { chain at-entry { type nat hook prerouting priority dstnat; " +
      `meta l4proto gre ip daddr ${UNSAID[1]} dnat to ${n1.address(4)}; }; }`;
    await n1.run(["nft", "-f", "-"], { stdin: leading });
    const dropped = () => Promise.all(BY_THESE_RULES.map((comment) => droppedBy(n1, comment)));
    const before = await dropped();
    const arrived = await arrivingWrapped(mesh, shots, { outer: 4, inner, wrap: wrappedIn });
    const after = await dropped();
    await n1.run(["nft", "delete", "table", "ip", "leading"]);
    await n1.ip(UNSAID.map((address) => `address del ${address}/24 dev eth0`));
    assert.deepEqual(arrived, ["forged in a node's name"]);
    BY_THESE_RULES.forEach((comment, i) => assert.ok(after[i]! > before[i]!, comment));
  });
}

Deno.test("gre: what other nodes wrap is no answer to what a pod has sent them in GRE", async () => {
  const wire = new Wire(pod2, "eth0");
  try {
    const bare = wrappedIn({ outer: "", inner: "", header: [[0, 0]] }, new Uint8Array(20));
    const ends = { source: pod2.address(4)!, destination: n3.address(4)! };
    const frame = frameOf(ipPacket(ends, bare), await routerOf(pod2));
    await until("the pod to be the one that n3 answers, for all that conntrack knows", async () => {
      await n2.attempt(["conntrack", "-D", "-p", "gre"]);
      wire.send(frame);
      const entries = await n2.run(["conntrack", "-L", "-p", "gre"]);
      return new RegExp(
        `src=${ends.source} dst=${ends.destination} .*src=${ends.destination} dst=10\\.9\\.1\\.2 `,
      )
        .test(entries);
    });
    for (const family of FAMILIES) {
      await until(`n3's pod to reach n2's by IPv${family}`, async () => {
        return (await pod3.ping(pod2.address(family)!, { timeoutMs: 500 })).received === 1;
      });
    }
    assert.equal(wire.receive().filter(({ protocol }) => protocol === IPPROTO_GRE).length, 0);
  } finally {
    wire.close();
  }
});

Deno.test("gre: a host whose new interfaces have no IPv6 keeps IPv4 by it, and has both once they do", async () => {
  await n1.sysctl("1", ["net.ipv6.conf.default.disable_ipv6"]);
  await n1.ip(["link del wigglenet-gre"]);
  await n1.says(
    "IPv6 is refused",
    ({ applied: { failing } }) => "overlay-v6" in failing && !("overlay" in failing),
  );
  await until("IPv4 to flow", async () => {
    return (await pod1.ping(pod2.address(4)!, { timeoutMs: 500 })).received === 1;
  });
  await n1.sysctl("0", ["net.ipv6.conf.default.disable_ipv6"]);
  await n1.ip(["link del wigglenet-gre"]);
  await n1.inSync(40_000);
  await mesh.reachable();
});
