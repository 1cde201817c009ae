// Names of interfaces that wrap packets.

import type { GivenSettings } from "../settings/settings.ts";
import { greInterface } from "./gre/gre.ts";
import { vxlanInterface } from "./vxlan/vxlan.ts";

/** One of each transport that has its own. */
export function overlayNames(settings: Pick<GivenSettings, "interfaceName">): string[] {
  return [vxlanInterface(settings), greInterface(settings)];
}
