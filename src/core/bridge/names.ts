// The bridge that pods hang on with CNI_BRIDGE, and what it is known by (docs/decisions/0053).

import { interfaceBeside } from "../settings/grammar.ts";

/** The bridge beside the interface of that name. */
export function bridgeInterface(name: string): string {
  return interfaceBeside(name, "-br", "-br2");
}

/** `wigg`, and locally administered. The same on every host, for no two of these bridges are on one network. */
export const BRIDGE_ADDRESS = "02:77:69:67:67:01";

/** The group of its ports: those of a bridge that somebody has deleted are known by it. */
export const PORT_GROUP = 148;
