// The facts of the host as they were last read, and which of them must be read again. Equal facts keep their identity:
// what is derived from them is kept too.

import type { HostFacts } from "../core/desired/host_facts.ts";
import { pathAddresses } from "../core/desired/tunnel_mtu.ts";
import type { PathDoubt } from "../core/observed/monitor_lines.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import type { NodeMetadata, ParsedNode } from "../core/nodes/node.ts";
import { ownMetadata } from "../core/nodes/node_parser.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { type Former, formerTransports } from "../core/transport/former.ts";
import { untoldNonce, untoldTransports } from "../core/transport/own_transports.ts";
import { EARLY_MS, LINGER_MS, LingeringUntilHeard } from "./lingering.ts";
import { PathCache } from "./path_cache.ts";
import { factsText, type FixedFacts, readFacts } from "./read_facts.ts";
import { readDropChains } from "./read_surroundings.ts";

/** Reads facts when they are in doubt. What cannot be read stays as it was. */
export class FactKeeper {
  readonly #paths: PathCache;
  #facts: HostFacts | undefined;
  /** Those to which all paths are known. */
  #nodes: readonly ParsedNode[] | undefined;
  #isStale = true;
  /** Chains of others that drop. They are read when the monitor tells of chains, never by the clock. */
  #dropChains: readonly string[] = [];
  /** False at first: a start does not wait for what it does not need. */
  #areChainsStale = false;
  /** By what this host sent before, and how long that matters. */
  #former: { readonly was: Former; readonly lingering: LingeringUntilHeard } | undefined;
  #isHostSeen = false;
  /** What the expression was evaluated with, as text. */
  #metadataText = "";

  constructor(
    readonly settings: Settings,
    readonly fixed: FixedFacts,
    /** What names lead to, as far as it is known. */
    readonly resolved: () => HostFacts["resolved"],
  ) {
    this.#paths = new PathCache(settings.interfaceName);
  }

  /** Addresses, links or uplinks may have changed. */
  doubt(): void {
    this.#isStale = true;
  }

  /** Base chains of others may have changed. */
  doubtChains(): void {
    this.#areChainsStale = true;
    this.#isStale = true;
  }

  /** Routes may have changed; true when some that are in use may have. */
  doubtPaths(doubts: readonly PathDoubt[]): boolean {
    if (!this.#paths.forget(doubts)) return false;
    this.#nodes = undefined;
    return true;
  }

  /** Base chains of others that drop, as they were last read. */
  get dropChains(): readonly string[] {
    return this.#dropChains;
  }

  /** Interfaces by which endpoints are reached. */
  get pathDevs(): ReadonlySet<string> {
    return this.#paths.devs;
  }

  /**
   * Takes from the first look at the host by what it sent before.
   * @param onChange called at once, and when the time is over in which others may not have heard of what its Node says
   * @returns whether that is so, and the facts are others by it
   */
  found(observed: ObservedState, onChange: () => void): boolean {
    if (this.#isHostSeen) return false;
    this.#isHostSeen = true;
    const was = formerTransports(this.settings, observed);
    if (was === undefined) return false;
    const isTunnelled = Object.values(was).includes("wireguard");
    this.#former = { was, lingering: new LingeringUntilHeard(onChange, isTunnelled ? EARLY_MS : LINGER_MS) };
    onChange();
    return true;
  }

  /**
   * The facts, with the paths to these Nodes; undefined while they could not be read once.
   * @param onRead hears how a reading went
   */
  async read(
    nodes: readonly ParsedNode[],
    onRead: (error: Error | undefined) => void,
  ): Promise<HostFacts | undefined> {
    if (!this.#isStale && this.#nodes === nodes) return this.#facts;
    const { settings, fixed } = this;
    try {
      const metadata = this.#describe(nodes);
      this.#hear(nodes);
      if (this.#isStale) {
        this.#isStale = false;
        if (this.#areChainsStale) {
          this.#areChainsStale = false;
          this.#dropChains = await readDropChains();
        }
        const former = this.#former?.lingering.isOn ? this.#former.was : undefined;
        const known = {
          ...{ ...fixed, metadata, dropChains: this.#dropChains, resolved: this.resolved() },
          ...(former && { former }),
        };
        const read = await readFacts(settings, known, this.#facts);
        if (this.#facts === undefined || factsText(read) !== factsText(this.#facts)) {
          this.#facts = { ...read, paths: this.#facts?.paths ?? read.paths };
        }
      }
      const facts = this.#facts!;
      this.#nodes = nodes;
      if (usesTunnel(settings)) {
        const paths = await this.#paths.read(pathAddresses(settings, nodes, facts), facts.interfaces);
        if (paths !== facts.paths) this.#facts = { ...facts, paths };
      }
      onRead(undefined);
    } catch (error) {
      onRead(error as Error);
    }
    return this.#facts;
  }

  /** The others can have heard of what this host has once its Node says it. */
  #hear(nodes: readonly ParsedNode[]): void {
    if (!this.#former?.lingering.isOn) return; // of thousands of Nodes this looks for one
    const own = nodes.find(({ node }) => node?.name === this.settings.nodeName)?.node;
    if (own === undefined) return;
    const untold = [
      ...untoldTransports(this.settings, own),
      ...untoldNonce(this.settings, own, this.#facts?.ipsecNonce),
    ];
    if (untold.length === 0) this.#former.lingering.said();
  }

  /** What an expression sees of our own Node: when that changes, so may what it gives. */
  #describe(nodes: readonly ParsedNode[]): NodeMetadata {
    const metadata = ownMetadata(this.settings, this.fixed.expression === undefined ? [] : nodes);
    const text = JSON.stringify(metadata);
    if (text !== this.#metadataText) this.#isStale = true;
    this.#metadataText = text;
    return metadata;
  }
}
