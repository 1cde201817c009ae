// The loop: wake, read back what is stale, diff, apply, confirm. Serial: one pass at a time, at most ten applies a second.
// What wakes it is in watch_host.ts; what it wants and does is decided in core.

import { desire } from "../core/desired/desire.ts";
import type { DesiredState, Route, Waiting } from "../core/desired/desired_state.ts";
import type { NetworkConcern } from "../core/observed/monitor_lines.ts";
import type { HostFacts } from "../core/desired/host_facts.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { describeChange } from "../core/plan/describe.ts";
import { diff } from "../core/plan/diff.ts";
import { isInSync, type Plan } from "../core/plan/plan.ts";
import type { Settings } from "../core/settings/settings.ts";
import { apply, type Outcome } from "./apply.ts";
import { Backoff } from "./backoff.ts";
import { HostState, type Stale } from "./host_state.ts";
import type { Log } from "./log.ts";
import { factsText, type FixedFacts, readFacts } from "./read_facts.ts";
import type { NodeSource } from "./sources/node_source.ts";

const NO_ROUTES: readonly Route[] = [];
const MIN_APPLY_INTERVAL_MS = 100;
const SHOWN_CHANGES = 20;

/** What the loop needs. */
export interface ReconcilerOptions {
  readonly settings: Settings;
  readonly source: NodeSource<ParsedNode>;
  readonly fixed: FixedFacts;
  readonly log: Log;
}

/** What `status` shows of the loop. */
export interface Progress {
  readonly desired: DesiredState | undefined;
  readonly observed: ObservedState | undefined;
  readonly waiting: readonly Waiting[];
  readonly isInSync: boolean;
  readonly appliedSteps: number;
  readonly lastApplyMs: number | undefined;
  /** Repaired differences by kind, since the start. */
  readonly drift: Readonly<Record<string, number>>;
  readonly failing: Readonly<Record<string, { error: string; retryAtMs: number }>>;
}

/** Keeps the host as the Nodes want it. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #backoff = new Backoff();
  readonly #host = new HostState();
  readonly #drift: Record<string, number> = {};
  #nodes: readonly ParsedNode[] | undefined;
  #facts: HostFacts | undefined;
  #desired: DesiredState | undefined;
  #areFactsStale = true;
  #concern: NetworkConcern & { routes: readonly Route[] } = {
    routes: [],
    interfaceName: "",
    destinations: new Set(),
  };
  #isPartial = false;
  #isSettled = false;
  #hasSourceChanged = false;
  #sourceWaiting: readonly Waiting[] = [];
  #plan: Plan | undefined;
  #appliedSteps = 0;
  #lastApplyMs: number | undefined;
  #wakeUp: () => void = () => {};
  #isAwake = true;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Number of peers: what the pace of polling depends on. */
  get peerCount(): number {
    return this.#desired?.peers.length ?? 0;
  }

  /** What of the network is ours; the same value until other routes are wanted. */
  get networkConcern(): NetworkConcern {
    const routes = this.#desired?.routes ?? NO_ROUTES;
    if (this.#concern.routes !== routes) {
      const destinations = new Set(routes.map(({ destination }) => destination.replace(/\/(32|128)$/, "")));
      this.#concern = { routes, interfaceName: this.#options.settings.interfaceName, destinations };
    }
    return this.#concern;
  }

  /** The source has news. */
  sourceChanged(): void {
    this.#hasSourceChanged = true;
    this.wake();
  }

  /** Something may differ from what was read last; without an argument: anything. */
  doubt(...stale: readonly Stale[]): void {
    this.#host.doubt(...stale);
    this.wake();
  }

  /** The facts of the host may have changed: its addresses, its uplinks. */
  doubtFacts(): void {
    this.#areFactsStale = true;
    this.wake();
  }

  /** Everything is read back in the next pass. */
  audit(): void {
    this.#areFactsStale = true;
    this.doubt();
  }

  /** A line of a monitor that concerns us. */
  heard(monitor: "table" | "network", line: string): void {
    this.#host.heard(monitor, line);
    this.wake();
  }

  /** Makes a pass happen. */
  wake(): void {
    this.#isAwake = true;
    this.#wakeUp();
  }

  /** Ends the loop after the pass that is under way. Nothing is taken down. */
  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  /** Runs until stopped. */
  async run(): Promise<void> {
    let notBeforeMs = 0;
    while (!this.#isStopped) {
      await this.#awake();
      await sleep(notBeforeMs - performance.now());
      if (this.#isStopped) return;
      this.#isAwake = false;
      const startMs = performance.now();
      const hasApplied = await this.#pass().catch((error) => this.#readFailed(error));
      if (hasApplied) notBeforeMs = startMs + MIN_APPLY_INTERVAL_MS;
    }
  }

  /** Waits for the next wake, or for the first retry that is due. */
  async #awake(): Promise<void> {
    if (this.#isAwake) return;
    const retryMs = this.#backoff.nextRetryMs();
    const timer = retryMs === undefined ? undefined : setTimeout(() => this.audit(), Math.max(0, retryMs));
    await new Promise<void>((resolve) => this.#wakeUp = resolve);
    clearTimeout(timer);
  }

  #readFailed(error: unknown): boolean {
    const message = error instanceof Error ? error.message : String(error);
    const retryMs = this.#backoff.failed("reading", message);
    this.#options.log.error(`cannot read the host: ${message}`, { retryInMs: Math.round(retryMs) });
    return false;
  }

  /** One pass; true when it changed the host. */
  async #pass(): Promise<boolean> {
    if (this.#backoff.isHeld("reading")) return false;
    const isNews = await this.#think();
    const isDoubtful = this.#host.isDoubtful();
    if (this.#desired === undefined || (!isNews && !isDoubtful && this.#isSettled)) return false;
    const observed = await this.#host.read(this.#desired);
    this.#backoff.succeeded("reading");
    const plan = diff(this.#desired, observed, Date.now() / 1000);
    this.#plan = plan;
    for (const { what, why, next, isBlocking } of plan.waiting) {
      if (isBlocking) this.#options.log.error(`waiting: ${what}: ${why}; ${next}`);
    }
    this.#isSettled = true;
    this.#backoff.keepOnly(new Set(plan.steps.map(({ part }) => part)));
    if (plan.steps.length === 0) return false;
    const outcomes = await apply(plan, this.#backoff.heldParts());
    if (outcomes.length === 0) return false;
    this.#settle(outcomes, isNews ? "nodes" : "drift");
    return true;
  }

  /** Takes in Nodes and facts; true when what is wanted has changed. */
  async #think(): Promise<boolean> {
    const { settings, source, fixed } = this.#options;
    const last = { nodes: this.#nodes, facts: this.#facts };
    if (this.#hasSourceChanged || this.#nodes === undefined) this.#takeNodes(source);
    if (this.#nodes === undefined) return false;
    if (this.#facts === undefined || this.#areFactsStale) {
      this.#areFactsStale = false;
      const facts = await readFacts(settings, fixed);
      // Equal facts keep their identity: what is derived from them is kept too.
      if (factsText(facts) !== (this.#facts && factsText(this.#facts))) this.#facts = facts;
    }
    if (this.#nodes === last.nodes && this.#facts === last.facts) return false;
    const desired = desire(settings, this.#nodes, this.#facts!);
    this.#desired = desired && this.#isPartial ? { ...desired, isPartial: true } : desired;
    this.#tell();
    return true;
  }

  /** What is refused and what is waited for, when it may have changed; the log leaves out what it said a minute ago. */
  #tell(): void {
    const { rejected = [], waiting = [] } = this.#desired ?? {};
    const { log } = this.#options;
    for (const { node, claim, reason } of rejected.slice(0, SHOWN_CHANGES)) {
      log.warn(`rejected: ${node}: ${claim}: ${reason}`);
    }
    for (const { what, why, next } of waiting.slice(0, SHOWN_CHANGES)) {
      log.info(`waiting: ${what}: ${why}; ${next}`);
    }
    const left = Math.max(0, rejected.length - SHOWN_CHANGES) + Math.max(0, waiting.length - SHOWN_CHANGES);
    if (left > 0) log.warn(`and ${left} more that wigglenet status lists`);
  }

  /** A source that lost all Nodes, or ours, or was never complete, changes nothing. */
  #takeNodes(source: NodeSource<ParsedNode>): void {
    const { settings, log } = this.#options;
    this.#hasSourceChanged = false;
    const { items, complete, problems } = source.state();
    for (const { path, reason } of problems) log.warn(`cannot take in ${path}: ${reason}`);
    const hasOwn = items.some(({ node }) => node?.name === settings.nodeName);
    if (complete && hasOwn) {
      this.#nodes = [...items];
      const unread = problems.filter(({ isUnread }) => isUnread).map(({ path }) => path);
      this.#isPartial = unread.length > 0;
      this.#sourceWaiting = unread.length === 0 ? [] : [{
        what: "removals",
        why: `${unread.join(", ")} was never read: what nobody wants may be wanted there`,
        next: "mend or remove the file",
      }];
      return;
    }
    const why = complete
      ? `no Node named ${settings.nodeName} among ${items.length}`
      : "a path could not be read yet";
    this.#sourceWaiting = [{
      what: "Nodes",
      why: `${why}; nothing is changed until then`,
      next: `look at ${settings.nodes.join(", ")}`,
    }];
    log.warn(`waiting for Nodes: ${why}`);
  }

  /** Keeps what the kernel confirmed, reads back the rest, logs both. */
  #settle(outcomes: readonly Outcome[], cause: "nodes" | "drift"): void {
    this.#lastApplyMs = Date.now();
    for (const { step, error } of outcomes) {
      if (error === undefined) {
        this.#appliedSteps++;
        this.#backoff.succeeded(step.part);
        this.#host.confirmed(step);
        this.#report(step, cause);
        continue;
      }
      const retryMs = this.#backoff.failed(step.part, error.message);
      this.#host.failed(step);
      const [first] = step.changes;
      const what = first === undefined ? step.part : describeChange(first);
      this.#options.log.error(`cannot apply: ${what}: ${error.message}`, { retryInMs: Math.round(retryMs) });
    }
    // One more pass sees whether that was all.
    this.#isSettled = false;
    this.wake();
  }

  #report({ changes }: Plan["steps"][number], cause: "nodes" | "drift"): void {
    const { log } = this.#options;
    for (const change of changes.slice(0, SHOWN_CHANGES)) log.info(describeChange(change), { cause });
    if (changes.length > SHOWN_CHANGES) {
      log.info(`and ${changes.length - SHOWN_CHANGES} changes like these`, { cause });
    }
    if (cause === "drift") {
      for (const { kind } of changes) {
        this.#drift[kind] = (this.#drift[kind] ?? 0) + 1;
      }
    }
  }

  /** For `status`. */
  progress(): Progress {
    return {
      desired: this.#desired,
      observed: this.#host.observed,
      waiting: [...this.#sourceWaiting, ...this.#plan?.waiting ?? []],
      isInSync: this.#plan !== undefined && isInSync(this.#plan),
      appliedSteps: this.#appliedSteps,
      lastApplyMs: this.#lastApplyMs,
      drift: this.#drift,
      failing: this.#backoff.failing(),
    };
  }
}

function sleep(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
