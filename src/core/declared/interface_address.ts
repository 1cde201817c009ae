// An address on a declared interface, with its one text: what `ip address` takes, and what its output comes to.

import type { Address } from "../net/address.ts";

/** An address, or the two of a point-to-point link. */
export interface InterfaceAddress {
  readonly local: Address;
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
  return { local, text: noPrefixRoute ? `${network} noprefixroute` : network };
}
