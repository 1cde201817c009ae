// Container engines that lie, hang, or take their time: played here, for real ones do so too seldom (slow/engine_cases.ts has those).

import assert from "node:assert/strict";
import { PATIENCE, until } from "../lab/until.ts";
import { ContainedNode, CONTAINERS, netlink } from "./contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
const red = n1.start(["unshare", "--net", "sleep", "infinity"]);
const inRed = ["nsenter", `--net=/proc/${red.pid}/ns/net`, "--"];
Deno.test.afterAll(async () => {
  await red.kill();
  await n1.run(["sh", "-c", `rmdir ${CGROUP}; umount /run/cgroup`]);
  await scene.lab.close();
});
n1.startAgent({ settings: CONTAINERS });

const ID = "0123456789abcdef".repeat(4);
/** Of an id that no container has: what the kernel says of a container's process. */
const CGROUP = `/run/cgroup/${ID}`;
const inDocker = (name: string, container: string) =>
  netlink(name, { type: "bridge", container: { docker: { name: container } } });

/** An engine that answers what it is told to, when it is told to. */
class PlayedEngine {
  readonly #listener: Deno.UnixListener;
  readonly #open = new Set<Deno.Conn>();
  /** Questions so far, and how many of them there were at once. */
  asked = 0;
  most = 0;

  constructor(private readonly answer: () => Promise<unknown> | unknown) {
    this.#listener = Deno.listen({ transport: "unix", path: `/proc/${n1.pid}/root/run/docker.sock` });
    this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.asked++;
      this.#open.add(connection);
      this.most = Math.max(this.most, this.#open.size);
      this.#speak(connection).catch(() => {}).finally(() => this.#end(connection));
    }
  }

  async #speak(connection: Deno.Conn): Promise<void> {
    await connection.read(new Uint8Array(4096));
    const answer = await this.answer();
    if (answer !== undefined) {
      const text = `HTTP/1.0 200 OK\r\n\r\n${JSON.stringify(answer)}`;
      await connection.write(new TextEncoder().encode(text));
      return;
    }
    // Until who asked has given up.
    await connection.read(new Uint8Array(1));
  }

  #end(connection: Deno.Conn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#end(connection);
    await n1.run(["rm", "-f", "/run/docker.sock"]);
  }
}

Deno.test("An engine that lies is not believed: another's process, the node's own, none, the host's network", async () => {
  await scene.write([inDocker("br-d", "agent1")]);
  await scene.told(/NetlinkInterface br-d: .*docker.sock does not answer/);
  let said: unknown;
  await using _ = new PlayedEngine(() => said);
  const says = (pid: number, mode = "none") => {
    said = { Id: ID, Name: "/agent1", State: { Running: true, Pid: pid }, HostConfig: { NetworkMode: mode } };
  };
  says(red.pid);
  await scene.told(
    /process \d+ is said to be that of docker container agent1, and the kernel says that it is not/,
  );
  says(n1.pid);
  await scene.told(new RegExp(`process ${n1.pid} is said to be that of docker container agent1`));
  says(1);
  await scene.told(/what it says of container agent1 cannot be true \(process 1\)/);
  says(4_000_000);
  await scene.told(/there is no process 4000000/);
  says(red.pid, "host");
  await scene.told(/container agent1 runs with the host's network/);
  said = ["nonsense"];
  await scene.told(/there is no container agent1/);
  assert.equal(await scene.namesIn(inRed), "");
  assert.equal(await scene.namesIn([]), "");
});

/** Deletes an interface, and says how long it was gone. */
async function mendedMs(enter: readonly string[] = [], name = "br-own"): Promise<number> {
  await n1.run([...enter, "ip", "link", "del", name]);
  const startMs = performance.now();
  await until(`${name} to be back`, async () => await scene.namesIn(enter) === name, {
    deadlineMs: 20_000,
    seen: () => n1.agent!.tail(),
  });
  return performance.now() - startMs;
}

/** An engine that tells the truth of red, for as long as it says anything. */
const TRUE = {
  Id: ID,
  Name: "/agent1",
  State: { Running: true, Pid: red.pid },
  HostConfig: { NetworkMode: "none" },
};

/** One second, and what a busy machine adds. */
const PROMPT_MS = 3_000 * PATIENCE;

Deno.test("An engine that hangs keeps nobody else waiting, is told, and is not asked without pause", async () => {
  await using engine = new PlayedEngine(() => undefined);
  const startMs = performance.now();
  const names = Array.from({ length: 9 }, (_, i) => `br-${i}`);
  await scene.write([...names.map((name) => inDocker(name, name)), netlink("br-own", { type: "bridge" })]);
  await scene.has([], "br-own");
  await scene.told(/docker[.]sock has not answered yet/);
  const mended: number[] = [];
  while (performance.now() - startMs < 8_000) mended.push(await mendedMs());
  assert.ok(Math.max(...mended) < PROMPT_MS, `${mended} ms`);
  await scene.told(/docker[.]sock does not answer: nothing within 5000 ms/);
  const rounds = 1 + Math.floor((performance.now() - startMs) / 15_000);
  assert.ok(engine.most <= 4, `${engine.most} at once`);
  assert.ok(engine.asked <= 4 * rounds, `${engine.asked} questions in ${rounds} rounds`);
});

Deno.test("One that answers after three seconds is heard, and the others are mended meanwhile", async () => {
  const answer = { Id: ID, Name: "/agent1", State: { Running: false, Pid: 0 }, HostConfig: {} };
  await using engine = new PlayedEngine(async () => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return answer;
  });
  await scene.write([inDocker("br-d", "agent1"), netlink("br-own", { type: "bridge" })]);
  await scene.restart();
  const mended: number[] = [];
  while (engine.asked === 0 || mended.length < 2) mended.push(await mendedMs());
  await scene.told(/container agent1 does not run/);
  assert.ok(Math.max(...mended) < PROMPT_MS, `${mended} ms`);
});

Deno.test("What is in a container is mended while its engine hangs, and an agent that starts then leaves it standing", async () => {
  await n1.run(["sh", "-ec", `mkdir /run/cgroup; mount -t cgroup2 cgroup2 /run/cgroup; mkdir ${CGROUP}`]);
  await n1.run(["tee", `${CGROUP}/cgroup.procs`], { stdin: `${red.pid}` });
  let hangs = false;
  await using engine = new PlayedEngine(() => hangs ? undefined : TRUE);
  await scene.write([inDocker("br-d", "agent1")]);
  await scene.has(inRed, "br-d");
  hangs = true;
  const isAsked = async () => {
    const { asked } = engine;
    await until("it to be asked", () => engine.asked > asked, { deadlineMs: 20_000 });
  };
  await isAsked();
  assert.ok(await mendedMs(inRed, "br-d") < PROMPT_MS);
  const before = await n1.run([...inRed, "ip", "-o", "link", "show", "br-d"]);
  await scene.restart();
  await isAsked();
  await scene.told(/^ {2}br-d bridge up in docker\/agent1/m);
  assert.equal(await n1.run([...inRed, "ip", "-o", "link", "show", "br-d"]), before);
  assert.ok(await mendedMs(inRed, "br-d") < PROMPT_MS);
});
