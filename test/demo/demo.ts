// `deno task demo`: three nodes, the real agent on each, and what it is worth, before your eyes.
// Everything lives in one namespace and goes with it; the only thing that stays is the picture.

import { load } from "js-yaml";
import { parseArgs } from "node:util";
import { SOURCE } from "../lab/agent.ts";
import { Lab } from "../lab/lab.ts";
import type { Manifest } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { isInside, outsidePid, runInside } from "../lab/outer.ts";
import type { Pod } from "../lab/pod.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { prepareOrExit } from "../prepare.ts";
import { standingHere } from "../runner/standing.ts";
import { readMesh } from "./mesh.ts";
import { draw } from "./picture.ts";
import { Progress, Unexpected } from "./progress.ts";
import * as scenes from "./scenes.ts";

const MANIFESTS = ["n1", "n2", "n3"].map((name) => new URL(`nodes/${name}.yaml`, import.meta.url));
const PICTURE = "/tmp/wigglenet-demo.svg";
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\S+ /;
const NOTES = 4;
const USAGE = "Usage: deno task demo [--keep]   (--keep leaves the nodes standing until Ctrl-C)";

/** Outside: everything that needs the network or may stop with a remedy. */
async function outside(): Promise<number> {
  await prepareOrExit();
  const standing = await standingHere();
  if (standing !== "root") {
    const isRefused = typeof standing === "object";
    console.error(
      isRefused ? `No namespaces here: ${standing.refused}` : "The demo needs root: run it with sudo.",
    );
    return 1;
  }
  const main = SOURCE.argv.at(-1)!;
  await run([Deno.execPath(), "install", "--quiet", "--entrypoint", main, import.meta.url]); // no way out from inside
  const argv = [Deno.execPath(), "run", "--quiet", "--cached-only", "-A", import.meta.url, ...Deno.args];
  return await runInside(argv);
}

/** Inside: the scenes. */
async function inside(isKept: boolean): Promise<number> {
  const interrupt = () => Deno.exit(130);
  Deno.addSignalListener("SIGINT", interrupt); // process 1 ignores what it does not listen to
  const start = performance.now();
  const progress = new Progress();
  let lab: Lab | undefined;
  try {
    console.log(
      "Three nodes, six pods, and the agent on each node, in network namespaces of this machine:\n",
    );
    lab = await progress.step("Three nodes on one underlay", async (tell) => {
      const manifests = await Promise.all(
        MANIFESTS.map(async (url) => load(await Deno.readTextFile(url)) as Manifest),
      );
      const built = await Lab.create({ nodes: manifests });
      tell(built.nodes.map((node) => `${node.name} ${node.address(4)} ${node.address(6)}`).join(", "));
      return built;
    });
    const pods = await play(lab, progress);
    console.log(`\nAll as expected, in ${((performance.now() - start) / 1000).toFixed(0)} s.`);
    console.log(`A picture of the mesh: ${PICTURE} (the only file that stays)`);
    Deno.removeSignalListener("SIGINT", interrupt);
    if (isKept) await keep(lab, pods);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Unexpected)) console.error(message);
    if (lab !== undefined && !message.includes("\n---")) console.error(await lab.diagnose());
    return 1;
  }
}

async function play(lab: Lab, progress: Progress): Promise<Pod[]> {
  const [n1, n2] = lab.nodes as [Node, Node];
  await progress.step("The agent on each node", (tell) => scenes.startAgents(lab, tell));
  await progress.step("A mesh of tunnels", (tell) => scenes.meetPeers(lab, tell));
  const pods = await progress.step("Two pods on each node", (tell) => scenes.addPods(lab, tell));
  const { trips, crossing } = await progress.step(
    "Pings between all pods, IPv4 and IPv6",
    (tell) => scenes.pingCaptured(lab, pods, tell),
  );
  await progress.step("What crossed the underlay meanwhile", (tell) => {
    return Promise.resolve(scenes.judgeCrossing(crossing, trips, tell));
  });
  await progress.step("An outsider tries to reach a pod", (tell) => scenes.tryOutsider(lab, pods, tell));
  await logged(progress, n1, () => {
    return progress.step("Somebody flushes the rules of n1", (tell) => scenes.flushTable(n1, tell));
  });
  await logged(progress, n2, () => {
    return progress.step(
      "Somebody deletes the interface of n2",
      (tell) => scenes.deleteInterface(n2, pods, tell),
    );
  });
  await progress.step("All pods again", async (tell) => {
    await scenes.pingAll(pods, tell, 1);
  });
  const mesh = await readMesh(lab, { pods, trips, crossing, done: progress.done });
  await Deno.writeTextFile(PICTURE, draw(mesh));
  return pods;
}

/** Runs a step and shows what the agent of a node logged meanwhile: it must say what it mended. */
async function logged(progress: Progress, node: Node, step: () => Promise<void>): Promise<void> {
  const log = node.agent!.stderr;
  const before = log.length;
  await step();
  await until(`${node.name}'s agent to say what it did`, () => log.length > before, {
    seen: () => node.diagnose(),
  });
  const lines = log.slice(before).map((line) => line.replace(TIMESTAMP, ""));
  for (const line of lines.slice(0, NOTES)) progress.note(`${node.name}: ${line}`);
  if (lines.length > NOTES) progress.note(`${node.name}: and ${lines.length - NOTES} more`);
}

/** Tells how to look around, and waits for Ctrl-C. */
async function keep(lab: Lab, pods: readonly Pod[]): Promise<void> {
  const outer = await outsidePid();
  const enter = `nsenter -t ${outer} -m -n --pid=/proc/${outer}/ns/pid_for_children nsenter`;
  const [node, pod] = [lab.nodes[0]!, pods[0]!];
  const onNode = `${enter} -t ${node.pid} -m -n`;
  console.log(`
The nodes stand until Ctrl-C. From another terminal, as root:
  ${onNode} wg show
  ${onNode} nft list table inet wigglenet
  ${onNode} ${node.agentArgv({ verb: "status" }).join(" ")}
  ${enter} -t ${pod.pid} -n ping ${pods.at(-1)!.address(6)}
Process ids of the nodes: ${lab.nodes.map(({ name, pid }) => `${name} ${pid}`).join(", ")}
             of the pods: ${pods.map(({ name, pid }) => `${name} ${pid}`).join(", ")}
Their files: ${lab.folder}, Node manifests in ${lab.nodesFolder}`);
  await new Promise<void>((resolve) => Deno.addSignalListener("SIGINT", resolve));
}

const { values } = (() => {
  try {
    return parseArgs({ options: { keep: { type: "boolean", default: false } } });
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
})();
Deno.exit(isInside() ? await inside(values.keep) : await outside());
