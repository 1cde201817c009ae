// Names that are known without the table of transports, which looks at all that uses them.

import type { GivenSettings } from "../../settings/settings.ts";

const LONGEST = 15;
const SUFFIX = "-ipsec";

/** The interface beside the tunnel's of that name. */
export function ipsecInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
  const name = `${interfaceName.slice(0, LONGEST - SUFFIX.length)}${SUFFIX}`;
  return name === interfaceName ? `${interfaceName.slice(0, 12)}-sa` : name;
}
