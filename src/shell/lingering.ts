// Something that goes on for a while when its reason is gone: until the others have heard of that.

/** Longer than it takes the others to hear of a Node. */
export const LINGER_MS = 10_000;

/** Knows how long, by a clock that nobody sets. */
export class Lingering {
  #endMs = -Infinity;

  /** @param onEnd called when it is over */
  constructor(private readonly onEnd: () => void) {}

  /** From now on, or once more. */
  begin(): void {
    this.#endMs = performance.now() + LINGER_MS;
    Deno.unrefTimer(setTimeout(this.onEnd, LINGER_MS + 1));
  }

  /** True while it goes on. */
  get isOn(): boolean {
    return performance.now() < this.#endMs;
  }
}
