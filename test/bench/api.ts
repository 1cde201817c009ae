// `deno task bench:api [--minutes N] [--rounds N] [--changes N] [--part NAME]...`: the agent as shipped on a real API server with Nodes of
// 12 KB: how soon a change is in the kernel, how long a start takes beside what curl needs for the same list, what it
// costs to be told 500 times a second what is none of its business, and its memory.
// API server, etcd and wireguard-go use the same processors: their time is in the numbers. Heartbeats are written into etcd,
// for the API server takes too few patches; what it sends of them is its own.

import { parseArgs } from "node:util";
import { BUNDLED } from "../lab/agent.ts";
import { prepareKubernetes } from "../lab/kubernetes/binaries.ts";
import type { Process } from "../lab/process.ts";
import { runAlone, tell } from "./alone.ts";
import { type Access, ApiCrowd } from "./api_crowd.ts";
import { measureChanges } from "./changes.ts";
import { memberOf } from "./cluster.ts";
import { memoryOf, resting, secondsOf, undisturbed } from "./processor.ts";
import { Verdict } from "./verdict.ts";
import { Writes } from "./writes.ts";

/** The last two: memory, by how the agent gets at the API. */
const PARTS = ["events", "start", "storm", "in-cluster", "kubeconfig"] as const;
const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rounds: { type: "string", default: "5" },
    changes: { type: "string", default: "60" },
    part: { type: "string", multiple: true, default: [...PARTS] },
  },
});
const MANY = 5_000;
const EVENT_BOUND_MS: Readonly<Record<number, number>> = { 1_000: 60, 5_000: 100 };
const START_BOUND_MS = 3_000;
const MEMORY_BOUND_MB: Readonly<Record<Access, number>> = { "in-cluster": 110, kubeconfig: 150 };
const HEARTBEATS = 500;
const STORM_MS = 60_000;
const SETTLING_MS = 10_000;
const REST_LIMIT_MS = 150_000;
const PAUSE_MS = 3_000;
const FIRST_JOINER = 7_000;

async function judgeEvents(crowd: ApiCrowd, count: number, verdict: Verdict): Promise<void> {
  tell(`${count} nodes: ${options.changes} of them join and leave, one by one`);
  const { joins, leaves } = await measureChanges(crowd.crowd, crowd.hand, Number(options.changes));
  const bound = EVENT_BOUND_MS[count]!;
  for (const [what, values] of [["joins", joins], ["leaves", leaves]] as const) {
    verdict.median({
      what: `${count} nodes: one ${what}, acknowledged to kernel`,
      values,
      unit: "ms",
      bound,
    });
    verdict.quantile({ what: `${count} nodes: one ${what}, p99`, values, unit: "ms" }, 0.99);
  }
}

/** How long curl needs for all Nodes, on the agent's own machine: in one list, and page by page as the agent asks. */
async function measureCurl(crowd: ApiCrowd): Promise<{ wholeMs: number; pagedMs: number }> {
  const { plane, account } = crowd.cluster;
  const { node } = crowd.crowd;
  const auth = `header = "Authorization: Bearer ${await account.podToken(node.name)}"\n`;
  const get = async (path: string, out: string) => {
    const argv = ["curl", "-sS", "--fail", "--cacert", `${plane.folder}/ca.crt`, "-K", "-", "-o", out];
    await node.run([...argv, plane.url + path], { stdin: auth });
  };
  const wholeStart = performance.now();
  await get("/api/v1/nodes", "/dev/null");
  const wholeMs = performance.now() - wholeStart;
  const page = `${crowd.cluster.lab.folder}/page.json`;
  let pagedMs = 0;
  for (let next: string | undefined = ""; next !== undefined;) {
    const start = performance.now();
    await get(`/api/v1/nodes?limit=50${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`, page);
    pagedMs += performance.now() - start;
    next = JSON.parse(await Deno.readTextFile(page)).metadata.continue;
  }
  return { wholeMs, pagedMs };
}

async function judgeStart(crowd: ApiCrowd, verdict: Verdict): Promise<void> {
  const beyond: number[] = [];
  const loads: number[] = [];
  const whole: number[] = [];
  const paged: number[] = [];
  for (let round = 1; round <= Number(options.rounds); round++) {
    const isCalm = await undisturbed();
    const { wholeMs, pagedMs } = await measureCurl(crowd);
    const { agent, loadMs } = await crowd.load();
    await crowd.crowd.verify(MANY);
    tell(
      `start ${round}: in sync after ${loadMs.toFixed(0)} ms; curl ${wholeMs.toFixed(0)} ms for one list, ` +
        `${pagedMs.toFixed(0)} ms page by page${isCalm ? "" : " (others use the machine)"}`,
    );
    loads.push(loadMs);
    whole.push(wholeMs);
    paged.push(pagedMs);
    beyond.push(loadMs - wholeMs);
    await crowd.crowd.unload(agent);
  }
  const what = `${MANY} nodes of 12 KB`;
  verdict.median({ what: `${what}: curl, one list`, values: whole, unit: "ms" });
  verdict.median({ what: `${what}: curl, pages of 50`, values: paged, unit: "ms" });
  verdict.median({ what: `${what}: start to in sync`, values: loads, unit: "ms" });
  verdict.median({
    what: `${what}: start beyond curl's one list`,
    values: beyond,
    unit: "ms",
    bound: START_BOUND_MS,
  });
}

async function judgeStorm(crowd: ApiCrowd, agent: Process, verdict: Verdict): Promise<void> {
  const share = async (act: () => Promise<unknown>) => {
    const [seconds, start] = [secondsOf(agent.pid), performance.now()];
    await act();
    return (secondsOf(agent.pid) - seconds) * 100_000 / (performance.now() - start);
  };
  const kubelets = await crowd.heartbeats(MANY);
  const rest = await share(() => pause(STORM_MS / 3));
  await using writes = await Writes.watch(crowd.crowd, agent);
  tell(`${HEARTBEATS} heartbeats of Nodes a second for ${STORM_MS / 1000} s`);
  let sent = 0;
  const busy = await share(async () => sent = await kubelets.beat(HEARTBEATS, STORM_MS));
  await pause(SETTLING_MS);
  const what = `${MANY} nodes, heartbeats`;
  verdict.single({ what: `${what} a second`, value: sent * 1000 / STORM_MS, unit: "" });
  verdict.single({ what: `${what}: writes to the kernel`, value: await writes.count(), unit: "", bound: 0 });
  verdict.single({
    what: `${what}: agent, share of a processor`,
    value: busy,
    unit: "%",
    digits: 1,
    bound: 10,
  });
  verdict.single({ what: `${MANY} nodes, at rest: agent`, value: rest, unit: "%", digits: 1 });
}

/** The most memory of a fresh agent while the cluster lives: a node joins or leaves every few seconds. */
async function judgeMemory(crowd: ApiCrowd, access: Access, verdict: Verdict): Promise<void> {
  const { agent, loadMs } = await crowd.load(access);
  await crowd.crowd.verify(MANY);
  const show = (what: string) => {
    const { peakMb, nowMb } = memoryOf(agent.pid);
    tell(`${access}, ${what}: VmHWM ${peakMb.toFixed(1)} MB, VmRSS ${nowMb.toFixed(1)} MB`);
  };
  show(`loaded in ${loadMs.toFixed(0)} ms`);
  const { join, leave } = crowd.hand;
  const kubelets = await crowd.heartbeats(MANY);
  const end = performance.now() + Number(options.minutes) * 60_000;
  for (let i = 0; performance.now() < end; i++) {
    const member = memberOf(FIRST_JOINER + (i >> 1));
    await (i % 2 === 0 ? join(member) : leave(member));
    // As many heartbeats as five thousand kubelets send, in five minutes each.
    await kubelets.beat(MANY / 300, PAUSE_MS);
    if (i % 40 === 39) show(`after ${i + 1} joins and leaves`);
    if (i % 2 === 0 && performance.now() >= end) await leave(member);
  }
  show(`after ${options.minutes} minutes`);
  verdict.single({
    what: `${MANY} nodes, as shipped, ${access}: most memory (VmHWM)`,
    value: memoryOf(agent.pid).peakMb,
    unit: "MB",
    bound: MEMORY_BOUND_MB[access],
  });
  await crowd.crowd.unload(agent);
}

async function measure(): Promise<Verdict> {
  const verdict = new Verdict();
  await using crowd = await ApiCrowd.create(BUNDLED);
  const wants = (part: typeof PARTS[number]) => options.part.includes(part);
  let made = 0;
  for (const count of wants("events") ? [1_000, MANY] : [MANY]) {
    tell(`making ${count} Nodes of 12 KB`);
    await crowd.fill(count, made + 1);
    made = count;
    if (count === MANY && wants("start")) await judgeStart(crowd, verdict);
    if (!wants("events") && !wants("storm")) continue;
    const { agent } = await crowd.load();
    await crowd.crowd.verify(count);
    // Nobody of the crowd answers WireGuard, which tries for a minute and a half to reach them all.
    if (!await resting(await crowd.crowd.serverPid(), REST_LIMIT_MS)) tell("WireGuard does not come to rest");
    if (wants("events")) await judgeEvents(crowd, count, verdict);
    if (count === MANY && wants("storm")) await judgeStorm(crowd, agent, verdict);
    await crowd.crowd.unload(agent);
  }
  for (const access of (["in-cluster", "kubeconfig"] as const).filter(wants)) {
    await judgeMemory(crowd, access, verdict);
  }
  return verdict;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function arrange(): Promise<() => Promise<void>> {
  const objection = await prepareKubernetes();
  if (objection === undefined) return () => Promise.resolve();
  console.error(`The benchmark ${objection}`);
  Deno.exit(1);
}

await runAlone({ url: import.meta.url, measure, arrange });
