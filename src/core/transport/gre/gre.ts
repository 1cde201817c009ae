// In GRE from node to node, unencrypted, as vxlan does it: one interface that knows nobody, and a route that wraps for each prefix
// (docs/decisions/0061).

import type { Family } from "../../net/address.ts";
import { interfaceBeside } from "../../settings/grammar.ts";
import type { GivenSettings } from "../../settings/settings.ts";
import { endsOf, wrappedMtu, wrapping } from "../outer.ts";
import type { Here, Overlay, OverlayKind, Reach, Transport } from "../transport.ts";

/** Around a packet, in bytes, by the family of the nodes' addresses: IP (20 or 40), GRE with a key (8; RFC 2890). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 28, 6: 48 };
/** The kernel gives an interface of this kind whatever comes in GRE: the rules ask for it. */
const GRE_KEY = 146;

/** The interface beside the tunnel's of that name. */
function greInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
  return interfaceBeside(interfaceName, "-gre", "-gr2");
}

/** One for each family around. */
export const GRE_KIND: OverlayKind = {
  nameOf: greInterface,
  kinds: ["gre", "ip6gre"],
  isOurs: () => true,
  isOdd: () => false,
};

function reachByGre(here: Here): Reach {
  const ends = endsOf(here, true);
  const { families: [family = 4], condition } = ends;
  const name = greInterface(here.settings);
  const { mtuBytes, waiting } = wrappedMtu(here, { name, overheadBytes: OVERHEAD_BYTES[family] });
  const overlay: Overlay = {
    ...{ name, vni: GRE_KEY, mtuBytes, kinds: GRE_KIND.kinds, words: "external", flag: "key" },
    ...family === 4 ? { kind: "gre", module: "ip_gre" } : { kind: "ip6gre", module: "ip6_gre" },
    rules: { around: ["outer", "gre"], defines: { gre_key: String(GRE_KEY) } },
    instead: { lacking: "another transport on all nodes" },
  };
  return {
    wayTo: wrapping(ends, overlay),
    devices: [name],
    condition,
    overlay,
    waiting: [...ends.waiting, ...waiting],
  };
}

/** Any two nodes reach each other that have addresses of one family: IPv4, where a node says one. */
export const GRE: Transport = { medium: "gre", reach: reachByGre };
/** Who has none is reached by the tunnel, which stands for all. */
export const GRE_OR_WIREGUARD: Transport = { ...GRE, isTunnelElse: true };
