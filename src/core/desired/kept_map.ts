// Most events change one of thousands: what was made of the others is kept.

import { equalEnds } from "../net/equal_ends.ts";

/** Maps long lists that differ little from each other. */
export class KeptMap<From, To> {
  #key: unknown;
  #from: readonly From[] = [];
  #to: readonly To[] = [];

  /**
   * The same as `list.map(make)`. At both ends, as far as the last call had the same `from` and the same key, its
   * results are used again. (A WeakMap by `from` costs ten times as much, and the collector more than that.)
   * @param key all else that `make` depends on, equal by ===
   */
  map(list: readonly From[], key: unknown, make: (from: From) => To): readonly To[] {
    const last = key === this.#key ? this.#from : [];
    const { start, end } = equalEnds(last, list);
    this.#to = [
      ...this.#to.slice(0, start),
      ...list.slice(start, list.length - end).map(make),
      ...this.#to.slice(last.length - end, last.length),
    ];
    this.#from = list;
    this.#key = key;
    return this.#to;
  }
}
