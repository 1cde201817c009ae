// How many rules of each chain are to come and go by our own hand: lines of the monitor about more of them are somebody else's.

import type { PolicyDelta, PolicyGarbage } from "../../core/render/render_policy.ts";

/** Counts rules down as lines tell of them. */
export class ExpectedLines {
  readonly #left = new Map<string, number>();

  /**
   * A transaction that is about to be made.
   * @param countOf how many rules a chain has before it
   */
  expect({ chains, flushed }: PolicyDelta, countOf: (chain: string) => number): void {
    for (const [name, rules] of chains) this.#left.set(`add ${name}`, rules.length);
    for (const name of flushed) this.#left.set(`delete ${name}`, countOf(name));
  }

  /** What is deleted as a whole is not looked at any more. */
  forget({ chains }: PolicyGarbage): void {
    for (const name of chains) {
      this.#left.delete(`add ${name}`);
      this.#left.delete(`delete ${name}`);
    }
  }

  /** True when such a line was expected; once for each. */
  take(chain: string, isAddition: boolean): boolean {
    const key = `${isAddition ? "add" : "delete"} ${chain}`;
    const left = this.#left.get(key) ?? 0;
    if (left > 0) this.#left.set(key, left - 1);
    return left > 0;
  }
}
