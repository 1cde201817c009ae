// In UDP from node to node, unencrypted: a route of its own for each prefix says to whom a packet is wrapped. The interface knows
// nobody: no forwarding entries, neighbours, learning or multicast (docs/decisions/0059).

import type { Family } from "../../net/address.ts";
import type { GivenSettings } from "../../settings/settings.ts";
import { endsOf, interfaceBeside, wrappedMtu, wrapping } from "../outer.ts";
import type { Here, Overlay, Reach, Transport } from "../transport.ts";

/** Around a packet, in bytes, by the family of the nodes' addresses: IP (20 or 40), UDP (8), VXLAN (8). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 36, 6: 56 };

/** The interface beside the tunnel's of that name. */
export function vxlanInterface({ interfaceName }: Pick<GivenSettings, "interfaceName">): string {
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
    kind: "vxlan",
    port: settings.vxlanPort,
    vni: settings.vxlanVni,
    mtuBytes: mtu.mtuBytes,
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
export const VXLAN: Transport = { medium: "vxlan", reach: reachByVxlan };
/** Who has none is reached by the tunnel, which stands for all. */
export const VXLAN_OR_WIREGUARD: Transport = { ...VXLAN, isTunnelElse: true };
