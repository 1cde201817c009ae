// Two meshes of two nodes on one kernel, one made by agents and one by hand, both standing all the time, measured in turns: what the
// pods of each get out of it.

import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import type { Mesh } from "../netns/mesh.ts";
import { tell } from "./alone.ts";
import type { Verdict } from "./verdict.ts";

const HTTP_PORT = 8_000;
/** Turns of each side in a pair, and how long one takes: a machine that is shared changes its speed by a tenth within a second. */
const SLICES = 40;
const SLICE_SECONDS = 0.1;
const SIDES = ["agent", "hand"] as const;
type Side = (typeof SIDES)[number];

/** Programs that measure, and their packages. */
export const PROGRAMS = { iperf3: "iperf3", ab: "apache2-utils", lighttpd: "lighttpd" };

/**
 * All of them on one processor: what comes through in a second is then what its packets cost, both nodes' and both ends', and not whom the
 * scheduler put where, nor what processors of a virtual machine pay to wake each other.
 */
const ON_ONE = ["taskset", "--cpu-list", String(navigator.hardwareConcurrency - 1)];

/** What somebody would write: what is known passes, strangers do not reach pods, pods are masqueraded. */
export const RULES = `table inet hand {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		ip daddr 10.244.0.0/16 ip saddr != 10.244.0.0/16 drop
		ip6 daddr fd00:10:244::/48 ip6 saddr != fd00:10:244::/48 drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade
		ip6 saddr fd00:10:244::/48 ip6 daddr != fd00:10:244::/48 masquerade
	}
}
`;

/** Servers on the second node's pod. */
async function serve(mesh: Mesh): Promise<void> {
  const [client, pod] = mesh.pods as [Pod, Pod];
  // Ten thousand connections a second leave no port of the client's out of TIME_WAIT, and the search for one is then what is measured.
  for (const each of [client, pod]) await each.run(["sysctl", "-qw", "net.ipv4.tcp_max_tw_buckets=1"]);
  pod.start([...ON_ONE, "iperf3", "--server"]);
  const folder = await Deno.makeTempDir({ dir: "/dev/shm" });
  await Deno.writeTextFile(`${folder}/index.html`, "ok\n");
  const lighttpd =
    `server.document-root = "${folder}"\nserver.port = ${HTTP_PORT}\nindex-file.names = ("index.html")\n`;
  await Deno.writeTextFile(`${folder}/lighttpd.conf`, lighttpd);
  pod.start([...ON_ONE, "lighttpd", "-D", "-f", `${folder}/lighttpd.conf`]);
  await until("the servers to listen", async () => {
    const listening = await pod.run(["ss", "-Hltn"]);
    return [5201, HTTP_PORT].every((port) => listening.includes(`:${port} `));
  });
}

/** What one side did of it, and how long that took. */
interface Slice {
  readonly amount: number;
  readonly seconds: number;
}

function rateOf({ amount, seconds }: Slice): number {
  return amount / seconds;
}

/** Megabits by one TCP connection. */
async function throughput({ pods }: Mesh, megabits: number): Promise<Slice> {
  const [from, to] = pods as [Pod, Pod];
  const json = await from.run([
    ...ON_ONE,
    "iperf3",
    "-J",
    "-n",
    String(megabits * 125_000),
    "-c",
    to.address(4)!,
  ]);
  const { bytes, seconds } = JSON.parse(json).end.sum_received as { bytes: number; seconds: number };
  return { amount: bytes * 8 / 1e6, seconds };
}

/** Requests, each by a connection of its own. */
async function connections({ pods }: Mesh, count: number): Promise<Slice> {
  const [from, to] = pods as [Pod, Pod];
  const url = `http://${to.address(4)!}:${HTTP_PORT}/`;
  const text = await from.run([...ON_ONE, "ab", "-q", "-c", "4", "-n", String(count), url]);
  const [, failed] = /Failed requests:\s+(\d+)/.exec(text)!;
  if (failed !== "0" || text.includes("Non-2xx")) throw new Error(`ab: ${text}`);
  return { amount: count, seconds: Number(/Time taken for tests:\s+([\d.]+)/.exec(text)![1]) };
}

const KINDS = {
  throughput: { measure: throughput, unit: "Mbit/s", first: 200 },
  "new connections": { measure: connections, unit: "/s", first: 200 },
} as const;

/** What each side does in a second, in turns: one, the other, the other, one, and so on. */
async function pairOf(
  meshes: Readonly<Record<Side, Mesh>>,
  measure: (mesh: Mesh) => Promise<Slice>,
): Promise<Record<Side, number>> {
  const sums = { agent: { amount: 0, seconds: 0 }, hand: { amount: 0, seconds: 0 } };
  for (let i = 0; i < SLICES; i++) {
    for (const side of i % 2 === 0 ? SIDES : SIDES.toReversed()) {
      const { amount, seconds } = await measure(meshes[side]);
      sums[side].amount += amount;
      sums[side].seconds += seconds;
    }
  }
  return { agent: rateOf(sums.agent), hand: rateOf(sums.hand) };
}

/** How often, and of what: a word in front of each line. */
interface Comparison {
  readonly pairs: number;
  readonly of?: string;
}

/** Measures both in turns; the bounds are for agent by hand. */
export async function comparePairs(
  meshes: Readonly<Record<Side, Mesh>>,
  { pairs, of = "" }: Comparison,
  verdict: Verdict,
): Promise<void> {
  for (const side of SIDES) await serve(meshes[side]);
  for (const [what, { measure, unit, first }] of Object.entries(KINDS)) {
    const samples: Record<Side, number[]> = { agent: [], hand: [] };
    const rates = [];
    for (const side of SIDES) rates.push(rateOf(await measure(meshes[side], first))); // warm
    const slice = Math.round(Math.max(...rates) * SLICE_SECONDS);
    for (let i = 0; i < pairs; i++) {
      const pair = await pairOf(meshes, (mesh) => measure(mesh, slice));
      for (const side of SIDES) samples[side].push(pair[side]);
      const both = SIDES.map((side) => `${side} ${pair[side].toFixed(1)}`).join(", ");
      tell(`${of}${what}, pair ${i + 1}: ${both}, ${(pair.agent / pair.hand).toFixed(3)}`);
    }
    for (const side of SIDES) {
      verdict.median({ what: `${of}${what}, ${side}`, values: samples[side], unit, digits: 1 });
    }
    const values = samples.agent.map((value, i) => value / samples.hand[i]!);
    verdict.median({
      what: `${of}${what}, agent : hand`,
      values,
      unit: "×",
      digits: 3,
      least: 0.97,
      lowEnd: 0.93,
    });
  }
}
