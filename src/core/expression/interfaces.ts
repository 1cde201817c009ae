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

const MAX_SHOWN = 16;

/** One line for a message. Interfaces with single addresses only come last: a node has one of those for each pod. */
export function interfacesText(interfaces: Interfaces): string {
  if (interfaces.size === 0) return "none with a global unicast address";
  const entries = [...interfaces];
  const isSingle = ([, prefixes]: [string, readonly CidrValue[]]) =>
    prefixes.every(({ length, address }) => length === (address.family === 4 ? 32 : 128));
  const ordered = [...entries.filter((entry) => !isSingle(entry)), ...entries.filter(isSingle)];
  const shown = ordered.slice(0, MAX_SHOWN).map(([name, prefixes]) => {
    const more = prefixes.length > MAX_SHOWN ? ` and ${prefixes.length - MAX_SHOWN} more` : "";
    return `${name} (${prefixes.slice(0, MAX_SHOWN).map(({ text }) => text).join(", ")}${more})`;
  });
  const more = ordered.length > MAX_SHOWN ? `, and ${ordered.length - MAX_SHOWN} more` : "";
  return shown.join(", ") + more;
}
