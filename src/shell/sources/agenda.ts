// What is to be looked at soon: many events for one path become one look, many paths one timer.

interface Plan {
  readonly at: number;
  readonly whole: string | null;
}

/**
 * Planned looks. `look` is called for each path when its time has come, with the version in which somebody left the
 * file whole if that was heard; then `rest` is called once.
 */
export class Agenda {
  readonly #plans = new Map<string, Plan>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor(
    private readonly look: (path: string, whole: string | null) => void,
    private readonly rest: () => void,
  ) {}

  has(path: string): boolean {
    return this.#plans.has(path);
  }

  /** The earliest time counts, and the last whole version. */
  plan(path: string, delayMs: number, whole: string | null = null): void {
    const before = this.#plans.get(path);
    const at = Math.min(before?.at ?? Infinity, performance.now() + delayMs);
    this.#plans.set(path, { at, whole: whole ?? before?.whole ?? null });
    if (at < this.#timerAt) this.#arm(at);
  }

  /** Looks at once at everything that is planned until then, without the call of `rest`. */
  flush(until = Infinity): void {
    for (const [path, { at, whole }] of [...this.#plans]) {
      if (at > until) continue;
      this.#plans.delete(path);
      this.look(path, whole);
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
