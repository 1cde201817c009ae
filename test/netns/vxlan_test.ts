// TRANSPORT_IPV4 and _IPV6=vxlan: packets of pods wrapped in UDP from node to node, by routes that say to whom; same guard and repair.
//
//   n1-pod ── n1 ──┐
//   n2-pod ── n2 ──┼── 10.9.1.0/24, fd09::/64 ── outsider, who forges
//   n3-pod ── n3 ──┘   n3 says an address of IPv6 alone: it is wrapped to by that

import assert from "node:assert/strict";
import { type Body, ipPacket, udp } from "../lab/craft.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { type Drift, Victim } from "./drift.ts";
import { crossesWrapped, policyDecides, saying } from "./transports.ts";
import { arrivingWrapped, droppedBy, EITHER_WAY, type Shot, type ShotFamilies } from "./wrapped_shots.ts";

const VXLAN = { "transport-ipv4": "vxlan", "transport-ipv6": "vxlan" };
const PORT = 24_603;
const VNI = 146;
const MTU = 1_444;
/** Where nothing but these rules would have dropped it: what is for the node itself among it. */
const BY_THESE_RULES = [
  ...["unwrapped: not a near node's pod", "wrapped: by a Service", "wrapped: not from a node"],
  "wrapped: for no address that this Node says",
];

const nodes = [manifestOf(1), manifestOf(2), manifestOf(3)].map((manifest) =>
  saying(manifest, "ipv4=vxlan,ipv6=vxlan")
);
const victim = await Victim.create({ nodes }, VXLAN);
const { mesh } = victim;
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
const [pod1, pod2, pod3] = mesh.pods as [Pod, Pod, Pod];
Deno.test.afterAll(() => mesh.close());
await mesh.lab.publish({
  ...n3.manifest,
  status: { addresses: [{ type: "InternalIP", address: "fd09::3" }] },
});
await n1.says(
  "n3 is wrapped to by IPv6",
  ({ clear = [] }) => clear.some(({ route }) => route.includes(" dst fd09::3 ")),
);

Deno.test("pods of three nodes reach each other, none of their packets is bare on the network, and full ones pass", () =>
  crossesWrapped(mesh, MTU, ({ destinationPort }) => destinationPort === PORT));

Deno.test("diff finds nothing to do, status names each way", async () => {
  const settings = { ...VXLAN, "filter-ipv4": "true", "filter-ipv6": "true" };
  const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings });
  assert.equal(code, 0, stdout + stderr);
  const status = await n1.runAgent({ verb: "status" });
  assert.match(
    status.stdout,
    /n2 in the clear encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.2 dev wigglenet-vx to 10\.244\.2\.0\/24/,
  );
  assert.match(
    status.stdout,
    /n3 in the clear encap ip6 id 146 src fd09::1 dst fd09::3 dev wigglenet-vx to 10\.244\.3\.0\/24/,
  );
});

const ip = (...args: string[]) => victim.on("ip", ...args);
const drifts: Readonly<Record<string, Drift>> = {
  "a route is deleted": { act: ip("route", "del", "10.244.2.0/24"), log: /\+ route 10\.244\.2\.0\/24 encap/ },
  "an IPv6 route is deleted": {
    act: ip("-6", "route", "del", "fd00:10:244:2::/64", "dev", "wigglenet-vx"),
    log: /\+ route fd00:10:244:2::\/64 encap/,
  },
  "a route wraps for somebody else": {
    act: ip(
      ..."route replace 10.244.2.0/24 encap ip id 146 dst 10.9.1.77 dev wigglenet-vx proto 146".split(" "),
    ),
    log: /\+ route 10\.244\.2\.0\/24 encap ip id 146 src 10\.9\.1\.1 dst 10\.9\.1\.2/,
  },
  "the interface is deleted": {
    act: ip("link", "del", "wigglenet-vx"),
    log: /\+ interface wigglenet-vx: vxlan/,
  },
  "the interface is set down": {
    act: ip("link", "set", "wigglenet-vx", "down"),
    log: /~ interface wigglenet-vx: mtu 1444, up/,
  },
  "the interface's MTU is changed": {
    act: ip("link", "set", "wigglenet-vx", "mtu", "1300"),
    log: /~ interface wigglenet-vx: mtu 1444/,
  },
  "its address is deleted": {
    act: ip("address", "del", "10.244.1.1/32", "dev", "wigglenet-vx"),
    log: /\+ address wigglenet-vx: 10\.244\.1\.1\/32/,
  },
  "the ruleset is flushed": { act: victim.on("nft", "flush", "ruleset"), log: /~ table inet wigglenet/ },
};

for (const [what, drift] of Object.entries(drifts)) {
  Deno.test(`${what}: traffic flows both ways again within a second`, () => victim.healsTraffic(drift));
}

Deno.test("a NetworkPolicy decides who reaches a pod, as through the tunnel", () => policyDecides(mesh));

/** Left out: as it is here. */
interface VxlanShot extends Shot {
  readonly port?: number;
  readonly vni?: number;
}

/** As a VXLAN of this network has it: flags with the next protocol, the network's number. */
function numbered(vni: number, packet: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const next = packet[0]! >> 4 === 4 ? 1 : 2;
  const header = new Uint8Array([0x0c, 0, 0, next, vni >> 16, (vni >> 8) & 255, vni & 255, 0]);
  return new Uint8Array([...header, ...packet]);
}

function wrappedIn({ vni = VNI, port = PORT }: VxlanShot, packet: Uint8Array<ArrayBuffer>, i: number): Body {
  return udp(40_000 + i, port, numbered(vni, packet));
}

/** Beside its stated one n1 has this address while packets are shot. */
const UNSAID = { 4: "10.9.1.101", 6: "fd09::101" };
const STRANGER = { 4: "192.0.2.9", 6: "2001:db8::9" };
const GATEWAY = { 4: "10.244.1.1", 6: "fd00:10:244:1::1" };
let other: Pod | undefined;

async function shotsOf({ outer, inner }: ShotFamilies): Promise<Readonly<Record<string, VxlanShot>>> {
  other ??= await n1.addPod("n1-other");
  const [n2Address, pod] = [n2.address(outer)!, pod2.address(inner)!];
  const [third, here] = [pod3.address(inner)!, other.address(inner)!];
  return {
    "not from a node": { outer: mesh.lab.outsiderAddresses[outer === 4 ? 0 : 1]!, inner: pod },
    "another network": { outer: n2Address, vni: 147, inner: pod },
    "a pod of this node": { outer: n2Address, inner: here },
    "somebody outside": { outer: n2Address, inner: STRANGER[inner] },
    // Masqueraded it would come from its node.
    "wrapped by a pod, of another pod": { from: pod2, outer: pod2.address(outer)!, inner: third },
    "wrapped by a pod here, of another pod": { from: other, outer: other.address(outer)!, inner: pod },
    "forged by a pod here, in a node's name": { from: other, outer: n2Address, inner: pod },
    "the same to the pods' gateway": { from: other, outer: n2Address, to: GATEWAY[outer], inner: pod },
    "wrapped by a pod, to an address that the Node does not say": {
      ...{ from: pod2, outer: pod2.address(outer)!, to: UNSAID[outer], inner: third },
    },
    "in a node's name, to such an address": { outer: n2Address, to: UNSAID[outer], inner: pod },
    "by a Service": { from: pod2, outer: pod2.address(outer)!, port: 30_000, inner: third },
    "somebody outside, to the node itself": {
      ...{ outer: n2Address, inner: STRANGER[inner], target: GATEWAY[inner] },
    },
    "forged in a node's name": { outer: n2Address, inner: pod },
  };
}

for (const families of EITHER_WAY) {
  const { outer, inner } = families;
  const title =
    `of IPv${inner} that comes wrapped in IPv${outer} only what is of this network, from a node, and of a pod of ` +
    "another one, reaches a pod";
  Deno.test(title, async () => {
    const shots = await shotsOf(families);
    const table = outer === 4 ? "ip" : "ip6";
    const at = outer === 4 ? n1.address(4)! : `[${n1.address(6)}]`;
    await n1.ip([`address add ${UNSAID[outer]}/${outer === 4 ? 24 : 64} dev eth0 nodad`]);
    const service = `table ${table} service { chain at-entry { type nat hook prerouting priority dstnat; ` +
      `udp dport 30000 dnat to ${at}:${PORT}; }; }`;
    await n1.run(["nft", "-f", "-"], { stdin: service });
    const dropped = () => Promise.all(BY_THESE_RULES.map((comment) => droppedBy(n1, comment)));
    const before = await dropped();
    const arrived = await arrivingWrapped(mesh, shots, { ...families, wrap: wrappedIn });
    const after = await dropped();
    await n1.run(["nft", "delete", "table", table, "service"]);
    await n1.ip([`address del ${UNSAID[outer]}/${outer === 4 ? 24 : 64} dev eth0`]);
    assert.deepEqual(arrived, ["forged in a node's name"]);
    BY_THESE_RULES.forEach((comment, i) => assert.ok(after[i]! > before[i]!, comment));
  });
}

Deno.test("what nodes wrap is no flow of conntrack's, so that no DNAT of the port leads it away, and their other packets are", async () => {
  const flows = () => n1.run(["conntrack", "-L", "-p", "udp"]);
  const elsewhere = "table inet elsewhere { chain at-entry { type nat hook prerouting priority dstnat; " +
    `udp dport ${PORT} dnat ip to 10.9.1.77; udp dport ${PORT} dnat ip6 to fd09::77; }; }`;
  await n1.run(["nft", "-f", "-"], { stdin: elsewhere });
  await n1.run(["conntrack", "-F"]);
  await mesh.reachable();
  assert.doesNotMatch(await flows(), new RegExp(`dport=${PORT} `));
  await n1.run(["nft", "delete", "table", "inet", "elsewhere"]);
  await n1.attempt(["bash", "-c", `echo > /dev/udp/${n2.address(4)}/${PORT + 1}`]);
  await n1.attempt(["bash", "-c", `echo > /dev/udp/${mesh.lab.outsiderAddresses[0]}/${PORT}`]);
  for (
    const known of [
      `dst=${n2.address(4)} .*dport=${PORT + 1} `,
      `dst=${mesh.lab.outsiderAddresses[0]} .*dport=${PORT} `,
    ]
  ) {
    assert.match(await flows(), new RegExp(known));
  }
});

Deno.test("given up: a program in a node's network that may do nothing else is any pod of any other node", async () => {
  const ends = { source: pod3.address(4)!, destination: pod1.address(4)! };
  const bytes = numbered(VNI, ipPacket(ends, udp(20_000, 9_999, new Uint8Array(8))));
  const socket = `/dev/udp/${n1.address(4)}/${PORT}`;
  const script = `base64 -d | dd bs=2000 iflag=fullblock status=none > ${socket}`;
  const humble = [
    "setpriv",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
    "bash",
    "-c",
    script,
  ];
  const there = new Wire(pod1, "eth0");
  try {
    await until("it to arrive", async () => {
      await n2.run(humble, { stdin: btoa(String.fromCharCode(...bytes)) });
      return there.receive().some(({ destinationPort }) => destinationPort === 9_999);
    });
  } finally {
    there.close();
  }
});

Deno.test("a host whose new interfaces have no IPv6 keeps IPv4 by it, and has both once they do", async () => {
  await n1.sysctl("1", ["net.ipv6.conf.default.disable_ipv6"]);
  await n1.ip(["link del wigglenet-vx"]);
  await n1.says(
    "IPv6 is refused",
    ({ applied: { failing } }) => "overlay-v6" in failing && !("overlay" in failing),
  );
  await until(
    "IPv4 to flow",
    async () => (await pod1.ping(pod2.address(4)!, { timeoutMs: 500 })).received === 1,
  );
  await n1.sysctl("0", ["net.ipv6.conf.default.disable_ipv6"]);
  await n1.ip(["link del wigglenet-vx"]);
  await n1.inSync(40_000);
  await mesh.reachable();
});

Deno.test("a VXLAN of somebody else on another port is untouched, whatever its number", async () => {
  const others = [["flannel.1", "id 1 dev eth0 dstport 8472 nolearning"], ["theirs", "id 146 dstport 4789"]];
  for (const [name, words] of others) {
    await n1.ip([`link add ${name} type vxlan ${words}`, `link set ${name} up`]);
  }
  await mesh.reachable();
  await n1.ip(["link del wigglenet-vx"]);
  await n1.inSync();
  await mesh.reachable();
  assert.match(await n1.run(["ip", "-d", "link", "show", "flannel.1"]), /,UP.* vxlan id 1 .*dstport 8472/s);
  assert.match(await n1.run(["ip", "-d", "link", "show", "theirs"]), /,UP.* vxlan id 146 .*dstport 4789/s);
  for (const [name] of others) await n1.ip([`link del ${name}`]);
});

Deno.test("who comes to the port behind us does not get it", async () => {
  const { code } = await n1.attempt([
    ...["sh", "-c", `ip link add late type vxlan id ${VNI} dev eth0 dstport ${PORT} && ip link set late up`],
  ]);
  assert.notEqual(code, 0);
  await n1.attempt(["ip", "link", "del", "late"]);
  await mesh.reachable();
});

/** Has our port when we come; returns what ends that. */
async function takenBy(link: string): Promise<() => Promise<unknown>> {
  if (link === "") {
    const program = `Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: ${PORT} });` +
      "console.log('listening'); setTimeout(() => {}, 1e6)";
    const process = n1.start([Deno.execPath(), "eval", "--unstable-net", program]);
    await process.line("stdout", /^listening/);
    return () => process.kill("SIGTERM");
  }
  await n1.ip([`link add theirs type vxlan ${link} dstport ${PORT}`, "link set theirs up"]);
  return () => n1.ip(["link del theirs"]);
}

const TAKERS = {
  "a VXLAN of somebody else": "id 9 dev eth0",
  "one with our number": `id ${VNI} dev eth0`,
  "one that is made as ours": "external gpe nolearning udp6zerocsumrx",
  "a program": "",
};

for (const [what, link] of Object.entries(TAKERS)) {
  Deno.test(`${what} on our port keeps ours away: that is told, nothing leaves by another way, and it comes when the port is free`, async () => {
    await n1.agent!.kill("SIGTERM");
    await n1.ip(["link del wigglenet-vx"]);
    const free = await takenBy(link);
    n1.startAgent({ settings: { ...mesh.settings } });
    await n1.says("the port is taken", ({ applied: { failing }, waiting }) => {
      return /Address already in use|already exists/.test(failing.overlay?.error ?? "") &&
        waiting.some(({ why, isTrouble }) =>
          isTrouble && why.includes(`UDP port ${PORT} is another's: pods of 2 nodes are not reached`)
        );
    });
    for (const destination of [pod2.address(4)!, pod2.address(6)!]) {
      assert.notEqual((await pod1.ping(destination, { timeoutMs: 300 })).received, 1, destination);
    }
    assert.equal((await pod2.ping(pod3.address(4)!)).received, 1, "others are not concerned");
    await free();
    await n1.inSync(40_000);
    await mesh.reachable();
  });
}
