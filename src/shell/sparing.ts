// What this agent found on the host stays while a file was never read: somebody may want it there. And a tunnel that it has come to need
// no more, for a while.

import type { DesiredState, Spared } from "../core/desired/desired_state.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { everythingOn, NOTHING_SPARED, withoutWanted } from "../core/plan/spared.ts";
import { LastTunnel } from "./last_tunnel.ts";

/** What is spared, from pass to pass. */
export class Sparing {
  /** Undefined: the host was not read yet. Empty once all files were. */
  #spared: Spared | undefined;
  readonly #tunnel: LastTunnel;

  /** @param onTunnelEnd called once a tunnel that was left may go */
  constructor(onTunnelEnd: () => void) {
    this.#tunnel = new LastTunnel(onTunnelEnd);
  }

  /** While a file was never read, what was there before this agent stays, unless it has wanted it since. */
  spare(
    desired: DesiredState,
    observed: ObservedState,
    { isPartial, isAllRead }: { readonly isPartial: boolean; readonly isAllRead: boolean },
  ): Pick<DesiredState, "spared" | "isTunnelLeft"> {
    const spared = isPartial
      ? withoutWanted(this.#spared ?? everythingOn(observed), desired)
      : NOTHING_SPARED;
    if (!isPartial || isAllRead) this.#spared = spared;
    return { ...(isPartial && { spared }), ...(this.#tunnel.isLeft(desired) && { isTunnelLeft: true }) };
  }
}
