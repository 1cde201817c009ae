// The container engine that the clusters live in. One that answers is used as it is. Where none does, root starts a
// dockerd of its own in a network namespace: its bridges and rules are gone with it, and nobody else's are touched.

import { cacheFolder } from "../kubernetes/go_program.ts";
import { attempt, run } from "../process.ts";
import { until } from "../until.ts";
import { programPath } from "./programs.ts";

/** It cannot be done here: what is in the way, and the remedy. */
export class Objection extends Error {
  constructor(what: string, readonly remedy: string) {
    super(`${what}. Remedy: ${remedy}`);
  }
}

/** What a task of deno.json does: it ends with main's exit code, by default 0; an Objection is printed, with 1. */
export async function runTask(main: () => Promise<number | void>): Promise<never> {
  try {
    Deno.exit(await main() ?? 0);
  } catch (error) {
    if (!(error instanceof Objection)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}

const NAMESPACE = "wigglenet-kind";
const RUN = "/run/wigglenet-kind";
const SOCKET = `unix://${RUN}/docker.sock`;
const START_MS = 30_000;
/** Each node is a systemd: the usual 128 instances are used up by the second one, as kind's list of troubles says. */
const INOTIFY = { "fs.inotify.max_user_instances": 1024, "fs.inotify.max_user_watches": 524_288 };

/** A container engine that answers. */
export class Engine {
  /** To be given to docker and kind. */
  readonly env: Readonly<Record<string, string>>;
  /** Goes before a program that must reach the nodes. */
  readonly enter: readonly string[];

  /** `isOurs`: a dockerd that {@link startEngine} started, in this run or one before. */
  constructor(readonly isOurs: boolean) {
    this.env = isOurs ? { DOCKER_HOST: SOCKET } : {};
    this.enter = isOurs ? ["nsenter", `--net=/run/netns/${NAMESPACE}`] : [];
  }

  /** Runs docker; returns what it prints. */
  async docker(args: readonly string[], deadlineMs = 60_000): Promise<string> {
    return await run(["docker", ...args], { env: this.env, deadlineMs });
  }

  /** Whether there is such an image. */
  async hasImage(name: string): Promise<boolean> {
    return (await attempt(["docker", "image", "inspect", name], { env: this.env })).code === 0;
  }

  /** Ends it if it is ours; its images stay in the cache. */
  async stop(): Promise<void> {
    if (this.isOurs) await stopOurs();
  }
}

/** The engine that answers now. Throws {@link Objection} when none does. */
export async function findEngine(): Promise<Engine> {
  const version = await attempt(["docker", "version"]).catch(() => undefined);
  if (version === undefined) {
    throw new Objection("There is no docker", "sudo apt-get install --no-install-recommends docker.io");
  }
  if (version.code === 0) return new Engine(false);
  const why = version.stderr.trim().split("\n").at(-1) ?? "";
  if (Deno.env.has("DOCKER_HOST")) {
    throw new Objection(`No docker answers at DOCKER_HOST: ${why}`, "start it, or unset DOCKER_HOST");
  }
  if (await answers(SOCKET)) return new Engine(true);
  throw new Objection(`No docker answers: ${why}`, "sudo systemctl start docker, or be root");
}

/** The engine that answers now; where none does and this is root, one that it starts. Throws {@link Objection}. */
export async function startEngine(): Promise<Engine> {
  try {
    return await findEngine();
  } catch (error) {
    if (Deno.uid() !== 0 || Deno.env.has("DOCKER_HOST")) throw error;
    if (await attempt(["dockerd", "--version"]).catch(() => undefined) === undefined) throw error;
  }
  await startOurs();
  return new Engine(true);
}

async function startOurs(): Promise<void> {
  await Deno.mkdir(RUN, { recursive: true });
  await Deno.writeTextFile(`${RUN}/daemon.json`, JSON.stringify(configuration()));
  await Deno.writeTextFile(`${RUN}/limits.json`, JSON.stringify(await raiseLimits()));
  await attempt(["ip", "netns", "add", NAMESPACE]); // one that a killed run left will do
  await run(["ip", "-n", NAMESPACE, "link", "set", "lo", "up"]);
  const log = `${RUN}/docker.log`;
  // It outlives this process with --keep: its output goes to a file, as a pipe would end with its reader.
  const argv = [
    "--fork",
    "nsenter",
    `--net=/run/netns/${NAMESPACE}`,
    "sh",
    "-c",
    `exec dockerd "$@" >${log} 2>&1`,
  ];
  await run(["setsid", ...argv, "dockerd", "--config-file", `${RUN}/daemon.json`, "--log-level=warn"]);
  try {
    await until("dockerd to answer", () => answers(SOCKET), { deadlineMs: START_MS, pauseMs: 200 });
  } catch {
    const said = (await Deno.readTextFile(log).catch(() => "")).trim().split("\n").slice(-3).join("\n");
    await stopOurs();
    throw new Objection(`dockerd does not start: ${said}`, "dockerd --debug tells more");
  }
}

async function stopOurs(): Promise<void> {
  const pid = Number(await Deno.readTextFile(`${RUN}/docker.pid`).catch(() => "0"));
  if (pid > 0) {
    Deno.kill(pid, "SIGTERM");
    const isGone = () => Deno.stat(`/proc/${pid}`).then(() => false, () => true);
    await until("dockerd to end", isGone, { deadlineMs: START_MS, pauseMs: 100 });
  }
  const limits = JSON.parse(await Deno.readTextFile(`${RUN}/limits.json`)) as Record<string, string>;
  for (const [name, value] of Object.entries(limits)) await run(["sysctl", "-qw", `${name}=${value}`]);
  await run(["ip", "netns", "del", NAMESPACE]);
  await Deno.remove(RUN, { recursive: true }).catch(() => {}); // a mount below it may take its time to go
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

async function answers(host: string): Promise<boolean> {
  return (await attempt(["docker", "--host", host, "version"])).code === 0;
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
