// In UDP from node to node, unencrypted: a route of its own for each prefix says to whom a packet is wrapped. The interface knows
// nobody: no forwarding entries, neighbours, learning or multicast (docs/decisions/0059).

import type { Family } from "../../net/address.ts";
import { interfaceBeside } from "../../settings/grammar.ts";
import type { GivenSettings } from "../../settings/settings.ts";
import { endsOf, wrappedMtu, wrapping } from "../outer.ts";
import type { Here, Overlay, OverlayKind, Reach, Transport } from "../transport.ts";

/** With nothing of Ethernet; nobody of ours learns, or asks for checksums around IPv6. */
export const VXLAN_KIND: OverlayKind = {
  nameOf: vxlanInterface,
  kinds: ["vxlan"],
  isOurs: ({ gpe }) => gpe !== undefined && gpe !== false,
  isOdd: ({ learning, udp_zero_csum6_rx: takesNone }) => learning === true || takesNone === false,
};

/** What any VXLAN of ours is: one that wraps by routes, with nothing of Ethernet. */
export function vxlanLink(port: number): Pick<Overlay, "kind" | "kinds" | "words" | "module" | "port"> {
  // Of IPv6 the kernel sends no checksum around packets that have their own, and takes none where it is told so (RFC 6935).
  const words = `external gpe dstport ${port} nolearning udp6zerocsumrx`;
  return { kind: "vxlan", kinds: VXLAN_KIND.kinds, words, module: "vxlan", port };
}

/** Around a packet, in bytes, by the family of the nodes' addresses: IP (20 or 40), UDP (8), VXLAN (8). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 36, 6: 56 };

/** The interface beside the tunnel's of that name. */
function vxlanInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
  return interfaceBeside(interfaceName, "-vx", "-v2");
}

function reachByVxlan(here: Here): Reach {
  const { settings } = here;
  const ends = endsOf(here);
  const { families, condition, waiting } = ends;
  const name = vxlanInterface(settings);
  const overheadBytes = OVERHEAD_BYTES[families.includes(6) ? 6 : 4];
  const mtu = wrappedMtu(here, { name, overheadBytes });
  const overlay: Overlay = {
    name,
    ...vxlanLink(settings.vxlanPort),
    vni: settings.vxlanVni,
    mtuBytes: mtu.mtuBytes,
    rules: {
      around: ["outer", "vxlan"],
      besideIpvs: ["vxlan-ipvs"],
      defines: { vxlan_port: String(settings.vxlanPort), vxlan_vni: String(settings.vxlanVni) },
    },
    instead: { lacking: "another transport on all nodes", taken: "VXLAN_PORT on all nodes" },
  };
  return {
    wayTo: wrapping(ends, overlay),
    devices: [overlay.name],
    condition,
    overlay,
    waiting: [...waiting, ...mtu.waiting],
  };
}

/** Any two nodes reach each other that have addresses of one family. */
export const VXLAN: Transport = {
  medium: "vxlan",
  reach: reachByVxlan,
  portOf: ({ vxlanPort }) => vxlanPort,
};
/** Who has none is reached by the tunnel, which stands for all. */
export const VXLAN_OR_WIREGUARD: Transport = { ...VXLAN, isTunnelElse: true };
