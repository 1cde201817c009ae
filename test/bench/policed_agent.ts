// What changes of pods and policies cost a whole agent: 200 pods a second for a minute, a pod that starts, flows that are no
// longer allowed.

import { tell } from "./alone.ts";
import { podAddresses, podOf } from "./policed_cluster.ts";
import { DEADLINE_MS, PolicedCrowd } from "./policed_crowd.ts";
import { memoryOf, secondsOf, undisturbed } from "./processor.ts";
import { median } from "./statistics.ts";
import type { Verdict } from "./verdict.ts";

type Json = Record<string, unknown>;

const CHANGES_A_SECOND = 200;
/** A pod that comes goes after as many others have come. */
const LIVING = 500;
/** Of pods that are none of the cluster's 5,000. */
const FIRST_CHURNED = 20_000;
const STARTS = 20;
const LONGEST_PAUSE_MS = 500;

function podFile(i: number, ips = podAddresses(i), more: Json = {}): Json {
  const { metadata, spec, ...rest } = podOf(i, ips) as { metadata: Json; spec: Json };
  return { apiVersion: "v1", kind: "Pod", ...rest, metadata, spec: { ...spec, ...more } };
}

/** The most memory that a program of the agent ever had, by looking often. */
class ChildWatch {
  readonly #peaks = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(private readonly pid: number, everyMs = 10) {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  peakMb(program: string): number {
    return this.#peaks.get(program) ?? 0;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const pid of childrenOf(this.pid)) {
      try {
        const name = Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
        this.#peaks.set(name, Math.max(this.peakMb(name), memoryOf(pid).peakMb));
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].flatMap(({ name }) =>
      Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`).trim().split(" ").filter((it) => it !== "")
        .map(Number)
    );
  } catch {
    return [];
  }
}

/** Pods of other nodes come and go; how late each was in the kernel, in milliseconds. */
async function churn(crowd: PolicedCrowd, seconds: number): Promise<number[]> {
  const lags: Promise<number>[] = [];
  const startMs = performance.now();
  const count = seconds * CHANGES_A_SECOND / 2;
  const change = (verb: "add" | "delete", i: number, done: Promise<number>) => {
    const seen = crowd.element(verb, "p4", podAddresses(FIRST_CHURNED + i)[0]);
    lags.push(Promise.all([seen, done]).then(([seenMs, doneMs]) => Math.min(DEADLINE_MS, seenMs - doneMs)));
  };
  for (let i = 0; i < count; i++) {
    await pause(startMs + i * 2_000 / CHANGES_A_SECOND - performance.now());
    change("add", i, crowd.put(podFile(FIRST_CHURNED + i)));
    const gone = i - LIVING;
    if (gone >= 0) change("delete", gone, crowd.remove("Pod", `pod-${FIRST_CHURNED + gone}`));
  }
  return await Promise.all(lags);
}

/** 200 changes a second. */
export async function judgeChurn(verdict: Verdict, seconds: number): Promise<void> {
  const crowd = await PolicedCrowd.create();
  const { pid } = crowd.agent;
  const children = new ChildWatch(pid);
  await undisturbed();
  tell(`${CHANGES_A_SECOND} pods of other nodes come or go a second for ${seconds} s`);
  const memory: number[] = [];
  const look = setInterval(() => memory.push(memoryOf(pid).nowMb), 500);
  const before = secondsOf(pid);
  const lags = await churn(crowd, seconds);
  const spent = secondsOf(pid) - before;
  clearInterval(look);
  children.close();
  const what = `${CHANGES_A_SECOND} pod changes a second`;
  verdict.median({ what: `${what}: file to kernel`, values: lags, unit: "ms" });
  verdict.single({ what: `${what}: the most`, value: Math.max(...lags), unit: "ms", bound: 1_000 });
  const perPod = spent * 1_000 / lags.length;
  verdict.single({
    what: `${what}: processor for each, programs too`,
    value: perPod,
    unit: "ms",
    digits: 1,
    bound: 20,
  });
  const third = Math.floor(memory.length / 3);
  const growth = median(memory.slice(-third)) - median(memory.slice(third, 2 * third));
  verdict.single({
    what: `${what}: last third of the time against the one before`,
    value: growth,
    unit: "MB",
    bound: 8,
  });
  verdict.single({ what: "agent, most memory (VmHWM)", value: memoryOf(pid).peakMb, unit: "MB", bound: 160 });
  await reload(crowd, children, verdict);
  await crowd.close();
}

/** What nft takes when it loads all that there is, and while it tells of it. */
async function reload(crowd: PolicedCrowd, watched: ChildWatch, verdict: Verdict): Promise<void> {
  const children = new ChildWatch(crowd.agent.pid, 3);
  const stands = crowd.element("add", "policy-known-v4", podAddresses(0)[0]);
  await crowd.crowd.node.run(["nft", "delete", "table", "inet", "wigglenet"]);
  await stands;
  await pause(2_000);
  children.close();
  const value = Math.max(children.peakMb("nft"), watched.peakMb("nft"));
  verdict.single({ what: "nft child, most memory", value, unit: "MB", bound: 100 });
}

/** POLICY_UNKNOWN_PODS=closed: how long a pod of this node that has got its address waits for being known. */
export async function judgeStarts(verdict: Verdict): Promise<void> {
  const crowd = await PolicedCrowd.create();
  const waits: number[] = [];
  const { pid } = crowd.agent;
  const before = secondsOf(pid);
  for (let i = 0; i < STARTS; i++) {
    await undisturbed({ limitMs: 5_000, lookMs: 200 + Math.random() * LONGEST_PAUSE_MS, looks: 1 });
    const ips: [string, string] = [`10.244.1.${150 + i}`, `fd00:10:244:1::${(150 + i).toString(16)}`];
    const opens = crowd.element("add", "policy-known-v4", ips[0]);
    const doneMs = await crowd.put(podFile(FIRST_CHURNED + i, ips, { nodeName: "n1" }));
    waits.push(Math.min(DEADLINE_MS, await opens - doneMs));
  }
  const spent = (secondsOf(pid) - before) * 1_000 / STARTS;
  verdict.median({ what: "a pod of this node: its address to open", values: waits, unit: "ms", bound: 100 });
  verdict.quantile({ what: "a pod of this node: its address to open, p90", values: waits, unit: "ms" }, 0.9);
  verdict.single({ what: "a pod of this node: processor, polls and audits too", value: spent, unit: "ms" });
  await crowd.close();
}

const SERVERS = 10;
const CLIENTS = 20;
const FLOWS = 100_000;
const FLOWS_OF_PAIR = FLOWS / SERVERS / CLIENTS;
const REVOKED = 1_000;
const ROUNDS = 5;
const CALM_MS = 4_000;

function serverAddress(i: number): string {
  return `10.244.1.${200 + i}`;
}

function clientAddress(i: number): string {
  return podAddresses(FIRST_CHURNED + i)[0];
}

function pods(): Json[] {
  const pod = (name: string, nodeName: string, ip: string): Json => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "flows", name, labels: { app: name } },
    spec: { nodeName, containers: [{ name: "c" }] },
    status: { phase: "Running", podIPs: [{ ip }] },
  });
  const nodeOf = (i: number) => (podOf(FIRST_CHURNED + i) as { spec: { nodeName: string } }).spec.nodeName;
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "flows" } },
    ...Array.from({ length: SERVERS }, (_, i) => pod(`server-${i}`, "n1", serverAddress(i))),
    ...Array.from({ length: CLIENTS }, (_, i) => pod(`client-${i}`, nodeOf(i), clientAddress(i))),
  ];
}

/** Server i hears clients on these ports. */
function policyOf(i: number, ports: readonly number[]): Json {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "flows", name: `server-${i}` },
    spec: {
      podSelector: { matchLabels: { app: `server-${i}` } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: {} }], ports: ports.map((port) => ({ port })) }],
    },
  };
}

/** Flow number i of all, as conntrack reads it; of the first server's some are on port 81. */
function flowLine(i: number): string {
  const [server, client] = [i % SERVERS, Math.floor(i / SERVERS) % CLIENTS];
  const number = Math.floor(i / SERVERS / CLIENTS);
  const port = server === 0 && number < FLOWS_OF_PAIR * REVOKED / (FLOWS / SERVERS) ? 81 : 80;
  const [s, d, sport] = [clientAddress(client), serverAddress(server), 2_000 + number];
  return `-A -t 3600 -u SEEN_REPLY,ASSURED -s ${s} -d ${d} -r ${d} -q ${s} -p tcp --sport ${sport} --dport ${port} ` +
    `--reply-port-src ${port} --reply-port-dst ${sport} --state ESTABLISHED\n`;
}

/** One policy of ten forbids 1,000 flows of 100,000. `conntrack`: another program in place of the installed one. */
export async function judgeRevocation(verdict: Verdict, conntrack: string | undefined): Promise<void> {
  const policies = Array.from({ length: SERVERS }, (_, i) => policyOf(i, [80, 81]));
  const crowd = await PolicedCrowd.create([...pods(), ...policies], conntrack);
  const { lab, node } = crowd.crowd;
  const lines = Array.from({ length: FLOWS }, (_, i) => flowLine(i));
  const forbidden = lines.filter((line) => line.includes("--dport 81 "));
  const load = async (name: string, some: readonly string[]) => {
    await Deno.writeTextFile(`${lab.folder}/${name}`, some.join(""));
    await node.run(["conntrack", "-R", `${lab.folder}/${name}`]);
  };
  const version = (await node.run(["conntrack", "--version"])).trim();
  tell(`${FLOWS} flows, of which ${forbidden.length} become forbidden; ${version}`);
  await load("flows", lines);
  const [times, seconds]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    await pause(CALM_MS);
    const ended = crowd.logs(new RegExp(`ended ${forbidden.length} flows`));
    const before = secondsOf(crowd.agent.pid);
    const doneMs = await crowd.put(policyOf(0, [80]));
    times.push(Math.min(DEADLINE_MS, await ended - doneMs));
    seconds.push(secondsOf(crowd.agent.pid) - before);
    const left = await node.run(["conntrack", "-L", "-p", "tcp", "--dport", "81"]);
    if (left.includes("dport=81")) throw new Error("flows are left that are not allowed");
    await crowd.put(policyOf(0, [80, 81]));
    await load("forbidden", forbidden);
  }
  const what = `${forbidden.length} flows of ${FLOWS}`;
  verdict.median({ what: `${what}: policy's file to ended`, values: times, unit: "ms", bound: 1_000 });
  verdict.median({
    what: `${what}: processor, programs too`,
    values: seconds.map((s) => s * 1_000),
    unit: "ms",
  });
  await crowd.close();
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
