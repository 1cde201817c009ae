// The settings of how pods reach those of other nodes, in each family.

import { TRANSPORT_NAMES, type TransportName } from "../transport/transport.ts";
import { boolean, choice, integer, type Setting } from "./grammar.ts";

function transport(env: string, meaning: string): Setting<TransportName> {
  return choice(env, { words: TRANSPORT_NAMES, fallback: "wireguard", meaning });
}

/** Of 24 bits, RFC 7348. */
const MAX_VNI = 0xffffff;

/** A part of the table of settings. */
export const TRANSPORT_SETTINGS = {
  transportIpv4: transport(
    "TRANSPORT_IPV4",
    "How pods reach those of other nodes by IPv4, the same on all nodes: by the tunnel; `native`: somebody else routes; " +
      "[in the clear](#in-the-clear): `direct` by routes within a network, `vxlan` in UDP, `gre` in GRE; encrypted: [`ipsec`](#by-ipsec); " +
      "`direct-or-wireguard` and the like by the tunnel to whom that does not reach.",
  ),
  transportIpv6: transport("TRANSPORT_IPV6", "The same for IPv6; both `native`: no WireGuard."),
  vxlanVni: {
    env: "VXLAN_VNI",
    fallback: "146",
    accepts: "a number, 1 to 16777215",
    meaning: "The network's number of `vxlan`, the same on all nodes.",
    parse: (text: string) => {
      const value = /^[1-9]\d{0,7}$/.test(text) ? Number(text) : NaN;
      return value <= MAX_VNI ? value : undefined;
    },
  } satisfies Setting<number>,
  vxlanPort: {
    env: "VXLAN_PORT",
    fallback: "24603",
    accepts: "a port, 1 to 65535",
    meaning: "UDP port of `vxlan`, the same on all nodes.",
    parse: (text: string) => integer(text, 1, 65535),
  } satisfies Setting<number>,
  ipsecUdpPort: {
    env: "IPSEC_UDP_PORT",
    fallback: "24606",
    accepts: "a port, 1 to 65535, or 0",
    meaning:
      "UDP port of `ipsec` [where a node is behind a NAT](docs/transports/ipsec.md#behind-a-nat), which forwards it to the " +
      "node, the same on all nodes; 0: none.",
    parse: (text: string) => integer(text, 0, 65535),
  } satisfies Setting<number>,
  isNativeIpv4: boolean("NATIVE_ROUTING_IPV4", false, "The original's way to say `TRANSPORT_IPV4=native`."),
  isNativeIpv6: boolean("NATIVE_ROUTING_IPV6", false, "The original's way to say `TRANSPORT_IPV6=native`."),
} as const;
