// Holds the network namespaces of containers: a process of ours stands in each, and its path is that namespace for as long as it
// lives. What stands where is written down, so that the next agent finds what this one has left.

import {
  type Found,
  isOfContainer,
  type NotFound,
  type Process,
} from "../../../core/declared/containers/facts.ts";
import { type ContainerId, describeContainer } from "../../../core/declared/containers/container.ts";
import { type Holder, holdIn } from "../../command.ts";
import { type Identities, identitiesOf, NAMED, nameOf, readProcess } from "./identities.ts";
import { Seeker } from "./seek.ts";
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
  /** Where something may be left, and nobody can look just now. */
  readonly lost: readonly { readonly id: ContainerId }[];
}

const OWN = "/proc/self/ns/net";
const OWN_PIDS = "/proc/self/ns/pid";
const CHANGES: NotFound = {
  reason: "its network namespace changes at this moment",
  next: "it is looked for again by itself",
  isUnknown: true,
};

/** All of them. */
export class Places {
  readonly #seeker = new Seeker();
  readonly #held = new Map<ContainerId, Held>();
  #left: Held[] = [];
  /** Those that could not be entered, or whose holder somebody has ended. */
  #lost: Trace[] = [];
  /** Of processes: when they began, and the namespace that they had first. */
  readonly #first = new Map<ContainerId, Pick<Trace, "startTicks" | "namespace">>();
  #gone: ReadonlySet<string> = new Set();
  #own: string | undefined;
  #pids: string | undefined;
  #written: string | undefined;

  /** @param file where it is written down */
  constructor(private readonly file: string) {}

  /** Looks for containers; what is held and not looked for is left. */
  async look(ids: ReadonlySet<ContainerId>): Promise<Look> {
    if (this.#own === undefined) await this.#begin();
    for (const id of [...this.#held.keys()].filter((id) => !ids.has(id))) this.#leave(id);
    for (const id of [...this.#first.keys()].filter((id) => !ids.has(id))) this.#first.delete(id);
    const found = new Map<ContainerId, HeldPlace | NotFound>();
    const isNothing = ids.size + this.#left.length + this.#lost.length === 0;
    if (!isNothing) {
      const said = await this.#seeker.seek(ids);
      const identities = await identitiesOf([
        ...[...said.values()].flatMap((it) => "reason" in it ? [] : pathOf(it)),
        ...[...this.#held.values(), ...this.#left].flatMap(({ path, trace }) => [path, trace.path]),
        ...this.#lost.map(({ path }) => path),
        NAMED,
      ]);
      this.#gone = identities.gone;
      this.#dropDead(identities);
      await this.#regain(ids, identities);
      // One after the other: what one leaves another may want.
      for (const [id, it] of said) found.set(id, await this.#lookAt(id, it, identities));
    }
    await this.#write();
    return { found, left: this.#left, lost: this.#lost };
  }

  /** True while each path is the namespace that it was; before something is done there. */
  async areHeld(): Promise<boolean> {
    const all = [...this.#held.values(), ...this.#left];
    const { of } = await identitiesOf(all.map(({ path }) => path));
    return all.every(({ path, namespace }) => of.get(path) === namespace);
  }

  /** Nothing of ours is there any more. */
  async release(place: HeldPlace): Promise<void> {
    this.#left.find((it) => it === place)?.holder.close();
    this.#left = this.#left.filter((it) => it !== place);
    await this.#write();
  }

  /** It cannot be read: where its container is gone the kernel takes what stands there, once nobody holds it. */
  async giveUp(place: HeldPlace): Promise<void> {
    const held = this.#left.find((it) => it === place);
    if (held !== undefined && this.#gone.has(held.trace.path)) await this.release(place);
  }

  /** Lets all of them go; what stands stays. */
  close(): void {
    for (const { holder } of [...this.#held.values(), ...this.#left]) holder.close();
  }

  async #begin(): Promise<void> {
    const { of } = await identitiesOf([OWN, OWN_PIDS]);
    const own = of.get(OWN);
    if (own === undefined) throw new Error("the host's own network namespace cannot be told from others");
    for (const trace of await readTraces(this.file)) {
      if (trace.startTicks !== undefined) this.#first.set(trace.id, trace);
      if (trace.namespace !== "") this.#lost.push(trace);
    }
    this.#own = own;
    this.#pids = of.get(OWN_PIDS);
  }

  /** Somebody has ended a holder: what it held is looked for anew. */
  #dropDead({ of }: Identities): void {
    for (const it of [...this.#held.values(), ...this.#left]) {
      if (of.get(it.path) === it.namespace) continue;
      it.holder.close();
      if (this.#held.get(it.id) === it) this.#held.delete(it.id);
      this.#left = this.#left.filter((other) => other !== it);
      this.#lost.push(it.trace);
    }
  }

  /** Only what is certainly gone, or another, is forgotten, and has no other name. */
  async #regain(ids: ReadonlySet<ContainerId>, { of, gone }: Identities): Promise<void> {
    const lost: Trace[] = [];
    for (const trace of this.#lost) {
      const { id, path, namespace } = trace;
      // In another container than an agent's there may be no names, and other processes.
      const ofPids = trace.pids ?? this.#pids;
      const isHidden = path.startsWith("/proc/") ? ofPids !== this.#pids : gone.has(NAMED);
      const known = isHidden ? undefined : of.get(path);
      const isGone = !isHidden && (gone.has(path) || known !== undefined && known !== namespace);
      const there = isGone ? await this.#byOtherName(trace) : trace;
      if (there === undefined) continue;
      const isUnknown = known === undefined && !isGone;
      const entered = isUnknown ? CHANGES : await this.#enter(there).catch(() => CHANGES);
      if ("reason" in entered) lost.push(there);
      else if (!isGone && ids.has(id) && !this.#held.has(id)) this.#held.set(id, entered);
      else this.#left.push(entered);
    }
    this.#lost = lost;
  }

  /** Where a namespace is that is not any more where it was. */
  async #byOtherName({ namespace }: Trace): Promise<Trace | undefined> {
    if ([...this.#held.values(), ...this.#left].some((it) => it.namespace === namespace)) return undefined;
    const path = await nameOf(namespace);
    if (path !== undefined) return { id: `netns/${path.slice(NAMED.length + 1)}`, path, namespace };
  }

  async #lookAt(
    id: ContainerId,
    said: Found | NotFound,
    identities: Identities,
  ): Promise<HeldPlace | NotFound> {
    const held = this.#held.get(id);
    const unknown = (error: Error): NotFound => ({
      reason: `it cannot be looked for: ${error.message}`,
      next: "it is looked for again by itself",
      isUnknown: true,
    });
    const target = "reason" in said ? said : await this.#targetOf(id, said, identities).catch(unknown);
    if ("reason" in target) {
      if (target.isUnknown) return held ?? target;
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

  async #targetOf(id: ContainerId, said: Found, { of, gone }: Identities): Promise<Trace | NotFound> {
    const path = pathOf(said);
    const process = "path" in said ? undefined : await readProcess(said.pid);
    if ("pid" in said && process === undefined) {
      return { reason: `there is no process ${said.pid}`, next: "start it, or name another" };
    }
    const namespace = of.get(path);
    if (gone.has(path)) return { reason: `there is no ${path} any more`, next: "start it, or name another" };
    if (namespace === undefined) {
      const next = "the agent needs CAP_SYS_PTRACE, and to see the host's processes (hostPID)";
      return { reason: `${path} cannot be looked at`, next, isUnknown: true };
    }
    const objection = "pid" in said ? this.#objection(id, said, { ...process!, namespace }) : undefined;
    if (objection !== undefined) return objection;
    if (namespace === this.#own) {
      return {
        reason: `${describeContainer(id)} is in the host's own network namespace`,
        next: "give it one of its own, or declare the interface without container",
      };
    }
    return { id, path, namespace, ...(process && { startTicks: process.startTicks, pids: this.#pids }) };
  }

  /** Why a process is not the one that is meant; undefined: it is. */
  #objection(
    id: ContainerId,
    { pid, engineId }: Extract<Found, { readonly pid: number }>,
    process: Process & { readonly namespace: string },
  ): NotFound | undefined {
    const { startTicks, namespace } = process;
    if ([...this.#held.values(), ...this.#left].some(({ holder }) => holder.pid === pid)) {
      return { reason: `process ${pid} is this agent's own`, next: "name a process of the host" };
    }
    if (engineId !== undefined && !isOfContainer(process, engineId)) {
      const said = `process ${pid} is said to be that of ${describeContainer(id)}`;
      return {
        reason: `${said}, and the kernel says that it is not`,
        next: "see who serves the engine's socket, and whether it runs without cgroups of its own",
      };
    }
    const first = this.#first.get(id);
    if (engineId === undefined && first !== undefined && first.startTicks !== startTicks) {
      return {
        reason: `process ${pid} is another one than it was: its id was given away anew`,
        next: "name the process that is meant",
      };
    }
    const isSame = first?.startTicks === startTicks && first.namespace !== "";
    if (isSame && first.namespace !== namespace) {
      return {
        reason: `process ${pid} has gone into another network namespace than it had`,
        next: "start its container anew",
      };
    }
    if (!isSame) this.#first.set(id, { startTicks, namespace });
  }

  /** Stands in it, and looks whether it is the one that was meant. */
  async #enter(trace: Trace): Promise<Held | NotFound> {
    const { id, path, namespace, startTicks } = trace;
    if ((await identitiesOf([path])).of.get(path) !== namespace) return CHANGES;
    const holder = await holdIn(path);
    try {
      const own = `/proc/${holder.pid}/ns/net`;
      const entered = (await identitiesOf([own])).of.get(own);
      const pid = Number(/^\/proc\/(\d+)\//.exec(path)?.[1]);
      const isSame = startTicks === undefined || (await readProcess(pid))?.startTicks === startTicks;
      if (entered === namespace && entered !== this.#own && isSame) {
        return { id, namespace, path: own, holder, trace };
      }
    } catch (error) {
      holder.close();
      throw error;
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

  async #write(): Promise<void> {
    const traces = [...[...this.#held.values(), ...this.#left].map(({ trace }) => trace), ...this.#lost];
    // A process is known again, too, while nothing of ours is with it.
    const ended = [...this.#first].filter(([id]) =>
      id.startsWith("pid/") && !traces.some((it) => it.id === id)
    )
      .map(([id, { startTicks }]): Trace => ({ id, path: "", namespace: "", startTicks }));
    const text = JSON.stringify([...traces, ...ended]);
    if (text === this.#written) return;
    await (text === "[]" ? forget(this.file) : writeTraces(this.file, text));
    this.#written = text;
  }
}

function pathOf(said: Found): string {
  return "path" in said ? said.path : `/proc/${said.pid}/ns/net`;
}
