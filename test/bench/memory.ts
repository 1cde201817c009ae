// `deno task bench:memory [--minutes N] [--nodes N]`: the most memory that the agent as shipped takes (VmHWM) with
// thousands of Nodes from files, while one of them joins or leaves every few seconds as in a cluster that lives.
// wireguard-go and the programs that are started are processes of their own, and not counted.

import { parseArgs } from "node:util";
import { BUNDLED } from "../lab/agent.ts";
import { runAlone, tell } from "./alone.ts";
import { memberOf, smallNode } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { memoryOf } from "./processor.ts";
import { Verdict } from "./verdict.ts";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, nodes: { type: "string", default: "5000" } },
});
const COUNT = Number(options.nodes);
const BOUND_MB = 120;
const PAUSE_MS = 3_000;
/** So many times a line is printed on the way. */
const LINES = 10;
const FIRST_JOINER = 6_000;

/** Joins and leaves by turns; returns how many there were. */
async function churn({ lab }: Crowd, folder: string, options: { endMs: number; look: () => void }) {
  const draft = `${lab.folder}/draft`;
  let changes = 0;
  for (; performance.now() < options.endMs; changes++) {
    const member = memberOf(FIRST_JOINER + (changes >> 1));
    const path = `${folder}/${member.name}.yaml`;
    if (changes % 2 === 0) {
      await Deno.writeTextFile(draft, smallNode(member));
      await Deno.rename(draft, path);
    } else await Deno.remove(path);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    options.look();
  }
  return changes;
}

async function measure(): Promise<Verdict> {
  const verdict = new Verdict();
  const crowd = await Crowd.create(BUNDLED);
  const folder = await crowd.writeFolder("small", COUNT, smallNode);
  const { agent, loadMs } = await crowd.load(folder);
  await crowd.verify(COUNT);
  const durationMs = Number(options.minutes) * 60_000;
  const show = (what: string) => {
    const { peakMb, nowMb } = memoryOf(agent.pid);
    tell(`${what}: VmHWM ${peakMb.toFixed(1)} MB, VmRSS ${nowMb.toFixed(1)} MB`);
  };
  show(`${COUNT} nodes loaded in ${loadMs.toFixed(0)} ms`);
  const now: number[] = [];
  let nextMs = performance.now() + durationMs / LINES;
  const look = () => {
    now.push(memoryOf(agent.pid).nowMb);
    if (performance.now() < nextMs) return;
    nextMs += durationMs / LINES;
    show("a node joined or left");
  };
  const changes = await churn(crowd, folder, { endMs: performance.now() + durationMs, look });
  show(`after ${options.minutes} minutes and ${changes} joins and leaves`);
  const what = `${COUNT} nodes, as shipped`;
  const { peakMb } = memoryOf(agent.pid);
  verdict.single({ what: `${what}, most memory (VmHWM)`, value: peakMb, unit: "MB", bound: BOUND_MB });
  verdict.median({ what: `${what}, memory (VmRSS)`, values: now, unit: "MB" });
  await crowd.unload(agent);
  await crowd.lab.close();
  return verdict;
}

await runAlone({ url: import.meta.url, measure });
