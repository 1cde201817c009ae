// Bounds what evaluating an expression costs. It always ends, for CEL has no unbounded loop, but loops in loops may take
// years, and `a + a` of `a + a` all memory.

import { refused } from "../net/refusal.ts";
import type { CelEnvironment, CelEvaluator, CelLibrary, CelStep } from "./cel_library.ts";
import { matches } from "./matches.ts";

const MAX_STEPS = 1_000_000;
const MAX_SIZE = 4_096;
/** What an error costs more than a value: it has a stack and shows the place. */
const STEPS_OF_ERROR = 50;

/** Counts the steps of an environment's evaluations. */
export class Meter {
  #left = MAX_STEPS;
  #exhausted: Error | undefined;
  readonly #cel: CelLibrary;

  /**
   * The macro is there to get hold of the evaluator, by which every step goes: the library has no other hook.
   * Without it nothing would be counted, so that is an error and not a silence.
   */
  constructor(cel: CelLibrary, environment: CelEnvironment) {
    this.#cel = cel;
    let hasEvaluator = false;
    environment.registerFunction(
      "meter(ast): bool",
      (() => ({
        typeCheck: (checker: { getType(name: string): unknown }) => checker.getType("bool"),
        evaluate: (evaluator: CelEvaluator) => {
          evaluator.run = (step, context) => this.#run(evaluator, step, context);
          return hasEvaluator = true;
        },
      })) as () => unknown,
    );
    environment.evaluate("meter(true)");
    if (!hasEvaluator) throw new Error("this version of cel-js cannot be metered");
  }

  /** Begins anew. */
  reset(): void {
    this.#left = MAX_STEPS;
    this.#exhausted = undefined;
  }

  /** True when the evaluation was cut short, whatever came of it: `exists` goes on past errors. */
  get isExhausted(): boolean {
    return this.#left < 0;
  }

  #run(evaluator: CelEvaluator, step: CelStep, context: unknown): unknown {
    this.#spend(1, step);
    if (isMatches(step)) {
      const [text, pattern] = [step.args[1], step.args[2][0]!].map((arg) => evaluator.run(arg, context));
      if (typeof text === "string" && typeof pattern === "string") {
        const found = matches(text, pattern);
        if (refused(found)) throw this.#error(found.reason, step);
        return found;
      }
    }
    const value = this.#evaluate(evaluator, step, context);
    if (step.op === "+" && (typeof value === "string" || Array.isArray(value))) {
      if (value.length > MAX_SIZE) throw this.#error(`a text or list of more than ${MAX_SIZE}`, step);
      this.#spend(value.length, step);
    }
    return value;
  }

  #evaluate(evaluator: CelEvaluator, step: CelStep, context: unknown): unknown {
    try {
      return step.evaluate(evaluator, step, context);
    } catch (error) {
      this.#spend(STEPS_OF_ERROR, step);
      throw error;
    }
  }

  #spend(steps: number, step: CelStep): void {
    this.#left -= steps;
    if (this.isExhausted) throw this.#exhausted ??= this.#error(EXHAUSTED, step);
  }

  #error(message: string, node: CelStep): Error {
    return new this.#cel.EvaluationError({ code: "bounds", message, node });
  }
}

/** What is said of an evaluation that was cut short. */
export const EXHAUSTED = `it takes more than ${MAX_STEPS} steps: loop over less`;

interface Matches extends CelStep {
  readonly args: readonly [name: string, text: CelStep, patterns: readonly CelStep[]];
}

function isMatches(step: CelStep): step is Matches {
  return step.op === "rcall" && (step.args as readonly unknown[])[0] === "matches";
}
