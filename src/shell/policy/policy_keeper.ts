// Keeps the kernel's policy as the model wants it: by its changes while what stands is known, by a comparison with the kernel
// at the start, after audits, failures and anything foreign. What it knows of the kernel it may lose at any moment.

import type { ObservedPolicy } from "../../core/observed/parse_policy.ts";
import type { ObservedTable } from "../../core/observed/observed_state.ts";
import {
  isAmong,
  policyLineOf,
  surprisesPolicy,
  type WantedPolicy,
} from "../../core/observed/policy_lines.ts";
import { changePolicy } from "../../core/plan/change_policy.ts";
import { diffPolicy } from "../../core/plan/diff_policy.ts";
import type { Step } from "../../core/plan/plan.ts";
import { PolicyReference } from "../../core/plan/policy_reference.ts";
import { closedContent, renderAlone, withClosed } from "../../core/plan/refused_contents.ts";
import { garbageStep, policyStep } from "../../core/plan/policy_step.ts";
import { isClean, NO_GARBAGE, standingOf, type StandingPolicy } from "../../core/plan/standing_policy.ts";
import type { PolicyObjects } from "../../core/policy/policy_objects.ts";
import type { Flow } from "../../core/policy/judge_flow.ts";
import type { Content, DesiredPolicy, PolicyChange, Verdict } from "../../core/policy/policy_table.ts";
import type { NodePods } from "../../core/policy/told_nodes.ts";
import { type PolicyDelta, policyObjects, type PolicyOptions } from "../../core/render/render_policy.ts";
import type { GivenSettings } from "../../core/settings/settings.ts";
import { checkText } from "../observe.ts";
import { fixedObjects } from "../../core/render/policy_templates.ts";
import { findRefused } from "./find_refused.ts";
import { OwnLines } from "./own_lines.ts";
import type { Tightening } from "./flow_revoker.ts";
import { wantedNow } from "./wanted_now.ts";

/** Where the wanted policy comes from. */
export interface PolicyInput {
  /** Net changes since the last call; undefined: nothing has changed, or not all is known yet. */
  takeChange(): PolicyChange | undefined;
  /** The whole; undefined while not all is known yet: then nothing is changed. */
  desired(): DesiredPolicy | undefined;
  /** Nodes with what they own: a pod is believed within its own node's pod CIDRs. */
  takeNodes?(nodes: readonly NodePods[] | undefined): void;
  /** What is said of a flow now. Without it no flow is ended. */
  judge?(flow: Flow): Verdict;
}

/** What the settings say of the table. */
export function policyOptionsOf({ unknownPods, policyLog }: GivenSettings): PolicyOptions {
  return { isUnknownClosed: unknownPods === "closed", isLogged: policyLog === "drop" };
}

const UNCHANGED: Tightening = { isTighter: false, disowned: [] };
/** Kernels before 6.2 refuse to delete a chain that an element has just led to. */
const GARBAGE_MS = 5_000;

/** The last that is known of the kernel, and how it is brought to what is wanted. */
export class PolicyKeeper {
  readonly #reference = new PolicyReference();
  readonly #own = new OwnLines();
  /** Undefined: the kernel must be looked at. */
  #standing: StandingPolicy | undefined;
  /** What stands once the step that was planned last has succeeded. */
  #next: StandingPolicy | undefined;
  /** What {@link heard} compares with; made when it is needed. */
  #wanted: PolicyObjects | undefined;
  /** What was read last and found right: an audit that reads the same need not compare it again. */
  #verified: ObservedPolicy | undefined;
  #isHeardOf = false;
  #hasFailed = false;
  /** Names of contents; such a one is refused for ever, for it never changes. */
  readonly #refused = new Set<string>();
  /** Of the step that was planned last. */
  #tightening: Tightening = UNCHANGED;
  #garbageTimer: ReturnType<typeof setTimeout> | undefined;
  #isGarbageDue = false;

  /**
   * @param hears `wake` when there is something to do later, `onDone` of changes that the kernel has, `onRefused` of contents
   * that nft refuses, by name: they are closed
   */
  constructor(
    private readonly input: PolicyInput,
    private readonly options: PolicyOptions,
    private readonly hears: {
      readonly wake: () => void;
      readonly onDone: (change: Tightening) => void;
      readonly onRefused: (content: string) => void;
    },
  ) {}

  /** With what nft has refused closed. */
  #desired(): DesiredPolicy | undefined {
    const desired = this.input.desired();
    return desired && withClosed(desired, this.#refused);
  }

  #closed(change: PolicyChange | undefined): PolicyChange | undefined {
    if (change === undefined || this.#refused.size === 0) return change;
    const contents = change.contents.map((content) =>
      this.#refused.has(content.name) ? closedContent(content) : content
    );
    return { ...change, contents };
  }

  /** All that is wanted; undefined while that is not known. */
  objects(): PolicyObjects | undefined {
    if (this.#wanted !== undefined) return this.#wanted;
    const desired = this.#desired();
    return desired && (this.#wanted = policyObjects(desired, this.options));
  }

  /** The model has changed. */
  changed(): void {
    this.#wanted = undefined;
    this.hears.wake();
  }

  /** True when the table must be read before {@link plan} can compare. */
  get isBlind(): boolean {
    return this.#isHeardOf && this.#standing === undefined && this.input.desired() !== undefined;
  }

  /**
   * What is to be done now; undefined when nothing is.
   * @param wasRead in this pass
   */
  async plan(table: ObservedTable | undefined, wasRead: boolean): Promise<Step | undefined> {
    const isAsBefore = !wasRead || table !== undefined && table.policy === this.#verified;
    const step = !isAsBefore || this.#standing === undefined
      ? await this.#planWhole(table)
      : this.#planChange(this.#standing);
    if (step === undefined) this.#tidyLater();
    return step;
  }

  async #planWhole(table: ObservedTable | undefined): Promise<Step | undefined> {
    await this.#findRefused();
    const observed = table?.policy;
    const { input, options } = this;
    const view = { takeChange: () => input.takeChange(), desired: () => this.#desired(), options };
    const now = await wantedNow(view, observed, this.#reference);
    if (now === undefined) return undefined;
    const { desired, wanted, disowned } = now;
    this.#tightening = { isTighter: true, disowned: [...this.#tightening.disowned, ...disowned] };
    this.#wanted = wanted;
    const difference = diffPolicy(wanted, observed, this.#reference);
    this.#isHeardOf = false;
    const standing = standingOf(desired, this.options, difference.garbage);
    if (difference.text === "") {
      this.#standing = standing;
      this.#verified = observed;
      this.hears.onDone({ isTighter: false, disowned: this.#tightening.disowned });
      this.#tightening = UNCHANGED;
      return undefined;
    }
    this.#standing = undefined;
    this.#next = standing;
    this.#own.expect(difference.delta, (chain) => ruleCount(observed?.chains.get(chain)));
    return policyStep(difference, { reason: "missing", hasTable: table !== undefined });
  }

  #planChange(standing: StandingPolicy): Step | undefined {
    const change = this.#closed(this.input.takeChange());
    if (change !== undefined) {
      const step = changePolicy(change, standing, this.options);
      this.#next = step.standing;
      this.#standing = undefined;
      const { chains } = fixedObjects(standing.lead, this.options);
      this.#own.expect(step.delta, (chain) => chains.get(chain)?.length ?? 0);
      this.#tightening = { isTighter: isTighter(change, step.delta, standing), disowned: change.disowned };
      if (step.text !== "") return policyStep(step, { reason: "policy", hasTable: true });
      this.confirmed();
    }
    if (!this.#isGarbageDue || this.#standing === undefined || isClean(this.#standing.garbage)) {
      return undefined;
    }
    this.#isGarbageDue = false;
    this.#own.expectEnd(this.#standing.garbage);
    const step = garbageStep(this.#standing.garbage);
    this.#next = { ...this.#standing, garbage: NO_GARBAGE };
    this.#standing = undefined;
    return step;
  }

  /** The step that was planned last has succeeded. */
  confirmed(): void {
    this.#standing = this.#next;
    this.hears.onDone(this.#tightening);
    this.#tightening = UNCHANGED;
    this.#tidyLater();
  }

  /** nft's monitor begins, or has died: of what was done meanwhile it tells nothing. */
  listens(): void {
    this.#own.forget();
  }

  /** Nobody knows what stands now: it is compared with the kernel before anything else. */
  lost(): void {
    this.#standing = undefined;
    this.#isHeardOf = true;
  }

  /** The step that was planned last has failed: what of it nft refuses is found before the next. */
  failed(): void {
    this.#hasFailed = true;
    this.#own.forget();
    this.lost();
  }

  async #findRefused(): Promise<void> {
    const desired = this.#hasFailed ? this.#desired() : undefined;
    if (desired === undefined) return;
    this.#hasFailed = false;
    const isAccepted = (contents: readonly Content[]) =>
      checkText(renderAlone(contents, desired, this.options));
    for (const { name } of await findRefused([...desired.contents.values()], isAccepted)) {
      this.#refused.add(name);
      this.hears.onRefused(name);
    }
  }

  #tidyLater(): void {
    if (this.#garbageTimer !== undefined || this.#standing === undefined || isClean(this.#standing.garbage)) {
      return;
    }
    this.#garbageTimer = setTimeout(() => {
      this.#garbageTimer = undefined;
      this.#isGarbageDue = true;
      this.hears.wake();
    }, GARBAGE_MS);
    Deno.unrefTimer(this.#garbageTimer);
  }

  /**
   * A line of `nft monitor` about our table.
   * @returns undefined when it is not about policy; else whether it says what is not wanted
   */
  heard(line: string): boolean | undefined {
    const said = policyLineOf(line);
    if (said === undefined) return undefined;
    if (said === "nothing") return false;
    this.#isHeardOf = true;
    if (this.#own.take(said)) return false;
    // While a step is under way what stands is what it makes.
    const standing = this.#standing ?? this.#next;
    const objects = standing && this.objects();
    return objects === undefined ? false : surprisesPolicy(said, this.#judge(objects, standing!));
  }

  #judge({ sets, chains, counters }: PolicyObjects, { garbage }: StandingPolicy): WantedPolicy {
    const has = (name: string) => sets.has(name) || chains.has(name) || counters.has(name);
    return {
      has,
      isGarbage: (name) =>
        !has(name) && (garbage.chains.includes(name) || garbage.counters.includes(name) ||
          garbage.sets.some(([, set]) => set === name)),
      hasMember: (set, member) => isAmong(sets.get(set)?.members ?? [], member),
    };
  }
}

function ruleCount(rules = "[]"): number {
  return (JSON.parse(rules) as unknown[]).length;
}

/** Additions to sets close nothing, nor does what becomes known that was closed until now. */
function isTighter(change: PolicyChange, { sets }: PolicyDelta, { lead, subjects }: StandingPolicy): boolean {
  if (change.isGuarded === true || sets.some(({ deleted }) => deleted.length > 0)) return true;
  return change.subjects.keys().some((address) => lead !== "guarded" || subjects.has(address));
}

/** When and on what the policies are planned. */
export interface PolicyMoment {
  readonly table: ObservedTable | undefined;
  /** In this pass. */
  readonly wasRead: boolean;
  /** The table could be read, and nothing that failed is still waited for. */
  readonly canPlan: boolean;
  /** What cannot be planned costs the other steps nothing. */
  readonly onError: (error: unknown) => void;
}

/** Steps with what is to be done of the policies, unless the table is made anew with them in it. */
export async function withPolicy(
  steps: readonly Step[],
  keeper: PolicyKeeper | undefined,
  { table, wasRead, canPlan, onError }: PolicyMoment,
): Promise<readonly Step[]> {
  if (keeper === undefined || !canPlan) return steps;
  if (steps.some(({ holdsPolicy }) => holdsPolicy)) {
    keeper.lost();
    return steps;
  }
  const step = await keeper.plan(table, wasRead).catch((error): undefined => {
    keeper.lost();
    onError(error);
  });
  return step === undefined ? steps : [...steps, step].sort((a, b) => a.stage - b.stage);
}
