// Crash safety: kill -9 of the agent at any moment of its first load, run it again, and the end is the same.

import assert from "node:assert/strict";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { AGENT, SOURCE } from "../lab/agent.ts";
import { Lab } from "../lab/lab.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { dyingArgv } from "../netns/builds.ts";
import { pidOf } from "../netns/drift.ts";
import { PRIVATE_KEY } from "../netns/scenarios.ts";
import { differences, readState } from "../netns/state.ts";

const SETTINGS = { "filter-ipv4": "true", "filter-ipv6": "true" };
const WORKERS = 3;
/** Emulated, every fifth moment, from another one each time: all of them are tried where the machine is real. */
const STRIDE = PATIENCE > 1 ? 5 : 1;
const FIRST = Math.floor(Math.random() * STRIDE);
/** Moments at which an agent did die. */
const reached = new Set<number>();
const publicKey = (await run(["wg", "pubkey"], { stdin: PRIVATE_KEY })).trim();

/** A node with a peer that exists in its manifest only. */
async function freshLab(): Promise<{ lab: Lab; node: Node }> {
  // An agent that dies is not confined, and the next one has the same root.
  const lab = await Lab.create({ nodes: 1, agent: AGENT.isShipped ? SOURCE : AGENT });
  const [node] = lab.nodes;
  await Deno.writeTextFile(`${node!.folder}/private.key`, PRIVATE_KEY);
  await lab.publish(withKey(manifestOf(1), publicKey));
  await lab.publish(withKey(manifestOf(2), "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI="));
  return { lab, node: node! };
}

function withKey(manifest: Manifest, key: string): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, annotations: { "wigglenet/public-key": key } } };
}

function startDying(node: Node, moment: number) {
  return node.startAgent({ argv: dyingArgv(String(moment)), settings: SETTINGS });
}

/** The data plane and whatever else could be left lying about: files, other tables, processes. */
async function endStateOf(node: Node): Promise<string> {
  const [state, tables, files, pid] = await Promise.all([
    readState(node),
    node.run(["nft", "list", "tables"]),
    node.run([
      "find",
      "/run/wigglenet",
      ...(HAS_KERNEL_WIREGUARD ? [] : ["/run/wireguard"]),
      `${node.folder}/cni`,
      `${node.folder}/private.key`,
    ]),
    pidOf(node, /wireguard-go\0-f\0wigglenet/),
  ]);
  const names = files.replaceAll(node.folder, "FOLDER").replaceAll(
    node.folder.replaceAll("/", "-"),
    "-FOLDER",
  );
  const rest = [tables, ...names.split("\n").sort(), pid !== undefined];
  return `${state}\n${rest.join("\n")}`;
}

/** Runs the agent on a fresh node until nothing moves any more; returns the end state and the moments it went through. */
async function cleanRun(): Promise<{ wanted: string; moments: string[]; certain: number }> {
  const { lab, node } = await freshLab();
  await using _ = lab;
  const agent = startDying(node, -1);
  await node.conflist();
  await until("a clean run to end", async () => {
    const { code } = await node.runAgent({ verb: "diff", settings: SETTINGS });
    return code === 0;
  }, { seen: () => agent.tail() });
  const momentsIn = (lines: readonly string[]) => lines.filter((line) => line.startsWith("moment "));
  const done = agent.stderr.findIndex((line) => / \+ cni /.test(line));
  return {
    wanted: await endStateOf(node),
    moments: momentsIn(agent.stderr),
    certain: momentsIn(agent.stderr.slice(0, done)).length, // what follows is looking again, sooner or later
  };
}

/** Kills the agent at a moment and runs it again; undefined when the end is as wanted. */
async function trouble(moment: number, wanted: string): Promise<string | undefined> {
  const { lab, node } = await freshLab();
  await using _ = lab;
  const dying = startDying(node, moment);
  // A moment that comes only sometimes may not come: then it dies at rest.
  await until("it to die or to be done", async () => {
    return !dying.isRunning || (await node.attempt(["cat", node.conflistPath])).code === 0;
  }, { pauseMs: 50, seen: () => dying.tail() });
  await dying.kill("SIGKILL");
  const last = dying.stderr.findLast((line) => line.startsWith("moment "));
  if (last?.startsWith(`moment ${moment} `)) reached.add(moment);
  // Unfinished files are swept away when they are a minute old: a living agent may be writing younger ones.
  const unfinished = ["-name", "*.temp", "-o", "-name", "input-*"];
  const age = ["-exec", "touch", "-h", "-d", "2 minutes ago", "{}", "+"];
  await node.run(["find", "/run", node.folder, "(", ...unfinished, ")", ...age]);
  node.startAgent({ settings: SETTINGS });
  try {
    await until("the same end", async () => await endStateOf(node) === wanted, { pauseMs: 100 });
  } catch {
    return `killed at ${last}\n${differences(wanted, await endStateOf(node))}\n${node.agent!.tail(5)}`;
  }
}

const which = STRIDE === 1 ? "any moment" : `every fifth moment from the ${FIRST}th`;

Deno.test(`killed at ${which} of its first load, the next agent ends where an undisturbed one does`, async () => {
  const { wanted, moments, certain } = await cleanRun();
  assert.ok(moments.length > 20, moments.join("\n"));
  const tried = moments.map((_, moment) => moment).filter((moment) => moment % STRIDE === FIRST);
  const left = [...tried];
  const troubles: string[] = [];
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    for (let moment = left.shift(); moment !== undefined; moment = left.shift()) {
      const found = await trouble(moment, wanted);
      if (found !== undefined) troubles.push(found);
    }
  }));
  const due = tried.filter((moment) => moment < certain);
  const missed = due.filter((moment) => !reached.has(moment)).map((moment) => moments[moment]);
  assert.ok(missed.length <= due.length / 5, `never reached:\n${missed.join("\n")}`);
  assert.ok(
    troubles.length === 0,
    `${troubles.length} of ${moments.length} moments:\n${troubles.join("\n\n")}`,
  );
});
