// By a route via the other Node's address, where both have one in the same network: no wrapping, no encryption.

import { type Address, addressOf } from "../../net/address.ts";
import { containsAddress, lastOf, type Prefix } from "../../net/prefix.ts";
import type { SettledNode } from "../../nodes/settled_node.ts";
import type { HostInterface } from "../../desired/host_facts.ts";
import type { ClearWay, Here, Reach, Transport } from "../transport.ts";

/** A network in which this Node has an address. */
interface OwnNetwork {
  readonly nic: HostInterface;
  readonly prefix: Prefix;
}

/**
 * Networks in which this Node has one of its addresses. What the host has beside these is none: from there the others
 * would not know it, and answer by another way, or not believe it. So both ends decide alike.
 */
function ownNetworks({ own, facts, family }: Here): OwnNetwork[] {
  const mine = new Set(own.addresses.map(({ text }) => text));
  return facts.interfaces.flatMap((nic) => {
    const here = nic.addresses.filter((address) => address.family === family && mine.has(address.text));
    // A prefix of one address is a cable without a network.
    const prefixes = nic.prefixes.filter((prefix) =>
      prefix.family === family && prefix.end - prefix.value > 1n &&
      here.some((address) => containsAddress(prefix, address))
    );
    return prefixes.map((prefix) => ({ nic, prefix }));
  });
}

/** What nobody's pods can be behind: this host, and what IPv4 has at both ends of a network. */
function excluded({ facts }: Here, networks: readonly OwnNetwork[]): ReadonlySet<string> {
  const own = facts.interfaces.flatMap(({ addresses }) => addresses);
  const ends = networks.filter(({ prefix }) => prefix.family === 4 && prefix.end - prefix.value > 2n)
    .flatMap(({ prefix }) => [addressOf(4, prefix.value), addressOf(4, lastOf(prefix))]);
  return new Set([...own, ...ends].map(({ text }) => text));
}

function reachDirectly(here: Here): Reach {
  const networks = ownNetworks(here);
  const none = excluded(here, networks);
  const networkOf = (address: Address) =>
    none.has(address.text)
      ? undefined
      : networks.find(({ prefix }) => prefix.family === address.family && containsAddress(prefix, address));
  const names = networks.map(({ nic, prefix }) => `${prefix.text} by ${nic.name}`);
  return {
    wayTo: (other) => wayTo(other, networkOf),
    devices: [...new Set(networks.map(({ nic }) => nic.name))].sort(),
    condition: `an address in a network of this node (${names.join(", ") || "it has none"})`,
  };
}

/** By the first of its addresses that is near; of the others on the same cable it may speak too. */
function wayTo(
  { addresses }: SettledNode,
  networkOf: (address: Address) => OwnNetwork | undefined,
): ClearWay | undefined {
  const near = addresses.filter((address) => networkOf(address) !== undefined);
  const [gateway] = near;
  if (gateway === undefined) return undefined;
  const { nic } = networkOf(gateway)!;
  const { name, mtuBytes, announcedMtuBytes = mtuBytes } = nic;
  return {
    // The kernel need not find it reachable at this moment: one that it does not would keep other routes from being set.
    route: `via ${gateway.text} dev ${name} onlink`,
    dev: name,
    mtuBytes: gateway.family === 6 ? Math.min(mtuBytes, announcedMtuBytes) : mtuBytes,
    addresses: near.filter((address) => networkOf(address)!.nic === nic),
  };
}

/** Who is behind a gateway is not reached. */
export const DIRECT: Transport = { medium: "direct", reach: reachDirectly };
/** Who is behind a gateway is reached by the tunnel. */
export const DIRECT_OR_WIREGUARD: Transport = { ...DIRECT, isTunnelElse: true };
