// When to try again what failed: from half a second to half a minute, doubled each time, with jitter so that the
// nodes of a cluster do not try together. By a clock that nobody sets: else a host set back by a year waits for one.

import type { Part } from "../core/plan/plan.ts";
import type { Stale } from "./host_state.ts";

/** What may fail: a part that is changed, a part that is read, all the rest. */
export type Trouble = Part | `reading ${Stale | "facts"}` | "all";

const READING = "reading ";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

interface Failure {
  readonly attempts: number;
  readonly error: string;
  /** Of performance.now. */
  readonly retryAtMs: number;
}

/** Failures by what failed. */
export class Backoff {
  readonly #failures = new Map<Trouble, Failure>();
  #nowMs = 0;

  /** Notes a failure; returns the milliseconds until the next try. */
  failed(what: Trouble, error: string): number {
    const attempts = (this.#failures.get(what)?.attempts ?? 0) + 1;
    const delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
    this.#failures.set(what, { attempts, error, retryAtMs: performance.now() + delayMs });
    return delayMs;
  }

  succeeded(what: Trouble): void {
    this.#failures.delete(what);
  }

  /**
   * Starts a pass, for all of which the same is held.
   * @returns true when the time of something has come since the last pass: then it must be tried, whoever woke the loop
   */
  begin(): boolean {
    const lastMs = this.#nowMs;
    this.#nowMs = performance.now();
    return [...this.#failures].some(([what, { retryAtMs }]) => retryAtMs > lastMs && !this.isHeld(what));
  }

  /** True while its time has not come. */
  isHeld(what: Trouble): boolean {
    return (this.#failures.get(what)?.retryAtMs ?? 0) > this.#nowMs;
  }

  /** Parts whose time has not come. */
  heldParts(): Set<Part> {
    return new Set(this.#held().filter(isPart));
  }

  /** What is not to be read yet. */
  heldReadings(): Set<Stale> {
    return new Set(
      this.#held().filter((what) => what.startsWith(READING)).map((what) =>
        what.slice(READING.length) as Stale
      ),
    );
  }

  #held(): Trouble[] {
    return [...this.#failures.keys()].filter((what) => this.isHeld(what));
  }

  /** Forgets failures of parts for which nothing is left to do. */
  keepOnly(parts: ReadonlySet<Part>): void {
    for (const what of this.#failures.keys()) {
      if (isPart(what) && !parts.has(what)) this.#failures.delete(what);
    }
  }

  /** Milliseconds until the next retry; undefined when nothing is held. What another failure keeps from being tried waits for that. */
  nextRetryMs(): number | undefined {
    const times = this.#held().map((what) => this.#failures.get(what)!.retryAtMs);
    return times.length === 0 ? undefined : Math.min(...times) - performance.now();
  }

  /** True while anything has failed and was not done since. */
  get isFailing(): boolean {
    return this.#failures.size > 0;
  }

  /** For `status`, times by the host's clock. */
  failing(): Record<string, { error: string; retryAtMs: number }> {
    const offsetMs = Date.now() - performance.now();
    return Object.fromEntries(
      [...this.#failures].map(([what, { error, retryAtMs }]) => [
        what,
        { error, retryAtMs: Math.round(retryAtMs + offsetMs) },
      ]),
    );
  }
}

function isPart(what: Trouble): what is Part {
  return what !== "all" && !what.startsWith(READING);
}
