// `deno task bench [--rounds N] [--changes N] [--nodes N]`: how long the agent takes to load thousands of Nodes,
// how soon a change of one of them is in the kernel, what it needs of memory, and of the processor at rest.
// wireguard-go stands in for the kernel's WireGuard: its time is in the numbers.

import { parseArgs } from "node:util";
import type { Process } from "../lab/process.ts";
import { runAlone, tell } from "./alone.ts";
import { folderHand, measureChanges } from "./changes.ts";
import { kubectlNode, smallNode } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { type Memory, memoryOf, resting, secondsOf, undisturbed } from "./processor.ts";
import { Verdict } from "./verdict.ts";

/** WireGuard tries for 90 s to reach a peer that does not answer. */
const HANDSHAKES_MS = 150_000;
const REST_MS = 20_000;
const FEW_NODES = 1_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    changes: { type: "string", default: "110" },
    nodes: { type: "string", default: "5000" },
  },
});
const COUNT = Number(options.nodes);

interface Source {
  readonly what: string;
  readonly path: string;
  readonly boundMs: number;
  readonly loadMs: number[];
  readonly memory: Memory[];
}

async function sources(crowd: Crowd): Promise<Source[]> {
  const source = (what: string, path: string, boundMs: number): Source => ({
    what: `${COUNT} nodes: ${what}`,
    path,
    boundMs,
    loadMs: [],
    memory: [],
  });
  return [
    source("a folder of small files", await crowd.writeFolder("small", COUNT, smallNode), 2_500),
    source("one small List", await crowd.writeList("small", COUNT, smallNode), 2_500),
    source("a folder of kubectl's files", await crowd.writeFolder("kubectl", COUNT, kubectlNode), 15_000),
    source("one List of kubectl's", await crowd.writeList("kubectl", COUNT, kubectlNode), 15_000),
  ];
}

async function measureLoad(crowd: Crowd, source: Source): Promise<void> {
  const isCalm = await undisturbed();
  const { agent, loadMs } = await crowd.load(source.path);
  await crowd.verify(COUNT);
  source.loadMs.push(loadMs);
  source.memory.push(memoryOf(agent.pid));
  tell(`${source.what}: ${loadMs.toFixed(0)} ms${isCalm ? "" : " (others use the machine)"}`);
  await crowd.unload(agent);
}

function judgeLoads(all: readonly Source[], verdict: Verdict): void {
  for (const { what, loadMs, boundMs } of all) {
    verdict.median({ what: `${what}, loaded`, values: loadMs, unit: "ms", bound: boundMs });
  }
  for (const { what, memory } of all) {
    verdict.median({ what: `${what}, peak memory`, values: memory.map((m) => m.peakMb), unit: "MB" });
    verdict.median({ what: `${what}, memory then`, values: memory.map((m) => m.nowMb), unit: "MB" });
  }
}

async function judgeChanges(crowd: Crowd, folder: string, verdict: Verdict): Promise<void> {
  const { joins, leaves } = await measureChanges(crowd, folderHand(crowd, folder), Number(options.changes));
  for (const [what, values, bound] of [["joins", joins, 40], ["leaves", leaves, 120]] as const) {
    verdict.median({ what: `one node ${what} ${COUNT}, median`, values, unit: "ms", bound });
    verdict.quantile({ what: `one node ${what} ${COUNT}, p99`, values, unit: "ms", bound: 300 }, 0.99);
  }
}

/** Shares of one processor: the agent with the programs it starts, and WireGuard, which answers its polls. */
async function restingShares(crowd: Crowd, agent: Process): Promise<{ agent: number; wireguard: number }> {
  const server = await crowd.serverPid();
  if (!await resting(server, HANDSHAKES_MS)) tell("WireGuard does not come to rest");
  const before = [secondsOf(agent.pid), secondsOf(server)] as const;
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const percent = 100_000 / (performance.now() - start);
  return {
    agent: (secondsOf(agent.pid) - before[0]) * percent,
    wireguard: (secondsOf(server) - before[1]) * percent,
  };
}

async function judgeRest(crowd: Crowd, agent: Process, options: { verdict: Verdict; count: number }) {
  const { verdict, count } = options;
  tell(`at rest with ${count} peers, for ${REST_MS / 1000} s once the handshakes have been given up`);
  const shares = await restingShares(crowd, agent);
  const what = `${count} nodes, at rest: `;
  const bound = count <= FEW_NODES ? { bound: 2 } : {};
  verdict.single({
    what: `${what}agent, share of a processor`,
    value: shares.agent,
    unit: "%",
    digits: 2,
    ...bound,
  });
  verdict.single({ what: `${what}wireguard-go`, value: shares.wireguard, unit: "%", digits: 2 });
  const { nowMb, peakMb } = memoryOf(agent.pid);
  verdict.single({ what: `${what}agent, memory`, value: nowMb, unit: "MB" });
  verdict.single({ what: `${what}agent, peak memory`, value: peakMb, unit: "MB" });
}

async function measure(): Promise<Verdict> {
  const verdict = new Verdict();
  const crowd = await Crowd.create();
  const all = await sources(crowd);
  for (let round = 1; round <= Number(options.rounds); round++) {
    tell(`first loads, round ${round} of ${options.rounds}, load ${Deno.loadavg()[0]!.toFixed(1)}`);
    for (const source of all) await measureLoad(crowd, source);
  }
  judgeLoads(all, verdict);
  const folder = all[0]!.path;
  const { agent } = await crowd.load(folder);
  await judgeRest(crowd, agent, { verdict, count: COUNT });
  tell(`${options.changes} nodes join and leave, one by one`);
  await judgeChanges(crowd, folder, verdict);
  await crowd.verify(COUNT);
  await crowd.unload(agent);
  const few = await crowd.load(await crowd.writeFolder("few", FEW_NODES));
  await judgeRest(crowd, few.agent, { verdict, count: FEW_NODES });
  await crowd.unload(few.agent);
  await crowd.lab.close();
  return verdict;
}

await runAlone({ url: import.meta.url, measure });
