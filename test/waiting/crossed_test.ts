// Two nodes whose first handshakes cross: each is asked while it waits for an answer.
//
//   n1 ─ 10.9.1.1 ─┐                            ┌─ 10.9.1.2 ─ n2
//                  └─ outsider, which lets the ─┘
//                     first packets cross

import assert from "node:assert/strict";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const PROGRAM = new URL("../lab/crossing_program.ts", import.meta.url).pathname;
const PORTS = [7001, 7002] as const;
/** WireGuard itself asks again after five seconds. */
const RENEWED_MS = 4_000;

/** Seconds since 1970 of the last handshake with the only peer; 0: none. */
async function handshakeOf(node: Node): Promise<number> {
  const { stdout } = await node.attempt(["wg", "show", "wigglenet", "latest-handshakes"]);
  return Number(stdout.split("\t")[1] ?? 0);
}

Deno.test("handshakes that crossed are begun anew after a second, not after WireGuard's five", async () => {
  await using lab = await Lab.create({ nodes: 2, families: { underlay: [4], pods: [4] } });
  const nodes = lab.nodes as [Node, Node];
  const { outsider } = lab;
  const argv = [Deno.execPath(), "run", "--quiet", "--no-config", "--unstable-net", "--allow-net", PROGRAM];
  const crossing = outsider.start([...argv, `${PORTS[0]}`, "10.9.1.1", `${PORTS[1]}`, "10.9.1.2"]);
  await crossing.line("stdout", /listening/);
  for (const { name } of nodes) await lab.withdraw(name);
  const agents = nodes.map((node) => node.startAgent());
  for (const agent of agents) await agent.line("stderr", /wigglenet \S+ starts/);
  const [address] = lab.outsiderAddresses;
  await Promise.all(nodes.map(({ manifest }, i) => {
    const annotations = { ...manifest.metadata.annotations, "wigglenet/endpoint": `${address}:${PORTS[i]}` };
    return lab.publish({ ...manifest, metadata: { ...manifest.metadata, annotations } });
  }));
  await crossing.line("stdout", /crossed/);
  const start = performance.now();
  await until(
    "a session",
    async () => (await Promise.all(nodes.map(handshakeOf))).every((time) => time > 0),
    {
      seen: () => lab.diagnose(),
    },
  );
  const afterMs = performance.now() - start;
  assert.ok(afterMs < RENEWED_MS, `after ${afterMs.toFixed()} ms`);
  for (const node of nodes) await node.inSync();
  await crossing.kill("SIGTERM");
});
