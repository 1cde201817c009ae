// Plan -> lines for people: the log of what was changed, the output of `wigglenet diff`, the golden file.

import type { Change, Plan } from "./plan.ts";

/** One line for a change: `+ route 10.244.2.0/24 dev wigglenet (missing)`. */
export function describeChange({ op, kind, target, text, reason }: Change): string {
  const subject = target === text || target === "" ? text : text === "" ? target : `${target}: ${text}`;
  return `${op} ${kind} ${subject} (${reason})`;
}

/** All lines of a plan: changes in order, then what is waiting. */
export function describe(plan: Plan): string[] {
  return [
    ...plan.steps.flatMap((step) => step.changes.map(describeChange)),
    ...plan.waiting.map(({ what, why, next }) => `… ${what}: ${why}; ${next}`),
  ];
}
