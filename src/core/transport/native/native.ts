// Somebody else routes: firewall, masquerade and CNI are all that this host does for the family.

import type { Transport } from "../transport.ts";

/** As the original's NATIVE_ROUTING_IPV4 and _IPV6. */
export const NATIVE: Transport = { medium: undefined };
