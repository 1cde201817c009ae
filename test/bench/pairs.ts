// Two meshes of two nodes on one kernel, one made by agents and one by hand, both standing all the time, measured in turns: what the
// pods of each get out of it.

import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import type { Mesh } from "../netns/mesh.ts";
import { tell } from "./alone.ts";
import type { Verdict } from "./verdict.ts";

const SECONDS = 2;
const HTTP_PORT = 8_000;
const SIDES = ["agent", "hand"] as const;
type Side = (typeof SIDES)[number];

/** Programs that measure, and their packages. */
export const PROGRAMS = { iperf3: "iperf3", wrk: "wrk", lighttpd: "lighttpd" };

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
  pod.start(["iperf3", "--server"]);
  const folder = await Deno.makeTempDir({ dir: "/dev/shm" });
  await Deno.writeTextFile(`${folder}/index.html`, "ok\n");
  const lighttpd =
    `server.document-root = "${folder}"\nserver.port = ${HTTP_PORT}\nindex-file.names = ("index.html")\n`;
  await Deno.writeTextFile(`${folder}/lighttpd.conf`, lighttpd);
  pod.start(["lighttpd", "-D", "-f", `${folder}/lighttpd.conf`]);
  await until("the servers to listen", async () => {
    const listening = await pod.run(["ss", "-Hltn"]);
    return [5201, HTTP_PORT].every((port) => listening.includes(`:${port} `));
  });
}

/** Megabits a second of one TCP connection. */
async function throughput({ pods }: Mesh): Promise<number> {
  const [from, to] = pods as [Pod, Pod];
  const json = await from.run(["iperf3", "-J", "-t", String(SECONDS), "-c", to.address(4)!]);
  return JSON.parse(json).end.sum_received.bits_per_second / 1e6;
}

/** Requests a second, each by a connection of its own. */
async function connectionRate({ pods }: Mesh): Promise<number> {
  const [from, to] = pods as [Pod, Pod];
  const url = `http://${to.address(4)!}:${HTTP_PORT}/`;
  const text = await from.run(["wrk", "-t1", "-c4", `-d${SECONDS}s`, "-H", "Connection: close", url]);
  const errors = /Socket errors: .*|Non-2xx.*/.exec(text)?.[0];
  if (errors !== undefined) throw new Error(`wrk: ${errors}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)![1]);
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
  const kinds = { throughput, "new connections": connectionRate } as const;
  for (const [what, measure] of Object.entries(kinds)) {
    const samples: Record<Side, number[]> = { agent: [], hand: [] };
    for (const side of SIDES) await measure(meshes[side]); // warm
    for (let i = 0; i < pairs; i++) {
      for (const side of i % 2 === 0 ? SIDES : SIDES.toReversed()) {
        samples[side].push(await measure(meshes[side]));
      }
      tell(
        `${of}${what}, pair ${i + 1}: ${
          SIDES.map((side) => `${side} ${samples[side].at(-1)!.toFixed(1)}`).join(", ")
        }`,
      );
    }
    const unit = what === "throughput" ? "Mbit/s" : "/s";
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
