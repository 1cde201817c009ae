// Container engines that hang, or take their time: played here, for real ones do so too seldom (engine_cases.ts has those).

import assert from "node:assert/strict";
import { PATIENCE, until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";
import { ENGINE_ID, inspectionOf, PlayedEngine } from "../netns/played_engine.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
const red = n1.start(["unshare", "--net", "sleep", "infinity"]);
const inRed = ["nsenter", `--net=/proc/${red.pid}/ns/net`, "--"];
Deno.test.afterAll(async () => {
  await red.kill();
  await n1.attempt(["sh", "-c", `rmdir ${CGROUP}; umount /run/cgroup`]);
  await scene.lab.close();
});
n1.startAgent({ settings: CONTAINERS });

/** Of an id that no container has: what the kernel says of a container's process. */
const CGROUP = `/run/cgroup/${ENGINE_ID}`;
const inDocker = (name: string, container: string) =>
  netlink(name, { type: "bridge", container: { docker: { name: container } } });

/** A second, and what a busy machine adds; who waits for an engine takes five at least. */
const PROMPT_MS = 3_000 * PATIENCE;

/** Deletes an interface until it is back in time: on a busy machine a look takes long, and is followed by rest. */
async function isMendedPromptly(enter: readonly string[] = [], name = "br-own"): Promise<void> {
  const tookMs: number[] = [];
  await until(`${name} to be back in time`, async () => {
    await n1.run([...enter, "ip", "link", "del", name]);
    const startMs = performance.now();
    await scene.has(enter, name);
    tookMs.push(performance.now() - startMs);
    return tookMs.at(-1)! < PROMPT_MS;
  }, { deadlineMs: 30_000, seen: () => `back after ${tookMs} ms\n${n1.agent!.tail()}` });
}

Deno.test("An engine that hangs keeps nobody else waiting, is told, and is not asked without pause", async () => {
  await using engine = new PlayedEngine(n1, () => undefined);
  const startMs = performance.now();
  const names = Array.from({ length: 9 }, (_, i) => `br-${i}`);
  await scene.write([...names.map((name) => inDocker(name, name)), netlink("br-own", { type: "bridge" })]);
  await scene.has([], "br-own");
  await scene.told(/docker[.]sock has not answered yet/);
  await isMendedPromptly();
  await scene.told(/docker[.]sock does not answer: nothing within 5000 ms/);
  const rounds = 1 + Math.floor((performance.now() - startMs) / 15_000);
  assert.ok(engine.most <= 4, `${engine.most} at once`);
  assert.ok(engine.asked <= 4 * rounds, `${engine.asked} questions in ${rounds} rounds`);
});

Deno.test("One that answers after three seconds is heard, and the others are mended meanwhile", async () => {
  const answer = inspectionOf("agent1", 0, { State: { Running: false, Pid: 0 } });
  await using engine = new PlayedEngine(n1, async () => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return answer;
  });
  await scene.write([inDocker("br-d", "agent1"), netlink("br-own", { type: "bridge" })]);
  await scene.restart();
  await until("it to be asked", () => engine.asked > 0);
  await isMendedPromptly();
  await scene.told(/container agent1 does not run/);
});

Deno.test("What is in a container is mended while its engine hangs, and an agent that starts then leaves it standing", async () => {
  await n1.run(["sh", "-ec", `mkdir /run/cgroup; mount -t cgroup2 cgroup2 /run/cgroup; mkdir ${CGROUP}`]);
  await n1.run(["tee", `${CGROUP}/cgroup.procs`], { stdin: `${red.pid}` });
  let hangs = false;
  await using engine = new PlayedEngine(n1, () => hangs ? undefined : inspectionOf("agent1", red.pid));
  await scene.write([inDocker("br-d", "agent1")]);
  await scene.has(inRed, "br-d");
  hangs = true;
  const isAsked = async () => {
    const { asked } = engine;
    await until("it to be asked", () => engine.asked > asked, { deadlineMs: 20_000 });
  };
  await isAsked();
  await isMendedPromptly(inRed, "br-d");
  const number = async () => (await n1.run([...inRed, "ip", "-o", "link", "show", "br-d"])).split(":")[0];
  const before = await number();
  await scene.restart();
  await isAsked();
  await scene.told(/^ {2}br-d bridge up in docker\/agent1/m);
  assert.equal(await number(), before);
  await isMendedPromptly(inRed, "br-d");
});
