// The variable `interfaces`: what `ip` says of the host -> the on-link prefixes of each interface, host bits kept.

import { compareAddresses, parseAddress } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import { CidrValue, isGlobalUnicast } from "./net_values.ts";

/** By interface name, in the order of names; each list has IPv4 first. An interface without any is left out. */
export type Interfaces = ReadonlyMap<string, readonly CidrValue[]>;

/** An interface with its addresses, as `ip -j address` says them. */
export interface LinkAddresses {
  readonly ifname?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** The global unicast addresses of all interfaces but our own: what we put there must not decide what we put there. */
export function interfacesOf(links: readonly LinkAddresses[], ownName: string): Interfaces {
  const found = links.flatMap(({ ifname, addr_info = [] }): [string, CidrValue[]][] => {
    if (ifname === undefined || ifname === ownName) return [];
    const prefixes = addr_info.flatMap(({ local, prefixlen }) => {
      const address = parseAddress(local);
      return refused(address) || prefixlen === undefined || !isGlobalUnicast(address)
        ? []
        : [new CidrValue(address, prefixlen)];
    });
    prefixes.sort((a, b) => compareAddresses(a.address, b.address) || a.length - b.length);
    return prefixes.length > 0 ? [[ifname, prefixes]] : [];
  });
  return new Map(found.sort(([a], [b]) => a < b ? -1 : 1));
}
