// The addresses of one end of a link: those of its node and its own, facing those of the other end.

import { widthOf } from "../../net/address.ts";
import type { WireguardAddress } from "../schema/parts.ts";
import { addressOn, type InterfaceAddress } from "../interface_address.ts";
import type { LinkEnd } from "./plan_links.ts";

/** The addresses of `from` on its interface. */
export function addressesOf({ from, to, end, opposite }: LinkEnd): readonly InterfaceAddress[] {
  const own = saidOf(from.addresses, end);
  const others = saidOf(to.addresses, opposite);
  return own.map((address) => facing(address, own, others)).map(wireguardAddress);
}

/** As it is said of an interface. */
export function wireguardAddress(
  { local, peer, prefixlen, noPrefixRoute }: WireguardAddress,
): InterfaceAddress {
  return addressOn(local, { peer, length: prefixlen ?? widthOf(local.family), noPrefixRoute });
}

function saidOf(
  ofNode: readonly WireguardAddress[],
  { addresses = [], overrideAddresses }: LinkEnd["end"],
): readonly WireguardAddress[] {
  return overrideAddresses ? addresses : [...ofNode, ...addresses];
}

/** What stands alone faces what stands alone at the same place of the other's list: both ends see that alike. */
function facing(
  address: WireguardAddress,
  own: readonly WireguardAddress[],
  others: readonly WireguardAddress[],
): WireguardAddress {
  const isAlone = ({ family, peer, prefixlen }: WireguardAddress) =>
    family === address.family && peer === undefined && prefixlen === undefined;
  if (!isAlone(address)) return address;
  return { ...address, peer: others.filter(isAlone)[own.filter(isAlone).indexOf(address)]?.local };
}
