// The container engine that the clusters live in. One that answers is used as it is. Where none does, root starts a
// dockerd of its own in a network namespace: its bridges and rules are gone with it, and nobody else's are touched.

import { cacheFolder } from "../kubernetes/go_program.ts";
import { attempt, Process, run } from "../process.ts";
import { until } from "../until.ts";
import { programPath } from "./programs.ts";

/** It cannot be done here: what is in the way, and the remedy. */
export class Objection extends Error {
  constructor(what: string, readonly remedy: string) {
    super(`${what}. Remedy: ${remedy}`);
  }
}

const NAMESPACE = "wigglenet-kind";
const RUN = "/run/wigglenet-kind";
const SOCKET = `unix://${RUN}/docker.sock`;
const START_MS = 30_000;
/** Each node is a systemd: the usual 128 instances are used up by the second one, as kind's list of troubles says. */
const INOTIFY = { "fs.inotify.max_user_instances": 1024, "fs.inotify.max_user_watches": 524_288 };

/** A container engine that answers. */
export class Engine implements AsyncDisposable {
  /** To be given to docker and kind. */
  readonly env: Readonly<Record<string, string>>;
  /** Goes before a program that must reach the nodes. */
  readonly enter: readonly string[];

  /** An engine of `own` is ended with the last that uses it. */
  constructor(readonly own?: OwnEngine) {
    this.env = own === undefined ? {} : { DOCKER_HOST: SOCKET };
    this.enter = own === undefined ? [] : ["nsenter", `--net=/run/netns/${NAMESPACE}`];
  }

  /** Runs docker; returns what it prints. */
  async docker(args: readonly string[], deadlineMs = 60_000): Promise<string> {
    return await run(["docker", ...args], { env: this.env, deadlineMs });
  }

  /** Whether there is such an image. */
  async hasImage(name: string): Promise<boolean> {
    return (await attempt(["docker", "image", "inspect", name], { env: this.env })).code === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.own?.stop();
  }
}

/** Finds an engine or starts one, whose end is the caller's to bring about. Throws {@link Objection}. */
export async function findEngine(): Promise<Engine> {
  const version = await attempt(["docker", "version", "--format", "{{.Server.Version}}"]).catch(() =>
    undefined
  );
  if (version === undefined) {
    throw new Objection("There is no docker", "sudo apt-get install --no-install-recommends docker.io");
  }
  if (version.code === 0) return new Engine();
  if (Deno.env.has("DOCKER_HOST")) {
    throw new Objection(
      `No docker answers at DOCKER_HOST: ${lastLine(version.stderr)}`,
      "start it, or unset DOCKER_HOST",
    );
  }
  if (Deno.uid() !== 0) {
    throw new Objection(
      `No docker answers: ${lastLine(version.stderr)}`,
      "sudo systemctl start docker, or be root",
    );
  }
  return new Engine(await OwnEngine.start());
}

/** A dockerd of ours. */
export class OwnEngine {
  readonly #process?: Process;
  readonly #limits: Readonly<Record<string, string>>;

  private constructor(limits: Readonly<Record<string, string>>, process?: Process) {
    this.#limits = limits;
    if (process !== undefined) this.#process = process;
  }

  /** Starts it, or takes over the one that a run with --keep left. */
  static async start(): Promise<OwnEngine> {
    if (await answers()) return new OwnEngine({});
    const where = await attempt(["dockerd", "--version"]).catch(() => undefined);
    if (where === undefined) {
      throw new Objection(
        "No docker answers, and there is no dockerd to start",
        "sudo apt-get install docker.io",
      );
    }
    await Deno.mkdir(RUN, { recursive: true });
    await Deno.writeTextFile(`${RUN}/daemon.json`, JSON.stringify(configuration()));
    await attempt(["ip", "netns", "add", NAMESPACE]); // one that a killed run left will do
    await run(["ip", "-n", NAMESPACE, "link", "set", "lo", "up"]);
    const limits = await raiseLimits();
    const process = new Process([
      ...["nsenter", `--net=/run/netns/${NAMESPACE}`],
      ...["dockerd", "--config-file", `${RUN}/daemon.json`, "--log-level=warn"],
    ]);
    const engine = new OwnEngine(limits, process);
    try {
      await until("dockerd to answer", async () => {
        if (!process.isRunning) throw new Error("it has ended");
        return await answers();
      }, { deadlineMs: START_MS, pauseMs: 200, seen: () => process.tail() });
    } catch (error) {
      await engine.stop();
      throw new Objection(
        `dockerd does not start: ${(error as Error).message}`,
        `dockerd --debug tells more`,
      );
    }
    return engine;
  }

  /** Ends it; images stay in the cache. */
  async stop(): Promise<void> {
    const pid = Number(await Deno.readTextFile(`${RUN}/docker.pid`).catch(() => "0"));
    if (this.#process !== undefined) await this.#process.kill("SIGTERM", START_MS);
    else if (pid > 0) {
      Deno.kill(pid, "SIGTERM");
      await until("dockerd to end", () => Deno.stat(`/proc/${pid}`).then(() => false, () => true), {
        deadlineMs: START_MS,
      });
    }
    await run(["ip", "netns", "del", NAMESPACE]);
    for (const [name, value] of Object.entries(this.#limits)) {
      await run(["sysctl", "-qw", `${name}=${value}`]);
    }
    await Deno.remove(RUN, { recursive: true }).catch(() => {}); // a mount below it may take its time to go
  }
}

function configuration(): unknown {
  return {
    hosts: [SOCKET],
    pidfile: `${RUN}/docker.pid`,
    "exec-root": `${RUN}/exec`,
    "data-root": `${cacheFolder()}/docker`,
    // Where nothing is missing this is runc as it stands.
    runtimes: { reduced: { path: programPath("wigglenet-runc") } },
    "default-runtime": "reduced",
  };
}

async function answers(): Promise<boolean> {
  return (await attempt(["docker", "--host", SOCKET, "version"])).code === 0;
}

/** Returns what they were where they were lower. */
async function raiseLimits(): Promise<Record<string, string>> {
  const before: Record<string, string> = {};
  for (const [name, wanted] of Object.entries(INOTIFY)) {
    const value = (await run(["sysctl", "-n", name])).trim();
    if (Number(value) >= wanted) continue;
    before[name] = value;
    await run(["sysctl", "-qw", `${name}=${wanted}`]);
  }
  return before;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
