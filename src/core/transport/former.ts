// In what this host sent in the clear before: its routes say it, or the table for whoever is killed while others have not heard
// that it is back in the tunnel. They send so until then.

import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { isWrapping } from "./clear_peers.ts";
import { overlaysByMedium } from "./overlay_names.ts";
import { TRANSPORTS } from "./transports.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** A transport that leaves in the clear, for each family that has come back into the tunnel. */
export type Former = Partial<Record<Family, "direct" | "vxlan" | "gre">>;

/**
 * What an agent that starts finds; undefined: nothing that it does not want itself.
 * @param observed routes of our protocol, what the table still accepts, and the interface that wraps, which stands for as long
 */
export function formerTransports(
  settings: GivenSettings,
  { routes, table, overlay }: Pick<ObservedState, "routes" | "table" | "overlay">,
): Former | undefined {
  const all = overlaysByMedium(settings);
  // A host has one interface that wraps: what the other family is to have of it comes first.
  const mediumOf = (family: Family) => TRANSPORTS[familySettings(settings, family).transport].medium;
  const wanted = FAMILIES.map(mediumOf).find((medium) => medium === "vxlan" || medium === "gre");
  const overlays = wanted === undefined ? all : { [wanted]: all[wanted] } as Partial<typeof all>;
  const former: Former = {};
  for (const family of FAMILIES) {
    if (mediumOf(family) !== "tunnel") continue;
    if ((table?.sets.get(`late-v${family}`)?.size ?? 0) > 0) {
      former[family] = overlay === undefined ? "direct" : overlay.kind === "vxlan" ? "vxlan" : "gre";
    }
    for (const text of routes[family]) {
      const found = text.includes(" via ") ? "direct" : overlayIn(text, overlays);
      if (found === undefined) continue;
      former[family] = found;
      break;
    }
  }
  return Object.keys(former).length === 0 ? undefined : former;
}

function overlayIn<Name extends string>(
  text: string,
  overlays: Readonly<Partial<Record<Name, string>>>,
): Name | undefined {
  if (!isWrapping(text)) return undefined;
  return (Object.keys(overlays) as Name[]).find((name) => text.includes(` dev ${overlays[name]} `));
}
