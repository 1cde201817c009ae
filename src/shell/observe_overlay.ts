// The interface that wraps packets in the clear, or ESP, as the host has it.

import type { DesiredState } from "../core/desired/desired_state.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { observeLink } from "./observe.ts";

/** Not asked for where none is wanted, nor any of its name was seen. */
export async function observeOverlay(
  { overlay: { name, link, isStanding, left } }: DesiredState,
): Promise<Pick<ObservedState, "overlay" | "leftOverlay">> {
  return {
    overlay: link !== undefined || isStanding ? await observeLink(name) : undefined,
    ...(left !== undefined && { leftOverlay: await observeLink(left.name) }),
  };
}
