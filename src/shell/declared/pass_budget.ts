// How much of the time passes over declared networks may take, whoever asks for them: who writes in a namespace alone may change an
// object of his fifty times a second, and each pass starts programs.

/** A tenth of the time. */
const TIMES = 10;
/** What may be taken before that: a node that begins, or is given a mesh. */
const BURST_MS = 5_000;
/** The longest that anybody waits for it. */
const LONGEST_WAIT_MS = 1_000;

/** Of one loop; all times by a clock that nobody sets. */
export class PassBudget {
  #owedMs = 0;
  #sinceMs = -Infinity;

  /** A pass has taken so long. */
  spent(tookMs: number, nowMs: number): void {
    this.#owedMs = Math.min(this.#owed(nowMs) + tookMs, BURST_MS + LONGEST_WAIT_MS / TIMES);
    this.#sinceMs = nowMs;
  }

  /** Milliseconds until the next may begin; the same moment for everybody who asks before. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#owed(nowMs) - BURST_MS) * TIMES;
  }

  #owed(nowMs: number): number {
    return Math.max(0, this.#owedMs - (nowMs - this.#sinceMs) / TIMES);
  }
}
