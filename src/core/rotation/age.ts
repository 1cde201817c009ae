// When a key has become old enough. All keys of a cluster may have been made in one minute: they do not rotate in one.

import type { Settings } from "../settings/settings.ts";

const HOUR_MS = 3_600_000;
/** The part of KEY_ROTATION over which the nodes of a cluster are spread. */
const SPREAD = 0.1;
/** The part of that in which a node begins, or it waits for the next time: agents look every half minute. */
const TURN = 0.1;
const SHORTEST_TURN_MS = 120_000;

/**
 * True for a key of that age on this node. Each tenth of KEY_ROTATION, from the last one before it has passed, the nodes have their
 * turns one after the other: all may be older than that in the moment in which somebody first says how old they may become.
 */
export function isOldEnough(
  ageMs: number,
  { keyRotation, nodeName }: Pick<Settings, "keyRotation" | "nodeName">,
): boolean {
  if (typeof keyRotation !== "number") return false;
  const roundMs = keyRotation * HOUR_MS * SPREAD;
  const sinceMs = ageMs - keyRotation * HOUR_MS * (1 - SPREAD) - roundMs * placeOf(nodeName);
  return sinceMs >= 0 && sinceMs % roundMs < Math.max(SHORTEST_TURN_MS, roundMs * TURN);
}

/** From 0 to 1, the same for a name at all times; names that differ in their last digit are apart (FNV-1a). */
function placeOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return (Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d) >>> 0) / 2 ** 32;
}
