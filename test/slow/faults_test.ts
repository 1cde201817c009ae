// Programs that go wrong under an agent that has just been started on a node with work to do, and a kernel that refuses: it stays,
// tells it, loses no packet, and once it is over all is as it should be. Every moment and every trouble is in test/laws/faults_test.ts,
// on a model; here some of them meet the real programs, FAULT_SEED=N others: 589 ended an agent that had asked ip for a TUN device once.
//
//   n1-pod ═══ n2-pod     100 packets a second between all, IPv4 and IPv6
//      ╚═ n3-pod ═╝ ...

import assert from "node:assert/strict";
import { randomOf } from "../bench/random.ts";
import { SOURCE } from "../lab/agent.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { REFUSALS } from "../netns/forbidden_agent.ts";
import { losing } from "../netns/losses.ts";
import { Mesh } from "../netns/mesh.ts";
import { differences, readState } from "../netns/state.ts";

const SEED = Number(Deno.env.get("FAULT_SEED") ?? 589);
/** Programs that an agent starts until it has nothing more to do on a node that was left like this. */
const MOMENTS = 35;
/** A program that hangs is ended after 15 s, and what only an audit finds is found after 33. */
const OVER_MS = 60_000;

/** By what befalls programs, how many of them, and what is told of it; of what is a lie nothing need be. */
const TROUBLES: readonly (readonly [trouble: string, count: number, told: RegExp | undefined])[] = [
  ["fails", 20, /it was made to fail|exited 1/],
  ["fails when it is done", 1, undefined],
  ["hangs", 1, undefined],
  ["crashes", 20, /SIGSEGV/],
  ["is killed for its memory", 20, /SIGKILL/],
  ["is cut short", 1, undefined],
  ["prints nonsense", 20, /wg|JSON|token|ip |nft/],
  ["does nothing and says it did", 1, undefined],
];

const mesh = await Mesh.create({ nodes: 4, agent: SOURCE });
const { nodes, settings } = mesh;
const states = new Map(await Promise.all(nodes.map(async (node) => [node, await readState(node)] as const)));
const losesOnly = losing(await mesh.traffic());
Deno.test.afterAll(() => mesh.close());

function argvOf(program: string, ...args: readonly string[]): string[] {
  const path = new URL(`../netns/${program}`, import.meta.url).pathname;
  return [...SOURCE.argv.slice(0, -1), path, ...args];
}

/** Nothing of it costs a packet between pods, and all of it must be mended. */
async function damage(node: Node): Promise<void> {
  await node.run(["nft", "flush", "ruleset"]);
  await node.ip(["link set wigglenet mtu 1300", "route flush type unreachable proto 146"]);
  await node.run(["rm", node.conflistPath]);
}

async function becomes(node: Node): Promise<void> {
  const wanted = states.get(node)!;
  await until(`${node.name} to be as it was`, async () => await readState(node) === wanted, {
    deadlineMs: OVER_MS,
    pauseMs: 200,
    seen: async () => `seed ${SEED}\n${differences(wanted, await readState(node))}\n${node.agent!.tail(40)}`,
  });
  await node.says(
    "all is well",
    ({ applied }) => applied.isInSync && Object.keys(applied.failing).length === 0,
    OVER_MS,
  );
}

const random = randomOf(SEED);
const trials = TROUBLES.map((trouble, i) => ({
  trouble,
  node: nodes[i % nodes.length]!,
  first: Math.floor(random() * MOMENTS),
}));

for (const half of [trials.slice(0, nodes.length), trials.slice(nodes.length)]) {
  const what = half.map(({ trouble: [name, count], first }) =>
    `${count === 1 ? "the" : `${count} from the`} ${first}th ${name}`
  ).join("; ");
  Deno.test(`programs go wrong (${what}): no packet is lost, and all is mended`, async (t) => {
    await losesOnly(t, {}, async () => {
      await Promise.all(half.map(async ({ trouble: [name, count, told], node, first }) => {
        await node.agent!.kill("SIGKILL");
        await damage(node);
        const agent = node.startAgent({
          argv: argvOf("faulty_agent.ts", name, `${first}`, `${count}`),
          settings,
        });
        await agent.line("stderr", /^befallen /, OVER_MS);
        await becomes(node);
        assert.ok(agent.isRunning, `seed ${SEED}, ${name}: the agent ended`);
        const befallen = agent.stderr.filter((line) => line.startsWith("befallen ")).length;
        const log = agent.stderr.filter((line) => / (error|warn) /.test(line)).join("\n");
        if (befallen === count && told !== undefined) {
          assert.match(log, told, `seed ${SEED}, ${name}\n${agent.tail(60)}`);
        }
      }));
    });
  });
}

/** For how long an agent is looked at that cannot do its work. */
const SUFFERING_MS = 3_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a kernel that refuses (EPERM, ENOSPC, EMFILE by seccomp): agents stay and tell it, no packet is lost, and the next one mends all", async (t) => {
  await losesOnly(t, {}, async () => {
    await Promise.all(nodes.map(async (node, i) => {
      await node.agent!.kill("SIGKILL");
      const agent = node.startAgent({ argv: argvOf("forbidden_agent.ts", REFUSALS[i]!), settings });
      await node.inSync();
      Deno.kill(agent.pid, "SIGUSR1");
      await agent.line("stderr", /^forbidden$/);
      await damage(node);
      await agent.line(
        "stderr",
        / error .*(Operation not permitted|No space left|Too many open files)/,
        10_000,
      );
      await pause(SUFFERING_MS);
      assert.ok(agent.isRunning, `${REFUSALS[i]}: ${agent.tail()}`);
      await agent.kill("SIGTERM");
      node.startAgent({ settings });
      await becomes(node);
    }));
  });
});

Deno.test("an agent that may open no more files: it stays, tells it, and goes on when it may", async (t) => {
  const [node] = nodes as [Node];
  const agent = node.agent!;
  await losesOnly(t, {}, async () => {
    await node.run(["prlimit", "--pid", `${agent.pid}`, "--nofile=3:"]);
    await node.run(["nft", "flush", "ruleset"]);
    await agent.line("stderr", /Too many open files/, 10_000);
    const asked = node.status();
    await pause(SUFFERING_MS);
    await node.run(["prlimit", "--pid", `${agent.pid}`, "--nofile=1024:"]);
    await becomes(node);
    assert.equal(node.agent, agent);
    assert.ok(agent.isRunning);
    assert.equal((await asked)?.node, node.name, "who asked meanwhile has an answer in the end");
  });
});
