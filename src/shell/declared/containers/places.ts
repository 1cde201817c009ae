// Holds the network namespaces of containers: a process of ours stands in each, so that its path is that namespace and no other for
// as long as it is used. What stands where is written down, so that the next agent finds what this one has left.

import {
  isOfContainer,
  type NotFound,
  parseIdentities,
  parseProcess,
  type Process,
} from "../../../core/declared/containers/facts.ts";
import { type ContainerId, describeContainer } from "../../../core/declared/containers/container.ts";
import { attempt, type Holder, holdIn } from "../../command.ts";
import { ENGINES, type Engines, seek } from "./seek.ts";
import { forget, readTraces, type Trace, writeTraces } from "./traces.ts";

/** A namespace that is held. */
export interface HeldPlace {
  readonly id: ContainerId;
  /** Device and inode: two containers may share one. */
  readonly namespace: string;
  /** Of the process that holds it. */
  readonly path: string;
}

interface Held extends HeldPlace {
  readonly holder: Holder;
  readonly trace: Trace;
}

/** What came of looking. */
export interface Look {
  readonly found: ReadonlyMap<ContainerId, HeldPlace | NotFound>;
  /** No object's any more: for whatever is left there. */
  readonly left: readonly HeldPlace[];
}

/** All of them. */
export class Places {
  readonly #held = new Map<ContainerId, Held>();
  #left: Held[] = [];
  /** When the process began that an object names by its id. */
  readonly #starts = new Map<ContainerId, string>();
  #own: string | undefined;
  #written = "";

  /** @param file where it is written down */
  constructor(private readonly file: string, private readonly engines: Engines = ENGINES) {}

  /** Looks for containers; what is held and not looked for is left. */
  async look(ids: ReadonlySet<ContainerId>): Promise<Look> {
    if (this.#own === undefined) await this.#begin(ids);
    if (ids.size === 0 && this.#held.size === 0 && this.#left.length === 0) return NOWHERE;
    for (const id of [...this.#held.keys()].filter((id) => !ids.has(id))) this.#leave(id);
    for (const id of [...this.#starts.keys()].filter((id) => !ids.has(id))) this.#starts.delete(id);
    const found = new Map<ContainerId, HeldPlace | NotFound>();
    await Promise.all([...ids].map(async (id) => found.set(id, await this.#lookFor(id))));
    await this.#dropDead();
    await this.#write();
    return { found, left: this.#left };
  }

  /** Nothing of ours is there any more. */
  async release(place: HeldPlace): Promise<void> {
    this.#left.find((it) => it === place)?.holder.close();
    this.#left = this.#left.filter((it) => it !== place);
    await this.#write();
  }

  /** Lets all of them go; what stands stays. */
  close(): void {
    for (const { holder } of [...this.#held.values(), ...this.#left]) holder.close();
  }

  async #begin(ids: ReadonlySet<ContainerId>): Promise<void> {
    const own = (await identitiesOf([OWN])).get(OWN);
    if (own === undefined) throw new Error("the host's own network namespace cannot be told from others");
    this.#own = own;
    for (const trace of await readTraces(this.file)) {
      if (ids.has(trace.id) && trace.startTicks !== undefined && trace.id.startsWith("pid/")) {
        this.#starts.set(trace.id, trace.startTicks);
      }
      const held = await this.#enter(trace).catch(() => undefined);
      if (held !== undefined && "holder" in held) this.#left.push(held);
    }
  }

  async #lookFor(id: ContainerId): Promise<HeldPlace | NotFound> {
    const held = this.#held.get(id);
    const said = await seek(id, this.engines);
    if ("reason" in said) {
      if (said.isUnknown && held !== undefined) return held;
      this.#leave(id);
      return said;
    }
    const target = await this.#targetOf(id, said);
    if ("reason" in target) {
      this.#leave(id);
      return target;
    }
    if (held !== undefined && held.namespace === target.namespace) return held;
    this.#leave(id);
    const entered = await this.#enter(target).catch((error: Error): NotFound => ({
      reason: `its network namespace cannot be entered: ${error.message}`,
      next: "the agent needs CAP_SYS_ADMIN, CAP_SYS_PTRACE and the host's processes",
    }));
    if ("reason" in entered) return entered;
    this.#held.set(id, entered);
    // The same namespace is not left where it is wanted again.
    for (const it of this.#left.filter((it) => it.namespace === entered.namespace)) it.holder.close();
    this.#left = this.#left.filter((it) => it.namespace !== entered.namespace);
    return entered;
  }

  async #targetOf(
    id: ContainerId,
    said: { readonly path: string } | { readonly pid: number; readonly engineId: string | undefined },
  ): Promise<Trace | NotFound> {
    const path = "path" in said ? said.path : `/proc/${said.pid}/ns/net`;
    const process = "path" in said ? undefined : await readProcess(said.pid);
    if ("pid" in said) {
      const { pid, engineId } = said;
      if (process === undefined) {
        return { reason: `there is no process ${pid}`, next: "start it, or name another" };
      }
      if (engineId !== undefined && !isOfContainer(process, engineId)) {
        return {
          reason: `process ${pid} is said to be that of ${
            describeContainer(id)
          }, and the kernel says that it is not`,
          next: "see who serves the engine's socket",
        };
      }
      const first = engineId === undefined ? this.#starts.get(id) ?? process.startTicks : process.startTicks;
      if (first !== process.startTicks) {
        return {
          reason: `process ${pid} is another one than it was: its id was given away anew`,
          next: "name the process that is meant",
        };
      }
      if (engineId === undefined) this.#starts.set(id, first);
    }
    const namespace = (await identitiesOf([path])).get(path);
    if (namespace === undefined) {
      return {
        reason: `${path} cannot be looked at`,
        next: "the agent needs CAP_SYS_PTRACE, and to see the host's processes (hostPID)",
      };
    }
    if (namespace === this.#own) {
      return {
        reason: `${describeContainer(id)} is in the host's own network namespace`,
        next: "give it one of its own, or declare the interface without container",
      };
    }
    return { id, path, namespace, ...(process && { startTicks: process.startTicks }) };
  }

  /** Stands in it, and looks whether it is the one that was meant. */
  async #enter(trace: Trace): Promise<Held | NotFound> {
    const { id, path, namespace, startTicks } = trace;
    const known = (await identitiesOf([path])).get(path);
    if (known !== namespace) return CHANGES;
    const holder = await holdIn(path);
    const own = `/proc/${holder.pid}/ns/net`;
    const entered = (await identitiesOf([own])).get(own);
    const pid = Number(/^\/proc\/(\d+)\//.exec(path)?.[1]);
    const isSame = startTicks === undefined || (await readProcess(pid))?.startTicks === startTicks;
    if (entered === namespace && entered !== this.#own && isSame) {
      return { id, namespace, path: own, holder, trace };
    }
    holder.close();
    return CHANGES;
  }

  #leave(id: ContainerId): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    const isShared = [...this.#held.values()].some(({ namespace }) => namespace === held.namespace);
    if (isShared) held.holder.close();
    else this.#left.push(held);
  }

  /** Somebody has ended a holder: what it held is looked for anew. */
  async #dropDead(): Promise<void> {
    const all = [...this.#held.values(), ...this.#left];
    if (all.length === 0) return;
    const identities = await identitiesOf(all.map(({ path }) => path));
    for (const it of all.filter(({ path, namespace }) => identities.get(path) !== namespace)) {
      if (this.#held.get(it.id) === it) this.#held.delete(it.id);
      this.#left = this.#left.filter((other) => other !== it);
    }
  }

  async #write(): Promise<void> {
    const traces = [...this.#held.values(), ...this.#left].map(({ trace }) => trace);
    const text = JSON.stringify(traces);
    if (text === this.#written) return;
    this.#written = text;
    await (traces.length === 0 ? forget(this.file) : writeTraces(this.file, traces));
  }
}

const OWN = "/proc/self/ns/net";
const NOWHERE: Look = { found: new Map(), left: [] };
const CHANGES: NotFound = {
  reason: "its network namespace changes at this moment",
  next: "it is looked for again by itself",
};

/** Which namespace each file is; what is not there, or may not be looked at, is left out. */
async function identitiesOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await attempt({ program: "stat", args: ["-L", "-c", "%d:%i %n", ...paths] });
  return parseIdentities(stdout);
}

/** Undefined: there is none of that id. */
async function readProcess(pid: number): Promise<Process | undefined> {
  const files = [`/proc/${pid}/stat`, `/proc/${pid}/cgroup`];
  const { stdout, failure } = await attempt({ program: "cat", args: files });
  return failure === undefined ? parseProcess(stdout) : undefined;
}
