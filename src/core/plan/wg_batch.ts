// Steps of one stage that begin with `wg set` share one start of it, as those of ip do (ip_batch.ts): the key and the peers
// of an interface that is new.

import type { Step } from "./plan.ts";

/** Steps, and the arguments of wg that are the first action of each, in their order. */
export interface WgBatch {
  readonly steps: readonly Step[];
  readonly args: readonly string[];
}

/** The steps that can go together; undefined when fewer than two can. */
export function wgBatchOf(stage: readonly Step[]): WgBatch | undefined {
  const all = stage.filter((step) => wordsOf(step) !== undefined);
  const steps = all.filter((step) => nameIn(step) === nameIn(all[0]!));
  if (steps.length < 2) return undefined;
  return { steps, args: ["set", nameIn(steps[0]!), ...steps.flatMap((step) => wordsOf(step)!)] };
}

function nameIn({ actions: [action] }: Step): string {
  return action?.kind === "run" ? action.args[1]! : "";
}

/** What is set, behind the interface's name; undefined: something else is done as well, or instead. */
function wordsOf({ actions: [action, ...others] }: Step): readonly string[] | undefined {
  const isSet = action?.kind === "run" && action.program === "wg" && action.args[0] === "set" &&
    others.every(({ kind }) => kind === "greet");
  return isSet ? action.args.slice(2) : undefined;
}
