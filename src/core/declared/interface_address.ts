// An address on a declared interface, with its one text: what `ip address` takes, and what its output comes to.

import { type Address, widthOf } from "../net/address.ts";
import { type Prefix, prefixOf } from "../net/prefix.ts";

/** An address, or the two of a point-to-point link. */
export interface InterfaceAddress {
  readonly local: Address;
  /** What the kernel makes a route to; undefined: none. */
  readonly network: Prefix | undefined;
  /** `10.7.0.1/24`, `10.4.0.1 peer 10.4.0.2/32`, with ` noprefixroute` behind it where the kernel makes no route. */
  readonly text: string;
}

/** What stands beside the address. */
export interface Surroundings {
  readonly peer?: Address | undefined;
  /** Of the network behind the peer, or around the address. */
  readonly length: number;
  readonly noPrefixRoute?: boolean;
}

/** Builds one. The kernel tells of a peer that is the address itself as of none. */
export function addressOn(local: Address, { peer, length, noPrefixRoute }: Surroundings): InterfaceAddress {
  const isAlone = peer === undefined || peer.value === local.value;
  const network = isAlone ? `${local.text}/${length}` : `${local.text} peer ${peer.text}/${length}`;
  const isRouted = !noPrefixRoute && !(isAlone && length === widthOf(local.family));
  return {
    local,
    network: isRouted ? prefixOf(peer ?? local, length) : undefined,
    text: noPrefixRoute ? `${network} noprefixroute` : network,
  };
}
