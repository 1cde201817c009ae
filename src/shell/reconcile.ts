// The loop: wake, read back what is stale, diff, apply, confirm. Serial: one pass at a time, at most ten applies a second.
// What wakes it is in watch_host.ts; what it wants and does is decided in core.

import { desire } from "../core/desired/desire.ts";
import type { DesiredState } from "../core/desired/desired_state.ts";
import type { HostFacts } from "../core/desired/host_facts.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import type { PathDoubt } from "../core/observed/monitor_lines.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { describeChange } from "../core/plan/describe.ts";
import { diff } from "../core/plan/diff.ts";
import { outlineOf, type Part, type Plan, UNPLANNED } from "../core/plan/plan.ts";
import { apply, type Outcome } from "./apply.ts";
import { Backoff, type Trouble } from "./backoff.ts";
import type { FactKeeper } from "./fact_keeper.ts";
import { HostState, type Monitored } from "./host_state.ts";
import { keepPolicy, type PolicyKeepingOptions } from "./policy/keep_policy.ts";
import { NodeIntake, type NodeIntakeOptions } from "./node_intake.ts";
import { type PolicyKeeper, withPolicy } from "./policy/policy_keeper.ts";
import { steadySeconds } from "./observe.ts";
import { CannotStart } from "./pod_cidr_expression.ts";
import type { Onlooker, Progress } from "./progress.ts";
import { relieve } from "./relieve.ts";
import { Sparing } from "./sparing.ts";
import { sleep } from "./sleep.ts";
import type { Stale } from "./stale.ts";
import { type Cause, tellBlocked, tellChanges, tellDesired } from "./tell.ts";

/** What the loop needs. */
export interface ReconcilerOptions extends NodeIntakeOptions, PolicyKeepingOptions {
  readonly keeper: FactKeeper;
  readonly onlooker?: Onlooker;
  /** Hears of Nodes and facts whenever they may have changed. */
  readonly publish: (nodes: readonly ParsedNode[], facts: HostFacts) => void;
}

/** Keeps the host as the Nodes want it. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #intake: NodeIntake;
  /** Undefined where there are no policies. */
  readonly policy: PolicyKeeper | undefined;
  readonly #sparing = new Sparing(() => this.doubt("network", "wireguard"));
  readonly #backoff = new Backoff();
  readonly #host: HostState;
  readonly #drift: Record<string, number> = {};
  #facts: HostFacts | undefined;
  #desired: DesiredState | undefined;
  #isSettled = false;
  #hasSourceChanged = false;
  /** Of the last plan, which may hold megabytes of text. */
  #planned = UNPLANNED;
  readonly #onPolicyError = (error: unknown) => this.#failed("policy", error);
  #appliedSteps = 0;
  #lastApplyMs: number | undefined;
  #wakeUp: () => void = () => {};
  #isAwake = true;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#host = new HostState(options.keeper.fixed.sight?.isBare);
    this.#intake = new NodeIntake(options);
    this.policy = keepPolicy(options, { wake: () => this.wake(), fastpath: () => this.#desired?.fastpath });
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
  heard(monitor: Monitored, line: string): void {
    const isNews = monitor === "table" ? this.policy?.heard(line) : undefined;
    if (isNews !== undefined) return isNews ? this.doubt("table") : undefined;
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
      notBeforeMs = startMs + this.#backoff.paceMs(await this.#tryPass());
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
    if (this.#desired === undefined) return false;
    if (!isNews && !isDoubtful && this.#isSettled) return await this.#passPolicy();
    if (this.#intake.isPartial) this.#host.isBare = false; // what is left over must be seen to be spared
    const { observed, blind, tried } = await this.#host.read(this.#desired, this.#backoff.heldReadings());
    for (const [part, error] of tried) this.#noteReading(part, error);
    const { keeper } = this.#options;
    if (!blind.has("routes-v4") && keeper.found(observed, () => this.doubtFacts())) return false;
    const spared = this.#sparing.spare(this.#desired, observed, {
      isPartial: this.#intake.isPartial,
      isAllRead: blind.size === 0,
    });
    const policy = this.policy?.objects();
    const wanted = { ...this.#desired, ...spared, ...(policy && { policy }) };
    const plan = diff(wanted, observed, steadySeconds());
    tellBlocked(this.#options.log, plan);
    this.#isSettled = true;
    const wasRead = tried.has("table") && tried.get("table") === undefined;
    const canPlan = !this.#backoff.heldParts().has("policy") && !blind.has("policy");
    const moment = { table: observed.table, wasRead, canPlan, onError: this.#onPolicyError };
    const steps = await withPolicy(plan.steps, this.policy, moment);
    const whole = { ...plan, steps };
    this.#planned = outlineOf(whole);
    const held = this.#backoff.heldParts().has("policy") ? ["policy" as const] : []; // by now
    this.#backoff.keepOnly(new Set([...steps.map(({ part }) => part), ...held]));
    return await this.#apply(whole, blind, isNews ? "nodes" : "drift");
  }

  /** Nothing but the policies may have changed: all the rest is not even compared. */
  async #passPolicy(): Promise<boolean> {
    const [policy, observed] = [this.policy, this.#host.observed];
    if (policy === undefined || observed === undefined || this.#backoff.heldParts().has("policy")) {
      return false;
    }
    if (policy.isBlind) {
      this.doubt("table");
      return false;
    }
    const moment = { table: observed.table, wasRead: false, canPlan: true, onError: this.#onPolicyError };
    const steps = await withPolicy([], policy, moment);
    return await this.#apply({ steps, waiting: [], rejected: [] }, new Set(), "policy");
  }

  async #apply(plan: Plan, blind: ReadonlySet<Part>, cause: Cause): Promise<boolean> {
    const startMs = performance.now();
    const outcomes = await apply(plan, new Set([...this.#backoff.heldParts(), ...blind]));
    if (outcomes.length === 0) return false;
    this.#options.onlooker?.applied(outcomes, performance.now() - startMs);
    this.#settle(outcomes, cause);
    return true;
  }

  /** Takes in Nodes and facts; true when what is wanted has changed. */
  async #think(): Promise<boolean> {
    const { settings, keeper } = this.#options;
    const last = { nodes: this.#intake.nodes, facts: this.#facts };
    if (this.#hasSourceChanged || last.nodes === undefined) {
      this.#hasSourceChanged = false;
      this.#intake.take();
    }
    const { nodes } = this.#intake;
    if (nodes === undefined) return false;
    if (last.nodes === undefined) await this.#options.policiesKnown?.();
    // What is to wait is not asked in each pass: Nodes that change meanwhile go by the last facts.
    if (!this.#backoff.isHeld("reading facts")) {
      this.#facts = await keeper.read(nodes, (error) => this.#noteReading("facts", error));
    }
    if (this.#facts === undefined || nodes === last.nodes && this.#facts === last.facts) return false;
    this.#options.publish(nodes, this.#facts);
    this.#desired = desire(settings, nodes, this.#facts);
    this.#options.policy?.takeNodes?.(this.#desired?.settled);
    tellDesired(this.#options.log, this.#desired);
    return true;
  }

  /** What cannot be read is left as it was known, and tried again later. */
  #noteReading(part: Stale | "facts", error: Error | undefined): undefined {
    if (error === undefined) this.#backoff.succeeded(`reading ${part}`);
    else this.#failed(`reading ${part}`, error, `cannot read the host's ${part}`);
  }

  /** Keeps what the kernel confirmed, reads back the rest, logs both. */
  #settle(outcomes: readonly Outcome[], cause: Cause): void {
    this.#lastApplyMs = Date.now();
    this.#host.confirmed(outcomes.flatMap(({ step, error }) => error === undefined ? step : []));
    for (const { step, error } of outcomes) {
      const what = step.changes.slice(0, 1).map(describeChange)[0] ?? step.part;
      if (error === undefined) {
        this.#appliedSteps++;
        this.#backoff.succeeded(step.part);
        if (["sysctl", "key", "nonce", "ipsec", "ports"].includes(step.part)) this.#options.keeper.doubt();
        if (step.part === "policy") this.policy?.confirmed();
        tellChanges(this.#options.log, step, step.cause ?? cause);
        if ((step.cause ?? cause) !== "drift") continue;
        for (const { kind } of step.changes) this.#drift[kind] = (this.#drift[kind] ?? 0) + 1;
        const contest = step.changes.length > 0 && this.#backoff.repaired(step.part, what);
        if (contest) this.#options.log.error(contest.text, { retryInMs: contest.retryInMs });
        continue;
      }
      this.#host.failed(step);
      if (step.part === "policy") this.policy?.failed();
      this.#failed(step.part, error, `cannot apply: ${what}`);
    }
    // One more pass sees whether that was all; of policies alone it need not look at anything else.
    if (outcomes.some(({ step }) => step.part !== "policy")) this.#isSettled = false;
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
      ...this.#planned,
      waiting: [...this.#intake.waiting, ...this.#planned.waiting],
      isInSync: this.#planned.isInSync && !this.#backoff.isFailing,
      isStanding: this.#planned.isStanding && !this.#backoff.isFailingBesideSecond,
      appliedSteps: this.#appliedSteps,
      lastApplyMs: this.#lastApplyMs,
      drift: this.#drift,
      failing: this.#backoff.failing(),
    };
  }
}
