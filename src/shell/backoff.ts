// When to try again what failed: from half a second to half a minute, doubled each time, with jitter so that the
// nodes of a cluster do not try together.

import type { Part } from "../core/plan/plan.ts";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

interface Failure {
  readonly attempts: number;
  readonly error: string;
  readonly retryAtMs: number;
}

/** Failures by what failed. */
export class Backoff {
  readonly #failures = new Map<Part | "reading", Failure>();

  /** Notes a failure; returns the milliseconds until the next try. */
  failed(what: Part | "reading", error: string): number {
    const attempts = (this.#failures.get(what)?.attempts ?? 0) + 1;
    const delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
    this.#failures.set(what, { attempts, error, retryAtMs: Date.now() + delayMs });
    return delayMs;
  }

  succeeded(what: Part | "reading"): void {
    this.#failures.delete(what);
  }

  /** True while its time has not come. */
  isHeld(what: Part | "reading"): boolean {
    return (this.#failures.get(what)?.retryAtMs ?? 0) > Date.now();
  }

  /** Parts whose time has not come. */
  heldParts(): Set<Part> {
    return new Set(
      [...this.#failures.keys()].filter((what): what is Part => what !== "reading" && this.isHeld(what)),
    );
  }

  /** Forgets failures of parts for which nothing is left to do. */
  keepOnly(parts: ReadonlySet<Part>): void {
    for (const what of this.#failures.keys()) {
      if (what !== "reading" && !parts.has(what)) this.#failures.delete(what);
    }
  }

  /** Milliseconds until the first retry; undefined when nothing has failed. */
  nextRetryMs(): number | undefined {
    const times = [...this.#failures.values()].map(({ retryAtMs }) => retryAtMs);
    return times.length === 0 ? undefined : Math.min(...times) - Date.now();
  }

  /** For `status`. */
  failing(): Record<string, { error: string; retryAtMs: number }> {
    return Object.fromEntries(
      [...this.#failures].map(([what, { error, retryAtMs }]) => [what, { error, retryAtMs }]),
    );
  }
}
