// A machine of the laboratory: a network namespace, held open by a sleeping process, and for nodes a mount
// namespace with their own /run and /sys. Everything on it is started through nsenter.

import { attempt, type Output, Process, run, type RunOptions, type SpawnOptions } from "./process.ts";
import { pids } from "./reaper.ts";
import { PATIENCE, until, within } from "./until.ts";

/** Namespaces that a sleeping process holds open. */
export interface Namespace {
  readonly name: string;
  readonly holder: Process;
  /** What goes in front of an argument list to start it inside. */
  readonly enter: readonly string[];
}

/**
 * Makes the namespaces of a machine; only its loopback is up. With `hasOwnMounts` it has its own /run and
 * /sys, as a node does; pods and mere hosts share those of the laboratory.
 */
export async function hold(name: string, { hasOwnMounts = false } = {}): Promise<Namespace> {
  const holder = new Process(["unshare", "--net", ...(hasOwnMounts ? ["--mount"] : []), "sleep", "infinity"]);
  await until(`the namespace of ${name}`, async () => {
    // unshare becomes sleep once the namespaces stand
    return (await Deno.readTextFile(`/proc/${holder.pid}/comm`)).trim() === "sleep";
  }, { pauseMs: 2, seen: () => holder.tail() });
  const enter = ["nsenter", "--target", `${holder.pid}`, "--net", ...(hasOwnMounts ? ["--mount"] : []), "--"];
  if (hasOwnMounts) {
    await run([...enter, "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
    await run([...enter, "mount", "-t", "sysfs", "sysfs", "/sys"]); // /sys/class/net of this network
  }
  await run([...enter, "ip", "link", "set", "lo", "up"]);
  return { name, holder, enter };
}

/** A machine on namespaces made by {@link hold}. */
export class Host {
  readonly #started: Process[] = [];

  constructor(readonly namespace: Namespace) {}

  /** What the machine is called. */
  get name(): string {
    return this.namespace.name;
  }

  /** Process id by which `nsenter` finds its namespaces. */
  get pid(): number {
    return this.namespace.holder.pid;
  }

  /** Path of the network namespace, as CNI wants it. */
  get netns(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** The argument list that starts a program on this machine. */
  argv(argv: readonly string[]): string[] {
    return [...this.namespace.enter, ...argv];
  }

  /** Runs a program that must succeed; returns its standard output. */
  run(argv: readonly string[], options?: RunOptions): Promise<string> {
    return run(this.argv(argv), options);
  }

  /** Runs a program, whatever its exit code. */
  attempt(argv: readonly string[], options?: RunOptions): Promise<Output> {
    return attempt(this.argv(argv), options);
  }

  /** Starts a program that runs until it is killed or the machine ends. */
  start(argv: readonly string[], options?: SpawnOptions): Process {
    const started = new Process(this.argv(argv), options);
    this.#started.push(started);
    return started;
  }

  /** Runs lines of the `ip` program in one go. */
  async ip(lines: readonly string[]): Promise<void> {
    await this.run(["ip", "-batch", "-"], { stdin: lines.map((line) => `${line}\n`).join("") });
  }

  /** Sets one value on several sysctls, named with dots as the sysctl program does. */
  async sysctl(value: string, names: readonly string[]): Promise<void> {
    const paths = names.map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
    await this.run(["tee", ...paths], { stdin: value });
  }

  /** Pings an address; no answer is no error. */
  async ping(address: string, { count = 1, timeoutMs = 2_000 } = {}): Promise<Pings> {
    const argv = [
      "ping",
      "-n",
      "-q",
      "-c",
      `${count}`,
      // Once something was answered, ping waits for the rest for an interval only, not for its -W. And not all at once:
      // of packets that meet before their flow is known to conntrack it drops all but one.
      "-i",
      `${0.2 * PATIENCE}`,
      "-W",
      `${timeoutMs * PATIENCE / 1000}`,
      address,
    ];
    const { stdout, stderr } = await this.attempt(argv);
    const received = /(\d+) received/.exec(stdout)?.[1];
    const average = /^rtt [^=]*= [\d.]+\/([\d.]+)/m.exec(stdout)?.[1];
    return {
      sent: count,
      received: Number(received ?? 0),
      ...(average === undefined ? {} : { averageMs: Number(average) }),
      trouble: stderr.trim(),
    };
  }

  /** Kills everything that runs in this network, the holder last, and waits until it is gone. */
  async close(): Promise<void> {
    const own = networkOf(this.pid);
    // Its network is the first thing that a dead process gives back. One that was just being started is seen by the next look.
    await until(`the programs on ${this.name} to end`, () => {
      const others = pids().filter((pid) => pid !== this.pid && own !== undefined && networkOf(pid) === own);
      others.forEach(kill);
      return others.length === 0;
    }, { pauseMs: 5 });
    await this.namespace.holder.kill();
    const ends = this.#started.flatMap(({ ended, closed }) => [ended, closed]);
    await within(`the output of the programs on ${this.name} to end`, 10_000, Promise.all(ends));
  }
}

/** What came of pings to one address. */
export interface Pings {
  readonly sent: number;
  readonly received: number;
  /** Round trip; undefined without an answer. */
  readonly averageMs?: number;
  /** What ping complained about. */
  readonly trouble: string;
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // it ended by itself
  }
}

function networkOf(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined; // it is gone, or a zombie
  }
}
