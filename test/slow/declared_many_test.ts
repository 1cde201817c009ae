// Two hundred containers on a node, and such as are started anew all the time: what they cost an agent.

import { until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
Deno.test.afterAll(() => scene.lab.close());

const NAMES = Array.from({ length: 200 }, (_, i) => `c${i}`);
const bridge = (name: string) => netlink(`br-${name}`, { type: "bridge", container: { netns: { name } } });
const enter = (name: string) => ["ip", "netns", "exec", name];

const batch = (lines: readonly string[]) =>
  n1.run(["ip", "-batch", "-"], { stdin: lines.map((line) => `${line}\n`).join("") });

/** Descriptors that the agent has open, and processes by which it holds namespaces, dead ones too. */
async function costs(): Promise<{ descriptors: number; holders: number }> {
  const { pid } = n1.agent!;
  const script =
    `ls /proc/${pid}/fd | wc -l; cd /proc; cat $(sed 's, ,/comm ,g' ${pid}/task/*/children) | grep -cx cat`;
  const [descriptors, holders] = (await n1.attempt(["sh", "-c", script])).stdout.split("\n").map(Number);
  return { descriptors: descriptors!, holders: holders! };
}

/** Waits until it is at rest: beside the holders stand those who look and go. */
async function costsAtMost(descriptors: number, holders: number): Promise<void> {
  let last = {};
  await until(`at most ${descriptors} descriptors and ${holders} holders`, async () => {
    const now = await costs();
    last = now;
    return now.descriptors <= descriptors && now.holders <= holders;
  }, { deadlineMs: 20_000, seen: () => JSON.stringify(last) });
}

async function haveAll(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await until(`${name} to have its own`, async () => await scene.namesIn(enter(name)) === `br-${name}`, {
      deadlineMs: 60_000,
      seen: () => n1.agent!.tail(),
    });
  }
}

Deno.test("Containers that are started anew cost their agent no descriptor, and leave it no process", async () => {
  const few = NAMES.slice(0, 8);
  await batch(few.map((name) => `netns add ${name}`));
  await scene.write(few.map(bridge));
  n1.startAgent({ settings: CONTAINERS });
  await haveAll(few);
  const { descriptors } = await costs();
  for (let round = 0; round < 3; round++) {
    await batch(few.flatMap((name) => [`netns del ${name}`, `netns add ${name}`]));
    await haveAll(few);
  }
  // A look has some open for a moment; each container that is left open would be three of 72.
  await costsAtMost(descriptors + 8, few.length);
});

Deno.test("Two hundred containers: each has its own, what is deleted in one is back, and each costs two descriptors and a process", async () => {
  await batch(NAMES.slice(8).map((name) => `netns add ${name}`));
  await scene.write(NAMES.map(bridge));
  await haveAll(NAMES);
  await n1.run([...enter("c150"), "ip", "link", "del", "br-c150"]);
  await haveAll(["c150"]);
  await costsAtMost(2 * NAMES.length + 60, NAMES.length);
  await scene.write([netlink("br-own", { type: "bridge" })]);
  await scene.has([], "br-own");
  await costsAtMost(60, 0);
});
