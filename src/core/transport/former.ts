// In what this host sent in the clear before: its routes say it, or the table for whoever is killed while others have not heard
// that it is back in the tunnel, or in the clear another way. They send so until then.

import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { isWrapping } from "./clear_peers.ts";
import { isOverlayMedium, mediumOfKind, OVERLAY_KINDS, type OverlayMedium } from "./overlay_kinds.ts";
import type { Transport } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** A transport that leaves in the clear, for each family that has come back into the tunnel, or to another one in the clear. */
export type Former = Partial<Record<Family, "direct" | OverlayMedium>>;

/**
 * What an agent that starts finds; undefined: nothing that it does not want itself.
 * @param observed routes of our protocol, what the table still accepts, and the interface that wraps, which stands for as long
 */
export function formerTransports(
  settings: GivenSettings,
  observed: Pick<ObservedState, "routes" | "table" | "overlay" | "ipsec">,
): Former | undefined {
  const { routes, overlay } = observed;
  // A host has one interface that wraps: what the other family is to have of it comes first.
  const [v4, v6] = FAMILIES.map((family) => TRANSPORTS[familySettings(settings, family).transport]);
  const wanted = [v4?.medium, v6?.medium].find(isOverlayMedium);
  const media = wanted === undefined ? Object.keys(OVERLAY_KINDS) as OverlayMedium[] : [wanted];
  const former: Former = {};
  for (const family of FAMILIES) {
    const { medium, isEncrypted } = (family === 4 ? v4 : v6)!;
    // What is encrypted by something else than the tunnel takes nothing in the clear.
    if (medium === undefined || isEncrypted === true) continue;
    const standing = overlay === undefined ? "direct" : mediumOfKind(overlay.kind);
    // Where the other family has it, it tells nothing of this one.
    const isTold = medium === "tunnel" || standing !== v4?.medium && standing !== v6?.medium;
    if (isTold && standing && accepts(observed, family, medium)) former[family] = standing;
    for (const text of routes[family]) {
      const found = text.includes(" via ") ? "direct" : wrapperIn(text, media, settings);
      if (found === undefined || found === medium) continue;
      former[family] = found;
      break;
    }
  }
  return Object.keys(former).length === 0 ? undefined : former;
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

function wrapperIn(
  text: string,
  media: readonly OverlayMedium[],
  settings: GivenSettings,
): OverlayMedium | undefined {
  if (!isWrapping(text)) return undefined;
  return media.find((medium) => text.includes(` dev ${OVERLAY_KINDS[medium].nameOf(settings)} `));
}
