// In what this host sent in the clear before: its routes say it, or the table for whoever is killed while others have not heard
// that it is back in the tunnel, or in the clear another way. They send so until then.

import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { isWrapping } from "./clear_peers.ts";
import { mediumOfKind, OVERLAY_KINDS, type OverlayMedium } from "./overlay_kinds.ts";
import type { Transport } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

const FAMILIES: readonly Family[] = [4, 6];
const OVERLAY_MEDIA = Object.keys(OVERLAY_KINDS) as OverlayMedium[];

/** What a host is found with. */
type Found = Pick<ObservedState, "routes" | "table" | "overlay" | "leftOverlay" | "ipsec">;

/** A transport that leaves in the clear, for each family that has come back into the tunnel, or to another one in the clear. */
export type Former = Partial<Record<Family, "direct" | OverlayMedium>>;

/**
 * What an agent that starts finds; undefined: nothing that it does not want itself.
 * @param observed routes of our protocol, what the table still accepts, and interfaces that wrap, which stand for as long
 */
export function formerTransports(
  settings: GivenSettings,
  observed: Found,
): Former | undefined {
  const [v4, v6] = FAMILIES.map((family) => TRANSPORTS[familySettings(settings, family).transport]);
  const wanted = [v4?.medium, v6?.medium];
  const former: Former = {};
  for (const family of FAMILIES) {
    const { medium, isEncrypted } = (family === 4 ? v4 : v6)!;
    // What is encrypted by something else than the tunnel takes nothing in the clear.
    if (medium === undefined || isEncrypted === true) continue;
    const standing = standingIn(observed, wanted);
    // Where the other family has it, it tells nothing of this one.
    const isTold = medium === "tunnel" || !wanted.includes(standing);
    if (isTold && standing && accepts(observed, family, medium)) former[family] = standing;
    for (const text of observed.routes[family]) {
      const found = text.includes(" via ") ? "direct" : wrapperIn(text, settings);
      if (found === undefined || found === medium) continue;
      former[family] = found;
      break;
    }
  }
  return Object.keys(former).length === 0 ? undefined : former;
}

/** By which interface something may come in the clear: of two that wrap the one that nobody wants. */
function standingIn(
  { overlay, leftOverlay }: Found,
  wanted: readonly Transport["medium"][],
): OverlayMedium | "direct" | undefined {
  const links = [overlay, leftOverlay].filter((link) => link !== undefined);
  if (links.length === 0) return "direct";
  const media = links.map(({ kind }) => mediumOfKind(kind));
  return media.find((medium) => medium !== undefined && !wanted.includes(medium)) ?? media[0];
}

/**
 * True where the table takes something in the clear: for a host that is back in the tunnel only while others may not have heard of it. The last
 * one of a cluster to change has no route in the clear any more, and yet others send so.
 */
function accepts(
  { table, ipsec }: Pick<ObservedState, "table" | "ipsec">,
  family: Family,
  medium: Transport["medium"],
): boolean {
  if (ipsec?.link !== undefined) return false;
  const sets = medium === "tunnel" ? ["late"] : ["clear", "near"];
  return sets.some((name) => (table?.sets.get(`${name}-v${family}`)?.size ?? 0) > 0);
}

function wrapperIn(text: string, settings: GivenSettings): OverlayMedium | undefined {
  if (!isWrapping(text)) return undefined;
  return OVERLAY_MEDIA.find((medium) => text.includes(` dev ${OVERLAY_KINDS[medium].nameOf(settings)} `));
}
