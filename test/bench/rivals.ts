// Runs in the virtual machine: two meshes of two nodes on the same kernel, one made by agents and one by hand, both
// standing all the time. They are measured in turns.

import { isInside, runInside } from "../lab/outer.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { Mesh } from "../netns/mesh.ts";
import { tell } from "./alone.ts";
import { comparePairs, RULES } from "./pairs.ts";
import { getReady } from "../vm/ready.ts";
import { Verdict } from "./verdict.ts";

const STARTS = 11;
/** Behind the runtime's own start. */
const BOOT_TO_MESH_MS = 3_000;

/** wg-quick(8) does the rest. */
async function configurationOf(node: Node, peers: readonly Node[], mtuBytes: number): Promise<string> {
  const key = await Deno.readTextFile(`${node.folder}/private.key`);
  const sections = peers.map((peer) => [
    "[Peer]",
    `PublicKey = ${peer.manifest.metadata.annotations!["wigglenet/public-key"]}`,
    // Pods alone: wg-quick makes a route of each, and one to the endpoint would lead into the tunnel.
    `AllowedIPs = ${peer.podCIDRs.join(", ")}`,
    `Endpoint = ${peer.address(4)}:24601`,
  ]);
  const addresses = node.podCIDRs.map((cidr) => cidr.replace("::/64", "::1/128").replace(".0/24", ".1/32"));
  const head = ["[Interface]", `PrivateKey = ${key.trim()}`, "ListenPort = 24601", `MTU = ${mtuBytes}`];
  return [...head, `Address = ${addresses.join(", ")}`, ...sections.flat(), ""].join("\n");
}

/** Agents make pods' network, go without a trace, and wg-quick takes their place. */
async function byHand(mtuBytes: number): Promise<Mesh> {
  const mesh = await Mesh.create({ nodes: 2 });
  for (const node of mesh.nodes) {
    await node.agent!.kill("SIGTERM");
    const { code, stderr } = await node.runAgent({ verb: "cleanup" });
    if (code !== 0) throw new Error(`cleanup on ${node.name}: ${stderr}`);
  }
  for (const node of mesh.nodes) {
    const path = `${node.folder}/hand.conf`;
    const peers = mesh.nodes.filter((peer) => peer !== node);
    await Deno.writeTextFile(path, await configurationOf(node, peers, mtuBytes), { mode: 0o600 });
    await node.run(["wg-quick", "up", path]);
    await node.run(["nft", "-f", "-"], { stdin: RULES });
  }
  await mesh.reachable();
  return mesh;
}

async function compare(pairs: number, verdict: Verdict): Promise<void> {
  const agent = await Mesh.create({ nodes: 2 });
  tell("the agents' mesh stands");
  const link = JSON.parse(await agent.nodes[0]!.run(["ip", "-j", "link", "show", "dev", "wigglenet"]));
  const meshes = { agent, hand: await byHand(link[0].mtu) };
  tell("the one by hand stands");
  await comparePairs(meshes, { pairs }, verdict);
  await Promise.all(Object.values(meshes).map((mesh) => mesh.close()));
}

const REACHED = "until ping -n -q -c1 -W1 -I 10.244.1.1 10.244.2.1 >/dev/null 2>&1; do sleep 0.1; done";

/** By the environment, as the DaemonSet and the unit do; all else is where it is as shipped. */
const NO_FLAGS = {
  "node-name": undefined,
  "nodes": undefined,
  "privkey-path": undefined,
  "cni-config-path": undefined,
};

/** From the start of two agents at once to an answer through the tunnel; and what the runtime alone takes then. */
async function bootToMesh(): Promise<{ meshMs: number; runtimeMs: number }> {
  const lab = await Lab.create({ nodes: [1, 2].map((i) => manifestOf(i)) });
  try {
    const [n1] = lab.nodes as [Node, Node];
    const idle = lab.nodes.map((node) => node.runAgent({ verb: "version" }));
    const beforeIdle = performance.now();
    await Promise.all(idle);
    const runtimeMs = performance.now() - beforeIdle;
    const start = performance.now();
    const written = Promise.withResolvers<void>();
    const onLine = (line: string) => / cni .*\(missing\)/.test(line) && written.resolve();
    for (const node of lab.nodes) {
      const env = { NODE_NAME: node.name, WIGGLENET_NODES: "/etc/wigglenet/nodes.d" };
      node.startAgent({ settings: NO_FLAGS, env, ...(node === n1 ? { onLine } : {}) });
    }
    await written.promise; // its first apply ends with that; whoever looks before takes time from whom he looks at
    const { code } = await n1.attempt(["timeout", "60", "sh", "-c", REACHED]);
    if (code !== 0) throw new Error(`n1 does not reach n2 through the tunnel\n${await n1.diagnose()}`);
    return { meshMs: performance.now() - start, runtimeMs };
  } finally {
    await lab.close();
  }
}

async function measure(pairs: number): Promise<number> {
  const verdict = new Verdict();
  const starts: Awaited<ReturnType<typeof bootToMesh>>[] = [];
  for (let i = 0; i < STARTS; i++) {
    starts.push(await bootToMesh());
    tell(
      `start ${i + 1}: runtime ${starts[i]!.runtimeMs.toFixed()} ms, mesh ${starts[i]!.meshMs.toFixed()} ms`,
    );
  }
  const runtime = starts.map(({ runtimeMs }) => runtimeMs);
  verdict.median({ what: "the runtime's own start, two at once", values: runtime, unit: "ms" });
  const values = starts.map(({ meshMs, runtimeMs }) => meshMs - runtimeMs);
  verdict.median({ what: "from there to mesh", values, unit: "ms", bound: BOOT_TO_MESH_MS });
  if (pairs > 0) await compare(pairs, verdict);
  console.log(`\n${verdict.table()}`);
  return verdict.holds ? 0 : 1;
}

if (isInside()) {
  try {
    Deno.exit(await measure(Number(Deno.args[0])));
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    Deno.exit(1);
  }
}
await getReady();
const self = new URL(import.meta.url).pathname;
Deno.exit(
  await runInside([
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-check",
    "--cached-only",
    "-A",
    self,
    ...Deno.args,
  ]),
);
