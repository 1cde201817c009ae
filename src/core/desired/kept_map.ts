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
    const shift = last.length - list.length;
    const to = new Array<To>(list.length); // as long as it is, and nothing beside it: of thousands each event would leave copies
    for (let i = 0; i < list.length; i++) {
      if (i < start) to[i] = this.#to[i]!;
      else if (i >= list.length - end) to[i] = this.#to[i + shift]!;
      else to[i] = make(list[i]!);
    }
    this.#to = to;
    this.#from = list;
    this.#key = key;
    return this.#to;
  }
}
