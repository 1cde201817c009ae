// The table of transports.

import { DIRECT, DIRECT_OR_WIREGUARD } from "./direct/direct.ts";
import { GRE, GRE_OR_WIREGUARD } from "./gre/gre.ts";
import { IPSEC, IPSEC_OR_WIREGUARD } from "./ipsec/ipsec.ts";
import { NATIVE } from "./native/native.ts";
import type { Transport, TransportName } from "./transport.ts";
import { VXLAN, VXLAN_OR_WIREGUARD } from "./vxlan/vxlan.ts";
import { WIREGUARD } from "./wireguard/wireguard.ts";

/** All of them, by the names that settings and Nodes have for them. */
export const TRANSPORTS: Readonly<Record<TransportName, Transport>> = {
  "wireguard": WIREGUARD,
  "native": NATIVE,
  "direct": DIRECT,
  "direct-or-wireguard": DIRECT_OR_WIREGUARD,
  "vxlan": VXLAN,
  "vxlan-or-wireguard": VXLAN_OR_WIREGUARD,
  "gre": GRE,
  "gre-or-wireguard": GRE_OR_WIREGUARD,
  "ipsec": IPSEC,
  "ipsec-or-wireguard": IPSEC_OR_WIREGUARD,
};
