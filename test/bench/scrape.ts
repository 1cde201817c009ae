// `deno task bench:scrape [--nodes N]`: how long a scrape of thousands of peers takes the agent as shipped, what it does to
// a node that joins meanwhile, and what metrics cost in memory, not used and used.

import { parseArgs } from "node:util";
import { BUNDLED } from "../lab/agent.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { runAlone, tell } from "./alone.ts";
import { memberOf, smallNode } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { memoryOf } from "./processor.ts";
import { Verdict } from "./verdict.ts";

const { values: options } = parseArgs({ options: { nodes: { type: "string", default: "5000" } } });
const COUNT = Number(options.nodes);
const SCRAPES = 30;
const URL_HERE = "http://127.0.0.1:9091";

interface Measured {
  readonly crowd: Crowd;
  readonly folder: string;
  readonly agent: Process;
}

/** Milliseconds and bytes of one scrape, as curl tells them. */
async function scrape({ node }: Crowd): Promise<{ ms: number; bytes: number }> {
  const format = "%{time_total} %{size_download} %{http_code}";
  const text = await node.run(["curl", "-sS", "-o", "/dev/null", "-w", format, `${URL_HERE}/metrics`]);
  const [seconds, bytes, code] = text.split(" ").map(Number) as [number, number, number];
  if (code !== 200) throw new Error(`a scrape was answered by ${code}`);
  return { ms: seconds * 1000, bytes };
}

/** Milliseconds until a Node that is written is a peer in the kernel. */
async function join(crowd: Crowd, folder: string, i: number): Promise<number> {
  const member = memberOf(COUNT + 1 + i);
  const draft = `${crowd.lab.folder}/draft`;
  await Deno.writeTextFile(draft, smallNode(member));
  const start = performance.now();
  await Deno.rename(draft, `${folder}/${member.name}.yaml`);
  await until("the joiner to be routed", async () => {
    return (await crowd.node.run(["ip", "route", "show", member.podCidrs[0]!])).includes("wigglenet");
  }, { pauseMs: 2 });
  return performance.now() - start;
}

async function measure(): Promise<Verdict> {
  const verdict = new Verdict();
  for (const isOn of [false, true]) {
    const crowd = await Crowd.create(BUNDLED);
    const folder = await crowd.writeFolder("small", COUNT, smallNode);
    const metrics = { "enable-metrics": String(isOn), "metrics-bind-addr": "127.0.0.1:9091" };
    const { agent } = await crowd.load(folder, metrics);
    const what = `${COUNT} nodes, metrics ${isOn ? "on" : "off"}`;
    tell(`${what}: loaded, VmHWM ${memoryOf(agent.pid).peakMb.toFixed(1)} MB`);
    const alone: number[] = [];
    for (let i = 0; i < 10; i++) alone.push(await join(crowd, folder, i));
    verdict.median({ what: `${what}: a join`, values: alone, unit: "ms" });
    if (isOn) await measureScrapes({ crowd, folder, agent }, verdict);
    verdict.single({ what: `${what}: VmHWM`, value: memoryOf(agent.pid).peakMb, unit: "MB", bound: 120 });
    await crowd.unload(agent);
    await crowd.lab.close();
  }
  return verdict;
}

async function measureScrapes({ crowd, folder, agent }: Measured, verdict: Verdict): Promise<void> {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < SCRAPES; i++) {
    const one = await scrape(crowd);
    times.push(one.ms);
    bytes = one.bytes;
  }
  verdict.median({ what: "a scrape", values: times, unit: "ms" });
  verdict.single({ what: "its size", value: bytes / 1e6, unit: "MB", digits: 2 });
  tell(`${SCRAPES} scrapes: VmHWM ${memoryOf(agent.pid).peakMb.toFixed(1)} MB`);
  let isOver = false;
  const scrapers = Array.from({ length: 4 }, async () => {
    while (!isOver) await scrape(crowd);
  });
  const joins: number[] = [];
  for (let i = 10; i < 20; i++) joins.push(await join(crowd, folder, i));
  isOver = true;
  await Promise.all(scrapers);
  verdict.median({ what: "a join while four scrape without a pause", values: joins, unit: "ms" });
}

await runAlone({ url: import.meta.url, measure });
