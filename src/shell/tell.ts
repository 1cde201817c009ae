// What the loop says of its work: a few lines of many, for `wigglenet status` and `wigglenet diff` list them all.

import type { DesiredState } from "../core/desired/desired_state.ts";
import { describeChange } from "../core/plan/describe.ts";
import type { Plan, Step } from "../core/plan/plan.ts";
import type { Log } from "./log.ts";
import type { SourceProblem } from "./sources/node_source.ts";

const SHOWN = 20;

/** What is refused and what is waited for, when it may have changed; the log leaves out what it said a minute ago. */
export function tellDesired(log: Log, desired: DesiredState | undefined): void {
  const { rejected = [], waiting = [] } = desired ?? {};
  for (const { node, claim, reason } of rejected.slice(0, SHOWN)) {
    log.warn(`rejected: ${node}: ${claim}: ${reason}`);
  }
  for (const { what, why, next, isTrouble } of waiting.slice(0, SHOWN)) {
    log[isTrouble ? "warn" : "info"](`waiting: ${what}: ${why}; ${next}`);
  }
  const left = Math.max(0, rejected.length - SHOWN) + Math.max(0, waiting.length - SHOWN);
  if (left > 0) log.warn(`and ${left} more that wigglenet status lists`);
}

/** What of the source cannot be taken in. */
export function tellProblems(log: Log, problems: readonly SourceProblem[]): void {
  for (const { path, reason } of problems) log.warn(`cannot take in ${path}: ${reason}`);
}

/** What stands in the way of a plan. */
export function tellBlocked(log: Log, { waiting }: Plan): void {
  for (const { what, why, next, isBlocking } of waiting) {
    if (isBlocking) log.error(`waiting: ${what}: ${why}; ${next}`);
  }
}

/** Why something was changed. */
export type Cause = "nodes" | "drift" | "session" | "policy" | "declared";

/** What a step has changed. */
export function tellChanges(log: Log, { changes }: Step, cause: Cause): void {
  for (const change of changes.slice(0, SHOWN)) log.info(describeChange(change), { cause });
  if (changes.length > SHOWN) log.info(`and ${changes.length - SHOWN} changes like these`, { cause });
}
