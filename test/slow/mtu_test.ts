// The MTU over underlays of several sizes, where nobody hears of what is too large: ICMP's errors are filtered
// everywhere, so that a packet that does not fit is lost without a word.

import assert from "node:assert/strict";
import { fetchBulk, serveBulk } from "../lab/bulk.ts";
import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import type { Family } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";

const BULK_BYTES = 1_000_000;
const UDP_BYTES: Record<Family, number> = { 4: 28, 6: 48 };
/** The tunnel's MTU on an underlay, by the family of the underlay; pods are of both. */
const STEPS: readonly (Record<Family, number> & { readonly underlay: number })[] = [
  { underlay: 9000, 4: 8940, 6: 8920 },
  { underlay: 1500, 4: 1440, 6: 1420 },
  { underlay: 1450, 4: 1390, 6: 1370 },
  { underlay: 1400, 4: 1340, 6: 1320 },
  { underlay: 1280, 4: 1280, 6: 1280 },
];
const FILTER = `table inet silence {
	chain input { type filter hook input priority -400; goto errors; }
	chain forward { type filter hook forward priority -400; goto errors; }
	chain output { type filter hook output priority -400; goto errors; }
	chain errors {
		icmp type destination-unreachable icmp code frag-needed counter drop
		icmpv6 type packet-too-big counter drop
	}
}
`;

async function setUnderlay(lab: Lab, mtuBytes: number): Promise<void> {
  await lab.underlay.ip(lab.nodes.map(({ name }) => `link set ${name} mtu ${mtuBytes}`));
  await Promise.all(lab.nodes.map((node) => node.ip([`link set eth0 mtu ${mtuBytes}`])));
}

async function mtuOf(host: Host, link: string): Promise<number> {
  const { stdout } = await host.attempt(["ip", "-o", "link", "show", "dev", link]);
  return Number(/ mtu (\d+) /.exec(stdout)?.[1] ?? 0);
}

/** Waits until the tunnel and the file for new pods have this MTU. */
async function adapted(node: Node, mtuBytes: number): Promise<void> {
  await until(`the tunnel of ${node.name} to have MTU ${mtuBytes}`, async () => {
    if (await mtuOf(node, "wigglenet") !== mtuBytes) return false;
    return JSON.parse(await node.conflist()).plugins[0].mtu === mtuBytes;
  }, { seen: async () => `${await mtuOf(node, "wigglenet")}\n${await node.diagnose()}` });
}

/** Packets that this machine had to cut, as it counts them. */
async function fragmentsOf(node: Node): Promise<number> {
  const text = await node.run(["nstat", "-asz", "IpFragCreates", "Ip6FragCreates"]);
  return [...text.matchAll(/FragCreates +(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A pod on each node, the second one serving. */
async function podsOn(lab: Lab, name: string): Promise<[Pod, Pod]> {
  const pods = await Promise.all(lab.nodes.map((node) => node.addPod(`${name}-${node.name}`)));
  await serveBulk(pods[1]!);
  return [pods[0]!, pods[1]!];
}

/** TCP both ways over both families, and a datagram as large as the MTU of the pods allows. */
async function exchange([from, to]: readonly [Pod, Pod], mtuBytes: number | undefined): Promise<void> {
  for (const family of [4, 6] as const) {
    const datagramBytes = mtuBytes === undefined ? 0 : mtuBytes - UDP_BYTES[family];
    const bulk = await fetchBulk(from, { address: to.address(family)!, bytes: BULK_BYTES, datagramBytes });
    assert.deepEqual(bulk, { streamed: BULK_BYTES, echoed: datagramBytes }, `IPv${family}`);
  }
}

async function check(node: Node, more: readonly string[] = []): Promise<{ code: number; stdout: string }> {
  const settings = { "wireguard-mode": "userspace" };
  return await node.runAgent({ verb: "check", settings, args: ["--mtu", ...more] });
}

async function silentLab(family: Family): Promise<Lab> {
  const lab = await Lab.create({ nodes: 2, families: { underlay: [family] }, mtuBytes: STEPS[0]!.underlay });
  await Promise.all(lab.nodes.map((node) => node.run(["nft", "-f", "-"], { stdin: FILTER })));
  return lab;
}

for (const family of [4, 6] as const) {
  const sizes = STEPS.map(({ underlay }) => underlay).join(", ");
  Deno.test(`over IPv${family} underlays of ${sizes} bytes all that pods send arrives, also from pods made before`, async () => {
    await using lab = await silentLab(family);
    for (const node of lab.nodes) node.startAgent();
    const [n1, n2] = lab.nodes as [Node, Node];
    const before = await podsOn(lab, "before");
    for (const step of STEPS) {
      await setUnderlay(lab, step.underlay);
      await Promise.all([n1, n2].map((node) => adapted(node, step[family])));
      const pods = await podsOn(lab, `on-${step.underlay}`);
      assert.equal(await mtuOf(pods[0], "eth0"), step[family]);
      const cut = await fragmentsOf(n1) + await fragmentsOf(n2);
      await exchange(pods, step[family]);
      await exchange(before, undefined);
      const isCut = await fragmentsOf(n1) + await fragmentsOf(n2) > cut;
      assert.equal(isCut, step.underlay === 1280, `fragments on ${step.underlay}`);
      const { code, stdout } = await check(n1);
      const well = step.underlay === 1280
        ? /^warning: an MTU of wigglenet that fits: IPv6 needs 1280[^\n]*fragments; [^\n]*\n$/
        : new RegExp(`^n1 is well: .*; ${step[family]} bytes pass through the tunnels to all 1 peers\n$`);
      assert.match(stdout, well);
      assert.equal(code, 0);
      await Promise.all(pods.map((pod) => pod.remove()));
    }
    // A node of the original clamps nothing: one side does for both.
    await n2.agent!.kill();
    await n2.run(["nft", "flush", "chain", "inet", "wigglenet", "clamp"]);
    await exchange(before, undefined);
  });
}

Deno.test("the MTU follows the route to a peer, and a route by the tunnel itself is told as a loop", async () => {
  await using lab = await Lab.create({ nodes: 2, families: { underlay: [4] } });
  const [n1] = lab.nodes as [Node, Node];
  n1.startAgent();
  await adapted(n1, 1440);
  const status = async () => (await n1.runAgent({ verb: "status" })).stdout;
  await n1.ip(["route add 10.9.1.2/32 dev eth0 mtu 1380"]);
  await adapted(n1, 1320);
  assert.match(await status(), /^mtu 1320: n2 at 10\.9\.1\.2: 1380 by eth0, less 60$/m);
  assert.equal((await n1.runAgent({ verb: "diff" })).code, 0);
  await n1.ip(["route replace 10.9.1.2/32 dev wigglenet proto static"]);
  await until("the loop to be told", async () => {
    return /^waiting: path to n2: 10\.9\.1\.2 would be reached through wigglenet itself; /m.test(
      await status(),
    );
  }, { seen: status });
  await adapted(n1, 1420);
  await n1.ip(["route del 10.9.1.2/32 dev wigglenet"]);
  await adapted(n1, 1440);
});

Deno.test("what a router announces for IPv6 counts for peers on the link too", async () => {
  await using lab = await Lab.create({ nodes: 2, families: { underlay: [6] } });
  const [n1] = lab.nodes as [Node, Node];
  n1.startAgent();
  await adapted(n1, 1420);
  // As the kernel notes it; of the interface as a whole only /proc would tell.
  const announced = ["default", "via", "fd09::fe", "dev", "eth0", "proto", "ra", "metric", "2048", "mtu"];
  await n1.run(["ip", "-6", "route", "add", ...announced, "1400"]);
  await adapted(n1, 1320);
  await n1.run(["ip", "-6", "route", "del", ...announced, "1400"]);
  await adapted(n1, 1420);
});

const BLACK_HOLE = `table netdev hole {
	chain n2 { type filter hook ingress device "n2" priority 0; ip length > 1400 counter drop; }
	chain n1 { type filter hook ingress device "n1" priority 0; ip length > 1400 counter drop; }
}
`;

Deno.test("a path that swallows large packets is found by check --mtu, and its remedy mends it", async () => {
  await using lab = await Lab.create({ nodes: 2, families: { underlay: [4] } });
  for (const node of lab.nodes) node.startAgent();
  const [n1] = lab.nodes as [Node, Node];
  const before = await podsOn(lab, "before");
  await lab.underlay.run(["nft", "-f", "-"], { stdin: BLACK_HOLE });
  const { code, stdout } = await check(n1, ["--json"]);
  assert.equal(code, 1);
  const [finding, ...others] = JSON.parse(stdout) as { level: string; what: string; remedy: string }[];
  assert.deepEqual([finding!.level, others], ["error", []]);
  const passed = /^packets of 1440 bytes do not pass through the tunnel to n2, those of (\d+) do$/.exec(
    finding!.what,
  )?.[1];
  const [remedy, mtu] =
    /^WIGGLENET_MTU=(\d+) on this node and on n2, or let the path to 10\.9\.1\.2 take 1500 bytes$/.exec(
      finding!.remedy,
    ) ?? [];
  assert.ok(remedy !== undefined && mtu === passed, stdout);
  assert.ok(Number(mtu) > 1320 && Number(mtu) <= 1340, stdout); // WireGuard pads to 16 bytes

  for (const node of lab.nodes) {
    await node.agent!.kill();
    node.startAgent({ settings: { mtu: mtu! } });
    await adapted(node, Number(mtu));
  }
  assert.match((await check(n1)).stdout, new RegExp(`^n1 is well: .*; ${mtu} bytes pass`));
  await exchange(before, undefined);
});
