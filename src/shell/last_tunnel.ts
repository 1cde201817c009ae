// A tunnel that this agent has come to need no more stands for a while: what the others send by it, until they have heard of that, still
// arrives. One that an agent finds on the host as it starts, and does not need, goes at once.

import type { DesiredState } from "../core/desired/desired_state.ts";

/** Longer than it takes the others to hear of a Node. */
export const LINGER_MS = 10_000;

/** Knows how long. */
export class LastTunnel {
  #endMs = -Infinity;

  /** @param onEnd called once it may go */
  constructor(private readonly onEnd: () => void) {}

  /** True while it is to be left alone. */
  isLeft({ link }: DesiredState): boolean {
    const now = performance.now();
    if (link !== undefined) this.#endMs = Infinity;
    else if (this.#endMs === Infinity) {
      this.#endMs = now + LINGER_MS;
      Deno.unrefTimer(setTimeout(this.onEnd, LINGER_MS + 1));
    }
    return link === undefined && now < this.#endMs;
  }
}
