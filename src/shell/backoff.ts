// When to try again what failed: from half a second to half a minute, doubled each time, with jitter so that the
// nodes of a cluster do not try together. By a clock that nobody sets: else a host set back by a year waits for one.

import { isOfSecond, type Part } from "../core/plan/plan.ts";
import type { Stale } from "./stale.ts";

/** What may fail: a part that is changed, a part that is read, all the rest; a part that somebody else changes all the time. */
export type Trouble = Part | `reading ${Stale | "facts"}` | `contested ${Part}` | "all";

const READING = "reading ";
const CONTESTED = "contested ";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** The same repair so often in so long: somebody else wants it otherwise, and would not come to rest either (docs/decisions/0045). */
const CONTEST_REPAIRS = 20;
const CONTEST_MS = 60_000;
/** Shorter than of failures: what is contested may be the guard. */
const LONGEST_CONTEST_MS = 8_000;
/** At most ten applies a second; of what is contested one reading. */
const PACE_MS = 100;
const CONTEST_PACE_MS = 1_000;

interface Failure {
  readonly attempts: number;
  readonly error: string;
  /** Of performance.now. */
  readonly retryAtMs: number;
}

/** Failures by what failed. */
export class Backoff {
  readonly #failures = new Map<Trouble, Failure>();
  /** When the same was repaired, by what was. */
  readonly #repairs = new Map<string, number[]>();
  #nowMs = 0;

  /** Notes a failure; returns the milliseconds until the next try. */
  failed(what: Trouble, error: string, longestMs = LONGEST_MS): number {
    const attempts = (this.#failures.get(what)?.attempts ?? 0) + 1;
    const delayMs = Math.min(longestMs, FIRST_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
    this.#failures.set(what, { attempts, error, retryAtMs: performance.now() + delayMs });
    return delayMs;
  }

  succeeded(what: Trouble): void {
    this.#failures.delete(what);
  }

  /**
   * Notes that what somebody else had changed was repaired.
   * @param what the change as it is told
   * @returns what to tell where it is the same all the time: the part is left alone for a while then
   */
  repaired(part: Part, what: string): { readonly text: string; readonly retryInMs: number } | undefined {
    const sinceMs = this.#nowMs - CONTEST_MS;
    for (const [known, times] of this.#repairs) if (times.at(-1)! < sinceMs) this.#repairs.delete(known);
    const times = [...this.#repairs.get(what) ?? [], this.#nowMs].filter((ms) => ms >= sinceMs);
    this.#repairs.set(what, times.slice(-CONTEST_REPAIRS));
    if (times.length < CONTEST_REPAIRS) return undefined;
    const text =
      `somebody else changes it as often as it is repaired, ${CONTEST_REPAIRS} times within a minute: ${what}; ` +
      "nft monitor, ip monitor and the programs beside it may show who";
    const retryInMs = this.failed(`${CONTESTED}${part}`, text, LONGEST_CONTEST_MS);
    return { text: `${part}: ${text}`, retryInMs: Math.round(retryInMs) };
  }

  /** Milliseconds from one pass to the next. */
  paceMs(hasApplied: boolean): number {
    if (this.#held().some((what) => what.startsWith(CONTESTED))) return CONTEST_PACE_MS;
    return hasApplied ? PACE_MS : 0;
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
    return new Set(this.#held().map(partOf).filter(isPart));
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

  /** Forgets failures of parts for which nothing is left to do; what was contested must be found so when its time has come. */
  keepOnly(parts: ReadonlySet<Part>): void {
    for (const what of this.#failures.keys()) {
      const part = partOf(what);
      const isOver = part === what || !this.isHeld(what);
      if (isPart(part) && isOver && !parts.has(part)) this.#failures.delete(what);
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

  /** The same, but for the second interface. */
  get isFailingBesideSecond(): boolean {
    return this.#failures.keys().some((what) => !isOfSecond(what));
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

function partOf(what: Trouble): Trouble {
  return what.startsWith(CONTESTED) ? what.slice(CONTESTED.length) as Part : what;
}

function isPart(what: Trouble): what is Part {
  return what !== "all" && !what.startsWith(READING);
}
