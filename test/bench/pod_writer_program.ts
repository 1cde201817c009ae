// Runs on the machine of a control plane for pod_writer.ts. Each line of standard input is a Pod that is to be there, or, without
// a Pod, the key of one that is not; as soon as etcd has it, it prints the line's id and the time.
//
// Written into etcd, past the API server: for each pod that takes three requests (made, given an address, deleted), and two processors
// serve some 300 a second, with nothing left for the agent. What it sends its watchers is what it always sends.

import { linesOf } from "../lab/process.ts";

const ETCD = "http://127.0.0.1:2379/v3/kv";

interface Change {
  readonly id: number;
  readonly key: string;
  readonly pod?: unknown;
}

console.log("ready");
for await (const line of linesOf(Deno.stdin.readable)) void write(JSON.parse(line));

async function write({ id, key, pod }: Change): Promise<void> {
  const bytes = new TextEncoder();
  const name = { key: bytes.encode(key).toBase64() };
  const value = { value: bytes.encode(JSON.stringify(pod)).toBase64() };
  const [what, body] = pod === undefined ? ["deleterange", name] : ["put", { ...name, ...value }];
  const response = await fetch(`${ETCD}/${what}`, { method: "POST", body: JSON.stringify(body) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`etcd: ${response.status} ${answer}`);
  console.log(`${id} ${performance.timeOrigin + performance.now()}`);
}
