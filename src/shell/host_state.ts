// The last read of the host plus what the kernel confirmed since: a cache with one owner, never an input of what is wanted.

import type { DesiredState } from "../core/desired/desired_state.ts";
import { surprisesNetwork, surprisesTable } from "../core/observed/monitor_lines.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { confirm } from "../core/plan/confirm.ts";
import type { Part, Step } from "../core/plan/plan.ts";
import {
  observeCni,
  observeNetwork,
  observeReference,
  observeServers,
  observeTable,
  observeWireguard,
} from "./observe.ts";

/** What can be out of date. */
export type Stale = "table" | "network" | "wireguard" | "cni";

const EVERYTHING: readonly Stale[] = ["table", "network", "wireguard", "cni"];
const READ_AFTER: Readonly<Record<Part, readonly Stale[]>> = {
  table: ["table"],
  link: ["network", "wireguard"],
  wireguard: ["wireguard"],
  routes: ["network"],
  cni: ["cni"],
};
const MAX_PENDING_LINES = 1_000;

/** The observed state, and which parts of it must be read again before it is used. */
export class HostState {
  readonly #stale = new Set<Stale>(EVERYTHING);
  readonly #lines = { table: [] as string[], network: [] as string[] };
  #observed: ObservedState | undefined;

  /** The last read; undefined before the first. */
  get observed(): ObservedState | undefined {
    return this.#observed;
  }

  /** Marks parts as out of date; all of them without an argument. */
  doubt(...stale: readonly Stale[]): void {
    for (const part of stale.length === 0 ? EVERYTHING : stale) this.#stale.add(part);
  }

  /** Keeps a monitor's line until our own changes are confirmed; only then it tells whether it is news. */
  heard(monitor: "table" | "network", line: string): void {
    if (this.#lines[monitor].length < MAX_PENDING_LINES) this.#lines[monitor].push(line);
    else this.doubt(monitor);
  }

  /** True when something must be read. Lines that say what is known already cost nothing more. */
  isDoubtful(): boolean {
    const { table, network } = this.#lines;
    const observed = this.#observed;
    if (table.splice(0).some((line) => observed === undefined || surprisesTable(line, observed))) {
      this.doubt("table");
    }
    if (network.splice(0).some((line) => observed === undefined || surprisesNetwork(line, observed))) {
      this.doubt("network", "wireguard");
    }
    return this.#stale.size > 0;
  }

  /** Reads what is out of date. Throws what the first failing read throws; the parts stay out of date then. */
  async read(desired: DesiredState): Promise<ObservedState> {
    const last = this.#observed;
    const stale = new Set(last === undefined ? EVERYTHING : this.#stale);
    // What is doubted while it is being read is read once more.
    this.#stale.clear();
    const name = desired.interfaceName;
    try {
      const [table, reference, network, tunnel, cni] = await Promise.all([
        stale.has("table") ? observeTable() : last!.table,
        observeReference(desired.table),
        stale.has("network") ? observeNetwork(name) : last!,
        !stale.has("wireguard")
          ? last!
          : desired.link === undefined
          ? observeServers(name)
          : observeWireguard(name, last?.wireguard),
        stale.has("cni") ? observeCni(desired.cniPath) : last!.cni,
      ]);
      // Nobody serves it any more: it may have another name now, which no event has told us.
      const isLost = tunnel.wireguard === undefined && last?.wireguard !== undefined && !stale.has("network");
      const { link, routes } = isLost ? await observeNetwork(name) : network;
      // And who answers in the name of an interface that is not there serves one of another name.
      const { wireguard, userspacePids } = link === undefined ? await observeServers(name) : tunnel;
      return this.#observed = { link, routes, wireguard, userspacePids, table, reference, cni };
    } catch (error) {
      this.doubt(...stale);
      throw error;
    }
  }

  /** Takes in a step that succeeded. */
  confirmed(step: Step): void {
    if (step.confirms === undefined || this.#observed === undefined) this.failed(step);
    else this.#observed = confirm(this.#observed, step.confirms);
  }

  /** A step of which nobody knows how far it came. */
  failed(step: Step): void {
    this.doubt(...READ_AFTER[step.part]);
  }
}
