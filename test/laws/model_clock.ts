// Time that passes only when all that could be done was done: half a minute of an agent in some milliseconds, the same each time.

import { setImmediate } from "node:timers";

interface Timer {
  readonly atMs: number;
  readonly act: () => void;
}

/** What stands in the place of the real clock while a model runs. */
const PARTS: readonly (readonly [object, string])[] = [
  [globalThis, "setTimeout"],
  [globalThis, "clearTimeout"],
  [performance, "now"],
  [Date, "now"],
];

/** A clock of its own for the whole process. Make it with {@link ModelClock.install}; `using` brings the real one back. */
export class ModelClock implements Disposable {
  /** Not 0, which means "never" here and there. */
  nowMs = 1e6;
  readonly #timers = new Map<number, Timer>();
  #last = 0;
  readonly #real = PARTS.map(([object, name]) => Object.getOwnPropertyDescriptor(object, name));

  /** Takes the place of the real clock. */
  static install(): ModelClock {
    const clock = new ModelClock();
    const doubles: readonly unknown[] = [
      (act: () => void, delayMs = 0) => clock.#add(act, delayMs),
      (id?: number) => clock.#timers.delete(id ?? 0),
      () => clock.nowMs,
      () => clock.nowMs,
    ];
    PARTS.forEach(([object, name], i) => {
      Object.defineProperty(object, name, { value: doubles[i], configurable: true, writable: true });
    });
    return clock;
  }

  #add(act: () => void, delayMs: number): number {
    this.#timers.set(++this.#last, { act, atMs: this.nowMs + Math.max(0, delayMs) });
    return this.#last;
  }

  /** Lets time pass, to the end or until something is so. */
  async pass(ms: number, isEnough: () => boolean = () => false): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
      if (isEnough()) return;
      const [id, timer] = this.#next() ?? [];
      if (timer === undefined || timer.atMs > endMs) break;
      this.#timers.delete(id!);
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.act();
    }
    this.nowMs = endMs;
  }

  #next(): [number, Timer] | undefined {
    let next: [number, Timer] | undefined;
    for (const entry of this.#timers) if (next === undefined || entry[1].atMs < next[1].atMs) next = entry;
    return next;
  }

  [Symbol.dispose](): void {
    PARTS.forEach(([object, name], i) => {
      const real = this.#real[i];
      if (real === undefined) Reflect.deleteProperty(object, name); // it is inherited
      else Object.defineProperty(object, name, real);
    });
  }
}
