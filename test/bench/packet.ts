// `deno task bench:packet [--rounds N] [--host-encryption]`: what a packet costs on its way through a node, with the ruleset that the
// agent renders for 100 and for 5,000 nodes, against a table that somebody wrote by hand for the same hooks.
// Compared are rounds, not runs: in each round every table carries the same packets, in another order.

import { parseArgs } from "node:util";
import { AGENT_ARGV } from "../lab/lab.ts";
import type { Family } from "../lab/manifest.ts";
import { run } from "../lab/process.ts";
import { startReaping } from "../lab/reaper.ts";
import { runAlone, tell } from "./alone.ts";
import { listOf, type Member, memberOf, smallNode } from "./cluster.ts";
import { Road, type Way } from "./road.ts";
import { Verdict } from "./verdict.ts";

const FAMILIES: readonly Family[] = [4, 6];
const TABLES = ["hand", "100", "5000"] as const;
type Table = (typeof TABLES)[number];
const ESTABLISHED_PACKETS = 250_000;
const NEW_FLOWS = 60_000;
const CONNTRACK_MAX = 131_072;
const CONNTRACK_MAX_PATH = "/proc/sys/net/netfilter/nf_conntrack_max";

const OWN: Member = {
  ...memberOf(0),
  name: "n1",
  podCidrs: ["10.244.1.0/24", "fd00:10:244:1::/64"],
  addresses: ["10.9.1.1", "fd09::1"],
};
const POD = { 4: "10.244.1.9", 6: "fd00:10:244:1::9" };
const OTHER_POD = { 4: "10.244.1.10", 6: "fd00:10:244:1::a" };
/** Of node 50. */
const REMOTE_POD = { 4: "10.128.100.5", 6: "fd00:10:128:64::5" };

const WAYS: readonly Way[] = [
  {
    name: "pod to outside, masqueraded",
    entry: "pod1",
    exit: "eth1",
    from: POD,
    to: { 4: "10.9.1.200", 6: "fd09::c8" },
    own: { 4: "10.9.1.1", 6: "fd09::1" },
  },
  { name: "pod to pod of this node", entry: "pod1", exit: "pod2", from: POD, to: OTHER_POD },
  { name: "pod to tunnel", entry: "pod1", exit: "wigglenet", from: POD, to: REMOTE_POD },
  { name: "tunnel to pod", entry: "wigglenet", exit: "pod1", from: REMOTE_POD, to: POD },
];

/** One rule for what is known, one prefix for the pods, one masquerade: per family what can be done by hand. */
function handWritten(family: Family): string {
  const [ip, pods, local] = family === 4
    ? ["ip", "10.128.0.0/9", "10.244.1.0/24"]
    : ["ip6", "fd00:10::/32", "fd00:10:244:1::/64"];
  return `table inet hand {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		${ip} daddr ${pods} ${ip} saddr != ${pods} drop
	}
	chain output {
		type filter hook output priority filter; policy accept;
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		${ip} saddr ${local} ${ip} daddr != ${pods} masquerade
	}
}
`;
}

/** What the agent itself renders: filter, masquerade and guard of both families. */
async function rendered(nodes: number, more: readonly string[]): Promise<string> {
  const path = await Deno.makeTempFile({ dir: "/dev/shm", suffix: ".yaml" });
  const members = [OWN, ...Array.from({ length: nodes - 1 }, (_, i) => memberOf(i + 1))];
  await Deno.writeTextFile(path, listOf(members.map(smallNode)));
  const flags = ["--node-name=n1", `--nodes=${path}`, "--filter-ipv4=true", "--filter-ipv6=true"];
  const { nft } = JSON.parse(await run([...AGENT_ARGV, "render", "--json", ...flags, ...more])) as {
    nft: string;
  };
  await Deno.remove(path);
  return nft;
}

/** Nanoseconds by table, one for each round. */
type Samples = Record<Table, number[]>;

interface Comparison {
  readonly title: string;
  readonly established: Samples;
  readonly fresh: Samples;
}

async function compare(road: Road, rulesets: Record<Table, string>, family: Family): Promise<void> {
  const { established, fresh } = comparisonOf(road.way, family);
  // Another order in every round: what one table leaves behind must not always meet the same next one.
  const turn = established.hand.length % TABLES.length;
  for (const table of [...TABLES.slice(turn), ...TABLES.slice(0, turn)]) {
    await road.load(table === "hand" ? handWritten(family) : rulesets[table]);
    established[table].push((await road.sendEstablished(family, ESTABLISHED_PACKETS)).cpuNs);
    fresh[table].push((await road.sendNew(family, NEW_FLOWS)).cpuNs);
  }
}

const comparisons = new Map<string, Comparison>();

function comparisonOf({ name }: Way, family: Family): Comparison {
  const title = `IPv${family} ${name}`;
  const samples = (): Samples => ({ "hand": [], "100": [], "5000": [] });
  const known = comparisons.get(title) ?? { title, established: samples(), fresh: samples() };
  comparisons.set(title, known);
  return known;
}

function ratios(samples: Samples, of: Table, to: Table): number[] {
  return samples[of].map((ns, round) => ns / samples[to][round]!);
}

function judge({ title, established, fresh }: Comparison, verdict: Verdict): void {
  for (const [kind, samples, bound] of [["established", established, 1.05], ["new", fresh, 1.35]] as const) {
    for (const table of TABLES) {
      const who = table === "hand" ? "by hand" : `${table} nodes`;
      verdict.median({ what: `${title}, ${kind}, ${who}`, values: samples[table], unit: "ns" });
    }
    for (const table of ["100", "5000"] as const) {
      const what = `${title}, ${kind}, ${table} nodes : by hand`;
      verdict.median({ what, values: ratios(samples, table, "hand"), unit: "×", digits: 3, bound });
    }
  }
  const what = `${title}, new, 5000 nodes : 100 nodes`;
  verdict.median({ what, values: ratios(fresh, "5000", "100"), unit: "×", digits: 3, bound: 1.2 });
}

async function measure(): Promise<Verdict> {
  const { values } = parseArgs({
    options: { "rounds": { type: "string", default: "12" }, "host-encryption": { type: "boolean" } },
  });
  const rounds = Number(values.rounds);
  const more = values["host-encryption"] ? ["--host-encryption=require"] : [];
  await run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
  startReaping();
  const rulesets = { "hand": "", "100": await rendered(100, more), "5000": await rendered(5_000, more) };
  const roads: Road[] = [];
  for (const way of WAYS) roads.push(await Road.build(way));
  tell(`Four ways through a node, two families, three tables, ${rounds} rounds`);
  for (let round = 1; round <= rounds; round++) {
    for (const road of roads) for (const family of FAMILIES) await compare(road, rulesets, family);
    tell(`round ${round} of ${rounds}, load ${Deno.loadavg()[0]!.toFixed(1)}`);
  }
  const verdict = new Verdict();
  for (const comparison of comparisons.values()) judge(comparison, verdict);
  return verdict;
}

/** The limit of tracked connections is one for all network namespaces, and only the first of them may raise it. */
async function arrange(): Promise<() => Promise<void>> {
  await run(["modprobe", "nf_conntrack"]).catch(() => {}); // built in, or loaded by the first table
  const before = Number(await Deno.readTextFile(CONNTRACK_MAX_PATH));
  if (before >= CONNTRACK_MAX) return () => Promise.resolve();
  await Deno.writeTextFile(CONNTRACK_MAX_PATH, String(CONNTRACK_MAX));
  return () => Deno.writeTextFile(CONNTRACK_MAX_PATH, String(before));
}

await runAlone({ url: import.meta.url, measure, arrange });
