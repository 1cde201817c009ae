// Addresses that are somebody's: of nodes, and the pod CIDRs. A declared interface that had one of them, or a route to it, would take
// a node or its pods away from this host.

import type { Address } from "../../net/address.ts";
import type { Node } from "../../nodes/node.ts";
import { containsAddress, overlaps, type Prefix } from "../../net/prefix.ts";
import type { InterfaceAddress } from "../interface_address.ts";

/** Whose addresses are whose. */
export interface Taken {
  /** By the text of the address. */
  readonly nodes: ReadonlyMap<string, { readonly address: Address; readonly node: string }>;
  readonly podCidrs: readonly { readonly prefix: Prefix; readonly node: string }[];
}

/** Nobody's. */
export const NOTHING_TAKEN: Taken = { nodes: new Map(), podCidrs: [] };

/** What Nodes say of themselves. */
export function takenBy(nodes: readonly Node[]): Taken {
  return {
    nodes: new Map(
      nodes.flatMap(({ name, addresses }) =>
        addresses.map(({ value }) => [value.text, { address: value, node: name }] as const)
      ),
    ),
    podCidrs: nodes.flatMap(({ name, podCidrs }) =>
      podCidrs.map(({ value }) => ({ prefix: value, node: name }))
    ),
  };
}

/** A route to so much beats the default route, or halves it. */
const WIDEST = 1;

/** Why an interface cannot have this address; undefined: it can. */
export function addressObjection(
  { local, network, text }: InterfaceAddress,
  taken: Taken,
): string | undefined {
  const owner = taken.nodes.get(local.text);
  if (owner !== undefined) return `${local.text} is an address of node ${owner.node}`;
  const pods = taken.podCidrs.find(({ prefix }) => containsAddress(prefix, local));
  if (pods !== undefined) return `${local.text} is in ${pods.prefix.text}, the pod CIDR of node ${pods.node}`;
  if (network === undefined) return undefined;
  if (network.length <= WIDEST) return `${text} would route half of all addresses or more: say noPrefixRoute`;
  const isHost = network.text.endsWith(network.family === 4 ? "/32" : "/128");
  const behind = isHost
    ? taken.nodes.get(network.text.slice(0, network.text.lastIndexOf("/")))
    : taken.nodes.values().find(({ address }) => containsAddress(network, address));
  if (behind !== undefined) {
    return `${text} would route ${behind.address.text}, an address of node ${behind.node}`;
  }
  const cut = taken.podCidrs.find(({ prefix }) => overlaps(prefix, network));
  return cut && `${text} would route ${cut.prefix.text}, the pod CIDR of node ${cut.node}`;
}
