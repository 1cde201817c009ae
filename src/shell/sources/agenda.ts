// What is to be looked at soon: many events for one path become one look, many paths one timer.

/** What is known of a path that is to be looked at: somebody may be writing it, or it was left there whole. */
export type Hint = "written" | "whole";

/** Planned looks. `look` is called for each path when its time has come, then `rest` once. */
export class Agenda {
  readonly #plans = new Map<string, { at: number; hint: Hint }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor(private readonly look: (path: string, hint: Hint) => void, private readonly rest: () => void) {}

  has(path: string): boolean {
    return this.#plans.has(path);
  }

  /** The earliest time counts, and the last hint: who opens a file again makes it unwhole. */
  plan(path: string, hint: Hint, delayMs: number): void {
    const at = Math.min(this.#plans.get(path)?.at ?? Infinity, performance.now() + delayMs);
    this.#plans.set(path, { at, hint });
    if (at < this.#timerAt) this.#arm(at);
  }

  /** Looks at once at everything that is planned until then, without the call of `rest`. */
  flush(until = Infinity): void {
    for (const [path, { at, hint }] of [...this.#plans]) {
      if (at > until) continue;
      this.#plans.delete(path);
      this.look(path, hint);
    }
    let next = Infinity;
    for (const { at } of this.#plans.values()) next = Math.min(next, at);
    this.#arm(next);
  }

  close(): void {
    this.#plans.clear();
    this.#arm(Infinity);
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = setTimeout(() => {
      this.flush(performance.now());
      this.rest();
    }, Math.max(0, at - performance.now()));
  }
}
