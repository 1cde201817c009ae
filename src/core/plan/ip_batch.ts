// Steps of one stage that `ip -batch` carries out share one start of it: a start is what costs, 3 ms each and a third of a
// second on an emulated machine, and a node that boots would have seven. Each step still succeeds or fails for itself.

import type { Step } from "./plan.ts";

/** Steps and the lines that are all of them, in their order. */
export interface IpBatch {
  readonly steps: readonly Step[];
  readonly input: string;
}

/** The steps that can go together; undefined when fewer than two can. */
export function batchOf(stage: readonly Step[]): IpBatch | undefined {
  const steps = stage.filter((step) => linesOf(step) !== undefined);
  return steps.length < 2 ? undefined : { steps, input: steps.map(linesOf).join("") };
}

/** About 500 routes. What is longer goes beside the others: a start is nothing then, and the copy megabytes. */
const LONG = 30_000;

/** Undefined: it does something else, too, or in another way, or takes long. */
function linesOf({ actions: [action, ...others] }: Step): string | undefined {
  const isBatch = others.length === 0 && action?.kind === "run" && action.program === "ip" &&
    /^(-force )?-batch$/.test(action.args.join(" ")) && action.input !== undefined &&
    action.input.length < LONG;
  return isBatch ? action.input : undefined;
}

/**
 * What `ip -force -batch` that failed says of each step: its complaint about the first line that failed, undefined where
 * none did. Of a line whose words it does not know it ends at once, and no step can be said to have succeeded.
 */
export function complaintsOf({ steps }: IpBatch, stderr: string): (string | undefined)[] {
  const complaints = new Map<number, string>();
  let said: string[] = [];
  for (const line of stderr.split("\n").filter((text) => text !== "")) {
    const [, number] = /^Command failed .*:(\d+)$/.exec(line) ?? [];
    if (number === undefined) said.push(line);
    else {
      complaints.set(Number(number), said[0] ?? line);
      said = [];
    }
  }
  const isWhole = complaints.size > 0 && said.length === 0;
  let last = 0;
  return steps.map((step) => {
    const first = last + 1;
    last += linesOf(step)!.split("\n").length - 1;
    if (!isWhole) return said[0] ?? stderr;
    for (let line = first; line <= last; line++) if (complaints.has(line)) return complaints.get(line);
  });
}
