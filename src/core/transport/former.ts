// In what this host sent in the clear before: its routes say it. Others send so until they have heard that it is back in the tunnel.

import type { Family } from "../net/address.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { TRANSPORTS } from "./transports.ts";
import { vxlanInterface } from "./vxlan/vxlan.ts";

/** A transport that leaves in the clear, for each family that has come back into the tunnel. */
export type Former = Partial<Record<Family, "direct" | "vxlan">>;

/**
 * What an agent that starts finds; undefined: nothing that it does not want itself.
 * @param routes of our protocol, as they are observed
 */
export function formerTransports(
  settings: GivenSettings,
  routes: Readonly<Record<Family, ReadonlySet<string>>>,
): Former | undefined {
  const wrapped = ` dev ${vxlanInterface(settings)} `;
  const former: Former = {};
  for (const family of [4, 6] as const) {
    if (TRANSPORTS[familySettings(settings, family).transport].medium !== "tunnel") continue;
    for (const text of routes[family]) {
      if (text.includes(" via ")) former[family] = "direct";
      else if (text.includes(" encap ") && text.includes(wrapped)) former[family] = "vxlan";
      else continue;
      break;
    }
  }
  return Object.keys(former).length === 0 ? undefined : former;
}
