// What a pod that starts and flows that are no longer allowed cost a whole agent.

import { tell } from "./alone.ts";
import { DEADLINE_MS } from "./elements.ts";
import { podAddresses, podObject, podOf } from "./policed_cluster.ts";
import { PolicedCrowd } from "./policed_crowd.ts";
import { secondsOf, undisturbed } from "./processor.ts";
import type { Verdict } from "./verdict.ts";

type Json = Record<string, unknown>;

/** Of pods that are none of the cluster's 5,000. */
const FIRST_MORE = 20_000;
const STARTS = 20;
const LONGEST_PAUSE_MS = 500;

/** POLICY_UNKNOWN_PODS=closed: how long a pod of this node that has got its address waits for being known. */
export async function judgeStarts(verdict: Verdict): Promise<void> {
  const crowd = await PolicedCrowd.create();
  const waits: number[] = [];
  const { pid } = crowd.agent;
  const before = secondsOf(pid);
  for (let i = 0; i < STARTS; i++) {
    await undisturbed({ limitMs: 5_000, lookMs: 200 + Math.random() * LONGEST_PAUSE_MS, looks: 1 });
    const ips: [string, string] = [`10.244.1.${150 + i}`, `fd00:10:244:1::${(150 + i).toString(16)}`];
    const opens = crowd.elements.soon("add", "policy-known-v4", ips[0]);
    const doneMs = await crowd.put(podObject(FIRST_MORE + i, ips, { nodeName: "n1" }));
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
  return podAddresses(FIRST_MORE + i)[0];
}

function pods(): Json[] {
  const pod = (name: string, nodeName: string, ip: string): Json => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "flows", name, labels: { app: name } },
    spec: { nodeName, containers: [{ name: "c" }] },
    status: { phase: "Running", podIPs: [{ ip }] },
  });
  const nodeOf = (i: number) => (podOf(FIRST_MORE + i) as { spec: { nodeName: string } }).spec.nodeName;
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
    // One less each time: what the agent has said a minute ago it does not say again.
    const ended = crowd.logs(new RegExp(`ended ${forbidden.length - round} flows`));
    const before = secondsOf(crowd.agent.pid);
    const doneMs = await crowd.put(policyOf(0, [80]));
    times.push(Math.min(DEADLINE_MS, await ended - doneMs));
    seconds.push(secondsOf(crowd.agent.pid) - before);
    const left = await node.run(["conntrack", "-L", "-p", "tcp", "--dport", "81"]);
    if (left.includes("dport=81")) throw new Error("flows are left that are not allowed");
    await crowd.put(policyOf(0, [80, 81]));
    await load("forbidden", forbidden.slice(round + 1));
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
