// Names of interfaces that wrap packets.

import type { GivenSettings } from "../settings/settings.ts";
import { greInterface } from "./gre/gre.ts";
import { ipsecUdpInterface } from "./ipsec/names.ts";
import { vxlanInterface } from "./vxlan/vxlan.ts";

/** One of each transport in the clear that has its own, by its medium. */
export function overlaysByMedium(
  settings: Pick<GivenSettings, "interfaceName">,
): Record<"vxlan" | "gre", string> {
  return { vxlan: vxlanInterface(settings), gre: greInterface(settings) };
}

/** All of them. */
export function overlayNames(settings: Pick<GivenSettings, "interfaceName">): string[] {
  return [...Object.values(overlaysByMedium(settings)), ipsecUdpInterface(settings)];
}
