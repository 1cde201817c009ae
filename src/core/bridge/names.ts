// The bridge that pods hang on with CNI_BRIDGE, and what it is known by (docs/decisions/0053).

import { isInterfaceName } from "../settings/grammar.ts";

const LONGEST = 15;
const SUFFIX = "-br";

/** The bridge beside the interface of that name; the kernel takes 15 characters. */
export function bridgeInterface(name: string): string {
  const bridge = `${name.slice(0, LONGEST - SUFFIX.length)}${SUFFIX}`;
  // A name that ends so already is its own cut.
  return bridge === name || !isInterfaceName(bridge) ? `${name.slice(0, 11)}-br2` : bridge;
}

/** `wigg`, and locally administered. The same on every host, for no two of these bridges are on one network. */
export const BRIDGE_ADDRESS = "02:77:69:67:67:01";

/** The group of its ports: those of a bridge that somebody has deleted are known by it. */
export const PORT_GROUP = 148;
