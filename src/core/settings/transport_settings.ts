// The settings of how pods reach those of other nodes, in each family.

import { TRANSPORT_NAMES, type TransportName } from "../transport/transport.ts";
import { boolean, choice, type Setting } from "./grammar.ts";

function transport(env: string, meaning: string): Setting<TransportName> {
  return choice(env, { words: TRANSPORT_NAMES, fallback: "wireguard", meaning });
}

/** A part of the table of settings. */
export const TRANSPORT_SETTINGS = {
  transportIpv4: transport(
    "TRANSPORT_IPV4",
    "How pods reach those of other nodes by IPv4, the same on all nodes: by the tunnel; `native`: somebody else routes; " +
      "[in the clear](#in-the-clear): `direct` by routes within a network, `direct-or-wireguard` by the tunnel beyond it.",
  ),
  transportIpv6: transport("TRANSPORT_IPV6", "The same for IPv6; both `native`: no WireGuard."),
  isNativeIpv4: boolean("NATIVE_ROUTING_IPV4", false, "The original's way to say `TRANSPORT_IPV4=native`."),
  isNativeIpv6: boolean("NATIVE_ROUTING_IPV6", false, "The original's way to say `TRANSPORT_IPV6=native`."),
} as const;
