// A tunnel that this agent has come to need no more stands for a while: what the others send by it, until they have heard of that, still
// arrives. One that an agent finds on the host as it starts, and does not need, goes at once.

import type { DesiredState } from "../core/desired/desired_state.ts";
import { Lingering } from "./lingering.ts";

/** Knows how long. */
export class LastTunnel {
  #isNeeded = false;
  readonly #lingering: Lingering;

  /** @param onEnd called once it may go */
  constructor(onEnd: () => void) {
    this.#lingering = new Lingering(onEnd);
  }

  /** True while it is to be left alone. */
  isLeft({ link }: Pick<DesiredState, "link">): boolean {
    if (link === undefined && this.#isNeeded) this.#lingering.begin();
    this.#isNeeded = link !== undefined;
    return !this.#isNeeded && this.#lingering.isOn;
  }
}
