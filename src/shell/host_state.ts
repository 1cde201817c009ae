// The last read of the host plus what the kernel confirmed since: a cache with one owner, never an input of what is wanted.

import type { DesiredState } from "../core/desired/desired_state.ts";
import { surprisesNetwork, surprisesTable, takesRoutes } from "../core/observed/monitor_lines.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { confirm } from "../core/plan/confirm.ts";
import type { Part, Step } from "../core/plan/plan.ts";
import {
  mayHaveSecond,
  observeCni,
  observeFastpath,
  observeNetwork,
  observeSecond,
  observeServers,
  observeSuperseded,
  observeTable,
  observeWireguard,
} from "./observe.ts";
import { observeFastpathReference, observeReference } from "./observe_reference.ts";
import { observeBridge } from "./observe_bridge.ts";
import { observeHostRouting } from "./observe_host_routing.ts";
import { observeOverlay } from "./observe_overlay.ts";
import { observeAssociations, observeIpsec } from "./observe_ipsec.ts";
import { relieve } from "./relieve.ts";
import { BLIND, EVERYTHING, ON_A_BARE_HOST, READ_AFTER, type Stale } from "./stale.ts";
import { socketOf } from "./wireguard_go.ts";

const MAX_PENDING_LINES = 1_000;
const NOTHING: ObservedState = {
  link: undefined,
  wireguard: undefined,
  userspacePids: [],
  routes: { 4: new Set(), 6: new Set() },
  table: undefined,
  reference: undefined,
  fastpath: undefined,
  fastpathReference: undefined,
  cni: { text: undefined, linkTarget: undefined },
};

/** What a monitor's line is about: the table, the first interface and all routes, the second interface. */
export type Monitored = "table" | "network" | "second";

/** What came of reading. */
export interface Reading {
  readonly observed: ObservedState;
  /** Parts of which nobody knows what they are now: their steps must not be taken. */
  readonly blind: ReadonlySet<Part>;
  /** What was read, with the error where it could not be. */
  readonly tried: ReadonlyMap<Stale, Error | undefined>;
}

/** The observed state, and which parts of it must be read again before it is used. */
export class HostState {
  readonly #stale = new Set<Stale>(EVERYTHING);
  readonly #lines = { table: [] as string[], network: [] as string[], second: [] as string[] };
  #observed: ObservedState | undefined;
  /** Interfaces that wrap, by the names that were asked for last. */
  #overlays = "";

  /** @param isBare neither a table nor an interface of ours is there: until anything is doubted nobody looks for them */
  constructor(public isBare = false) {}

  /** The last read; undefined before the first. */
  get observed(): ObservedState | undefined {
    return this.#observed;
  }

  /** Marks parts as out of date; all of them without an argument. */
  doubt(...stale: readonly Stale[]): void {
    this.isBare = false;
    for (const part of stale.length === 0 ? EVERYTHING : stale) this.#stale.add(part);
  }

  /** Keeps a monitor's line until our own changes are confirmed; only then it tells whether it is news. */
  heard(monitor: Monitored, line: string): void {
    if (this.#lines[monitor].length < MAX_PENDING_LINES) this.#lines[monitor].push(line);
    else this.doubt(monitor);
  }

  /** True when something must be read. Lines that say what is known already cost nothing more. */
  isDoubtful(): boolean {
    const { table, network, second } = this.#lines;
    const observed = this.#observed;
    if (table.splice(0).some((line) => observed === undefined || surprisesTable(line, observed))) {
      this.doubt("table");
    }
    if (network.splice(0).some((line) => observed === undefined || surprisesNetwork(line, observed))) {
      this.doubt("network", "wireguard");
    }
    const changes = second.splice(0);
    if (changes.length > 0) this.doubt("second");
    if (changes.some((line) => observed === undefined || takesRoutes(line, observed))) this.doubt("network");
    return this.#stale.size > 0;
  }

  /**
   * Reads what is out of date. What cannot be read stays out of date, and costs the rest nothing.
   * @param held what failed before and is not tried yet
   */
  async read(desired: DesiredState, held: ReadonlySet<Stale>): Promise<Reading> {
    const last = this.#observed ?? NOTHING;
    this.#askFor(desired.overlay);
    const due = EVERYTHING.filter((part) => this.#stale.has(part) && !held.has(part));
    for (const part of due) this.#stale.delete(part); // what is doubted while it is being read is read once more
    const tried = new Map<Stale, Error | undefined>(due.map((part) => [part, undefined]));
    const attempt = async <T>(part: Stale, look: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await look();
      } catch (error) {
        tried.set(part, error as Error);
        this.doubt(part);
      }
    };
    const ifDue = <T>(part: Stale, look: () => Promise<T>) =>
      due.includes(part) ? attempt(part, look) : undefined;
    // Not while a Node joins: then nothing is read, and a collection takes longer than all the rest.
    const collect = () => due.length > 0 && relieve();
    // One after the other: at once 5,000 nodes are 10 MB more, and no sooner read (2026-11-21).
    const table = await ifDue("table", async () => ({ table: await observeTable() }));
    collect();
    // It takes a dozen starts of nft: a node that boots has no table to compare with it, and no time.
    const reference = held.has("table") || (table ?? last).table === undefined
      ? undefined
      : await attempt("table", () => observeReference(desired.table));
    const fastpath = await ifDue("fastpath", async () => ({ fastpath: await observeFastpath() }));
    const fastpathReference = held.has("fastpath")
      ? undefined
      : await attempt("fastpath", () => readFastpathReference(desired));
    collect();
    const network = await ifDue("network", () => readNetwork(desired, last));
    collect();
    const isAbsent = network !== undefined && network.link === undefined;
    const tunnel = await ifDue("wireguard", () => readTunnel(desired, { isAbsent, last: last.wireguard }));
    const ipsec = await ifDue("ipsec", () => observeIpsec(desired)) ??
      await ifDue("associations", () => observeAssociations(desired, last));
    const cni = await ifDue("cni", async () => ({ cni: await observeCni(desired.cniPath) }));
    const parts = { ...fastpath, ...network, ...tunnel, ...ipsec, ...cni };
    this.#observed = { ...last, ...table, ...parts, ...(reference && { reference }), ...fastpathReference };
    if (!held.has("second")) await attempt("second", () => this.#lookAtSecond(desired, due));
    if (!held.has("bridge")) await attempt("bridge", () => this.#lookAtBridge(desired, due));
    const isUnread = (it: Stale) => tried.get(it) !== undefined || held.has(it) && this.#stale.has(it);
    // Of an interface that could not be read nobody knows whether it is gone.
    if (!isUnread("network") && await this.#mayBeServed(desired, due)) {
      await attempt("network", () => this.#lookAgain(desired, last));
    }
    this.isBare = false;
    const blind = new Set(EVERYTHING.filter(isUnread).flatMap((part) => BLIND[part]));
    return { observed: this.#observed, blind, tried };
  }

  /** What else is read says nothing of it: polls of IPsec would each ask for sockets. */
  async #mayBeServed(desired: DesiredState, due: readonly Stale[]): Promise<boolean> {
    return this.isBare ? !await servesNothing(desired) : due.includes("network") || due.includes("wireguard");
  }

  /** Of which interfaces that wrap is read follows from what is wanted. On a bare host there is nothing to be read. */
  #askFor({ name, left }: DesiredState["overlay"]): void {
    const overlays = `${name} ${left?.name}`;
    if (overlays !== this.#overlays) this.#stale.add("network");
    this.#overlays = overlays;
    if (this.isBare) ON_A_BARE_HOST.forEach((part) => this.#stale.delete(part));
  }

  /** An interface that nobody serves may have another name now, which no event has told us; who serves it must end. */
  async #lookAgain(desired: DesiredState, last: ObservedState): Promise<void> {
    const isLost = this.#observed!.wireguard === undefined && last.wireguard !== undefined;
    const network = isLost ? await observeNetwork(desired.interfaceName) : {};
    const read = { ...this.#observed!, ...network };
    this.#observed = { ...read, ...await observeSuperseded(desired, read.link) };
  }

  /** The second interface, and what is left of it. */
  async #lookAtSecond(desired: DesiredState, due: readonly Stale[]): Promise<void> {
    const { second } = this.#observed!;
    if (!mayHaveSecond(desired) && second === undefined) return;
    const isLinkKnown = !due.includes("second");
    if (second !== undefined && isLinkKnown && !due.includes("wireguard")) return;
    const read = await observeSecond(desired.rotation.name, second, isLinkKnown);
    this.#observed = { ...this.#observed!, second: read };
  }

  /** The bridge, where one is wanted or left. */
  async #lookAtBridge({ bridge }: DesiredState, due: readonly Stale[]): Promise<void> {
    const last = due.includes("bridge") ? undefined : this.#observed!.bridge;
    this.#observed = { ...this.#observed!, bridge: await observeBridge(bridge, last) };
  }

  /** Takes in steps that succeeded. */
  confirmed(steps: readonly Step[]): void {
    const observed = this.#observed;
    for (const step of steps) if (step.confirms === undefined || observed === undefined) this.failed(step);
    this.#observed = observed && confirm(observed, steps.flatMap(({ confirms }) => confirms ?? []));
  }

  /** A step of which nobody knows how far it came. */
  failed(step: Step): void {
    const stale = READ_AFTER[step.part] ?? [];
    if (stale.length > 0) this.doubt(...stale);
  }
}

/** Interface, routes, and what leads node addresses there. */
async function readNetwork(
  desired: DesiredState,
  { hostRouting }: ObservedState,
): Promise<Pick<ObservedState, "link" | "routes" | "hostRouting" | "overlay" | "leftOverlay">> {
  const network = await observeNetwork(desired.interfaceName);
  return { ...network, ...await observeHostRouting(desired, hostRouting), ...await observeOverlay(desired) };
}

/** True when no wireguard-go can be left that the kernel's interface must take the place of: it would have a socket. */
async function servesNothing({ link, interfaceName }: DesiredState): Promise<boolean> {
  return link?.implementation === "kernel" &&
    await Deno.stat(socketOf(interfaceName)).then(() => false, () => true);
}

/** Of an interface that is not there nothing is read: who serves it all the same is asked later. */
async function readTunnel(
  { link, interfaceName }: DesiredState,
  { isAbsent, last }: { readonly isAbsent: boolean; readonly last: ObservedState["wireguard"] },
): Promise<Partial<ObservedState>> {
  if (isAbsent) return { wireguard: undefined };
  return link === undefined
    ? await observeServers(interfaceName)
    : await observeWireguard(interfaceName, last);
}

async function readFastpathReference({ fastpath }: DesiredState): Promise<Partial<ObservedState>> {
  return { fastpathReference: await observeFastpathReference(fastpath) };
}
