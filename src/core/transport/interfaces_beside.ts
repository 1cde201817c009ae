// All interfaces of the agent beside the tunnel's. Their names follow from its name, cut where that is long.

import { bridgeInterface } from "../bridge/names.ts";
import { nextInterface } from "../rotation/names.ts";
import type { GivenSettings } from "../settings/settings.ts";
import { ipsecInterface } from "./ipsec/names.ts";
import { overlayNames } from "./overlay_kinds.ts";

/** Whether they are there or not. */
export function interfacesBeside(settings: Pick<GivenSettings, "interfaceName">): string[] {
  const { interfaceName } = settings;
  return [
    nextInterface(interfaceName),
    bridgeInterface(interfaceName),
    ...overlayNames(settings),
    ipsecInterface(settings),
  ];
}
