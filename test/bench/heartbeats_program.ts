// Runs on the machine of a control plane for heartbeats.ts: "heartbeats_program.ts COUNT". Each line of standard input,
// "PER_SECOND DURATION_MS", is a time in which kubelets say that they are alive, as evenly as they can; it prints how many did.
//
// Written into etcd, past the API server: of patches it took 330 a second on two processors (2026-11), with nothing left
// for the agent. What it sends its watchers is what it always sends, from what it reads in etcd.

import { inParallel } from "../lab/kubernetes/api_client.ts";
import { linesOf } from "../lab/process.ts";
import { memberOf } from "./cluster.ts";

const ETCD = "http://127.0.0.1:2379/v3/kv";
/** Of the condition Ready, as kubelet_node.ts has it; what follows it is written over. */
const MESSAGE = new TextEncoder().encode("no trouble with Ready: ");
const BEAT = "all is well".length;

interface Kubelet {
  readonly key: string;
  /** The Node as etcd has it. */
  readonly node: Uint8Array<ArrayBuffer>;
  /** Where in it the message is that changes. */
  readonly at: number;
}

const count = Number(Deno.args[0]);
const kubelets: Kubelet[] = [];
await inParallel(Array.from({ length: count }, (_, i) => i), async (i) => {
  kubelets[i] = await kubeletOf(memberOf(i + 1).name);
});
console.log("ready");
let beats = 0;
for await (const line of linesOf(Deno.stdin.readable)) {
  const [perSecond, durationMs] = line.split(" ").map(Number) as [number, number];
  console.log(`sent ${await beatFor(perSecond, durationMs)}`);
}

async function beatFor(perSecond: number, durationMs: number): Promise<number> {
  const start = performance.now();
  let sent = 0;
  const due = Array.from({ length: Math.floor(perSecond * durationMs / 1000) }, (_, i) => i);
  await inParallel(due, async (i) => {
    const waitMs = start + i * 1000 / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (performance.now() - start >= durationMs) return;
    await beat(kubelets[beats++ % count]!, beats);
    sent++;
  });
  return sent;
}

async function kubeletOf(name: string): Promise<Kubelet> {
  const key = new TextEncoder().encode(`/registry/minions/${name}`).toBase64();
  const { kvs } = await ask("range", { key });
  const node = Uint8Array.fromBase64(kvs[0].value);
  const at = find(node, MESSAGE);
  if (at < 0) throw new Error(`${name} has no message to write over`);
  return { key, node, at: at + MESSAGE.length };
}

async function beat({ key, node, at }: Kubelet, i: number): Promise<void> {
  node.set(new TextEncoder().encode(`${i}`.padStart(BEAT, "0")), at);
  await ask("put", { key, value: node.toBase64() });
}

// deno-lint-ignore no-explicit-any -- whatever etcd says
async function ask(what: string, body: unknown): Promise<any> {
  const response = await fetch(`${ETCD}/${what}`, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd: ${response.status} ${await response.text()}`);
  return await response.json();
}

function find(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
