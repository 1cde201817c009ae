// The loop: wake, read back what is stale, diff, apply, confirm. Serial: one pass at a time, at most ten applies a second.
// What wakes it is in watch_host.ts; what it wants and does is decided in core.

import { desire } from "../core/desired/desire.ts";
import type { DesiredState, Spared, Waiting } from "../core/desired/desired_state.ts";
import { namesToResolve } from "../core/desired/endpoints.ts";
import type { HostFacts } from "../core/desired/host_facts.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import type { PathDoubt } from "../core/observed/monitor_lines.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { describeChange } from "../core/plan/describe.ts";
import { diff } from "../core/plan/diff.ts";
import { isInSync } from "../core/plan/plan.ts";
import { everythingOn, NOTHING_SPARED, withoutWanted } from "../core/plan/spared.ts";
import type { Settings } from "../core/settings/settings.ts";
import { apply, type Outcome } from "./apply.ts";
import { Backoff, type Trouble } from "./backoff.ts";
import type { FactKeeper } from "./fact_keeper.ts";
import { HostState, type Stale } from "./host_state.ts";
import type { Log } from "./log.ts";
import type { NameResolver } from "./name_resolver.ts";
import { steadySeconds } from "./observe.ts";
import { CannotStart } from "./pod_cidr_expression.ts";
import type { Onlooker, Progress } from "./progress.ts";
import { relieve } from "./relieve.ts";
import { sleep } from "./sleep.ts";
import type { NodeSource } from "./sources/node_source.ts";
import { tellBlocked, tellChanges, tellDesired, tellProblems } from "./tell.ts";

const MIN_APPLY_INTERVAL_MS = 100;

/** What the loop needs. */
export interface ReconcilerOptions {
  readonly settings: Settings;
  readonly source: NodeSource<ParsedNode>;
  readonly keeper: FactKeeper;
  readonly names: NameResolver;
  readonly log: Log;
  readonly onlooker?: Onlooker;
  /** Hears of Nodes and facts whenever they may have changed. */
  readonly publish: (nodes: readonly ParsedNode[], facts: HostFacts) => void;
}

/** Keeps the host as the Nodes want it. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #backoff = new Backoff();
  readonly #host: HostState;
  readonly #drift: Record<string, number> = {};
  #nodes: readonly ParsedNode[] | undefined;
  #facts: HostFacts | undefined;
  #desired: DesiredState | undefined;
  /** Undefined: the host was not read yet. Empty once all files were. */
  #spared: Spared | undefined;
  #isPartial = false;
  #isSettled = false;
  #hasSourceChanged = false;
  #sourceWaiting: readonly Waiting[] = [];
  /** Of the last plan. Not the plan itself: that of a first load holds megabytes of text. */
  #planned: Pick<Progress, "waiting" | "isInSync" | "changes"> | undefined;
  #appliedSteps = 0;
  #lastApplyMs: number | undefined;
  #wakeUp: () => void = () => {};
  #isAwake = true;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#host = new HostState(options.keeper.fixed.sight?.isBare);
  }

  /** Number of peers: what the pace of polling depends on. */
  get peerCount(): number {
    return this.#desired?.peers.length ?? 0;
  }

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
    this.#options.keeper.doubt();
    this.wake();
  }

  /** Base chains of others may have changed. */
  doubtChains(): void {
    this.#options.keeper.doubtChains();
    this.wake();
  }

  /** Others may be reached in another way. */
  doubtPaths(doubts: readonly PathDoubt[]): void {
    if (this.#options.keeper.doubtPaths(doubts)) this.wake();
  }

  /** Everything is read back in the next pass. */
  audit(): void {
    this.#options.keeper.doubt();
    this.#options.keeper.doubtPaths(["all"]);
    this.doubt();
  }

  /** A line of a monitor that concerns us. */
  heard(monitor: "table" | "network", line: string): void {
    this.#host.heard(monitor, line);
    this.wake();
  }

  wake(): void {
    this.#isAwake = true;
    this.#wakeUp();
  }

  /** Ends the loop after the pass that is under way. Nothing is taken down. */
  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  /** Runs until stopped. Throws CannotStart before anything was changed. */
  async run(): Promise<void> {
    let notBeforeMs = 0;
    while (!this.#isStopped) {
      await this.#awake();
      await sleep(notBeforeMs - performance.now());
      if (this.#isStopped) return;
      this.#isAwake = false;
      const startMs = performance.now();
      if (await this.#tryPass()) notBeforeMs = startMs + MIN_APPLY_INTERVAL_MS;
      this.#options.onlooker?.passed();
      relieve();
    }
  }

  /** Waits for the next wake, or for the first retry that is due. */
  async #awake(): Promise<void> {
    if (this.#isAwake) return;
    const retryMs = this.#backoff.nextRetryMs();
    const timer = retryMs === undefined ? 0 : setTimeout(() => this.wake(), Math.max(0, retryMs));
    await new Promise<void>((resolve) => this.#wakeUp = resolve);
    clearTimeout(timer);
  }

  #failed(what: Trouble, error: unknown, text = `cannot go on with ${what}`): false {
    if (error instanceof CannotStart) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const retryMs = this.#backoff.failed(what, message);
    this.#options.log.error(`${text}: ${message}`, { retryInMs: Math.round(retryMs) });
    return false;
  }

  async #tryPass(): Promise<boolean> {
    if (this.#backoff.begin()) this.audit();
    if (this.#backoff.isHeld("all")) return false;
    try {
      const hasApplied = await this.#pass();
      this.#backoff.succeeded("all");
      return hasApplied;
    } catch (error) {
      return this.#failed("all", error);
    }
  }

  /** One pass; true when it changed the host. */
  async #pass(): Promise<boolean> {
    const isNews = await this.#think();
    const isDoubtful = this.#host.isDoubtful();
    if (this.#desired === undefined || (!isNews && !isDoubtful && this.#isSettled)) return false;
    if (this.#isPartial) this.#host.isBare = false; // what is left over must be seen to be spared
    const { observed, blind, tried } = await this.#host.read(this.#desired, this.#backoff.heldReadings());
    for (const [part, error] of tried) this.#noteReading(part, error);
    const spared = this.#spare(this.#desired, observed, blind.size === 0);
    const plan = diff({ ...this.#desired, ...spared }, observed, steadySeconds());
    const changes = plan.steps.reduce((count, step) => count + step.changes.length, 0);
    this.#planned = { waiting: plan.waiting, isInSync: isInSync(plan), changes };
    tellBlocked(this.#options.log, plan);
    this.#isSettled = true;
    this.#backoff.keepOnly(new Set(plan.steps.map(({ part }) => part)));
    if (plan.steps.length === 0) return false;
    const startMs = performance.now();
    const outcomes = await apply(plan, new Set([...this.#backoff.heldParts(), ...blind]));
    if (outcomes.length === 0) return false;
    this.#options.onlooker?.applied(outcomes, performance.now() - startMs);
    this.#settle(outcomes, isNews ? "nodes" : "drift");
    return true;
  }

  /** While a file was never read, what was there before this agent stays, unless it has wanted it since. */
  #spare(desired: DesiredState, observed: ObservedState, isAllRead: boolean): { spared?: Spared } {
    if (!this.#isPartial) this.#spared = NOTHING_SPARED;
    if (!this.#isPartial) return {};
    const spared = withoutWanted(this.#spared ?? everythingOn(observed), desired);
    if (isAllRead) this.#spared = spared;
    return { spared };
  }

  /** Takes in Nodes and facts; true when what is wanted has changed. */
  async #think(): Promise<boolean> {
    const { settings, source, keeper } = this.#options;
    const last = { nodes: this.#nodes, facts: this.#facts };
    if (this.#hasSourceChanged || this.#nodes === undefined) this.#takeNodes(source);
    if (this.#nodes === undefined) return false;
    this.#facts = await keeper.read(this.#nodes, (error) => this.#noteReading("facts", error));
    if (this.#facts === undefined) return false;
    if (this.#nodes === last.nodes && this.#facts === last.facts) return false;
    this.#options.publish(this.#nodes, this.#facts);
    this.#desired = desire(settings, this.#nodes, this.#facts);
    tellDesired(this.#options.log, this.#desired);
    return true;
  }

  /** What cannot be read is left as it was known, and tried again later. */
  #noteReading(part: Stale | "facts", error: Error | undefined): undefined {
    if (error === undefined) this.#backoff.succeeded(`reading ${part}`);
    else this.#failed(`reading ${part}`, error, `cannot read the host's ${part}`);
  }

  /** A source that lost all Nodes, or ours, or was never complete, changes nothing. */
  #takeNodes(source: NodeSource<ParsedNode>): void {
    const { settings, log, names } = this.#options;
    this.#hasSourceChanged = false;
    const { items, complete, problems } = source.state();
    tellProblems(log, problems);
    const hasOwn = items.some(({ node }) => node?.name === settings.nodeName);
    if (complete && hasOwn) {
      this.#nodes = [...items];
      names.want(namesToResolve(items));
      const unread = problems.filter(({ isUnread }) => isUnread).map(({ path }) => path);
      this.#isPartial = unread.length > 0;
      this.#sourceWaiting = unread.length === 0 ? [] : [{
        what: "removals",
        why: `${unread.join(", ")} was never read: what this agent found here, and no Node wants, stays`,
        next: "mend or remove the file",
      }];
      return;
    }
    const why = complete
      ? `no Node named ${settings.nodeName} among ${items.length}`
      : "not all could be read yet";
    this.#sourceWaiting = [{
      what: "Nodes",
      why: `${why}; nothing is changed until then`,
      next: `look at ${source.places.join(", ")}`,
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
        tellChanges(this.#options.log, step, step.cause ?? cause);
        if ((step.cause ?? cause) !== "drift") continue;
        for (const { kind } of step.changes) this.#drift[kind] = (this.#drift[kind] ?? 0) + 1;
        continue;
      }
      this.#host.failed(step);
      const [first] = step.changes;
      const what = first === undefined ? step.part : describeChange(first);
      this.#failed(step.part, error, `cannot apply: ${what}`);
    }
    // One more pass sees whether that was all.
    this.#isSettled = false;
    this.wake();
  }

  get observed(): ObservedState | undefined {
    return this.#host.observed;
  }

  /** For `status`. */
  progress(): Progress {
    return {
      desired: this.#desired,
      observed: this.#host.observed,
      waiting: [...this.#sourceWaiting, ...this.#planned?.waiting ?? []],
      changes: this.#planned?.changes ?? 0,
      isInSync: this.#planned?.isInSync === true && !this.#backoff.isFailing,
      appliedSteps: this.#appliedSteps,
      lastApplyMs: this.#lastApplyMs,
      drift: this.#drift,
      failing: this.#backoff.failing(),
    };
  }
}
