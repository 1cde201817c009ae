// By a route via the other Node's address, where both have one in the same network: no wrapping, no encryption.

import { type Address, addressOf, compareAddresses, type Family } from "../../net/address.ts";
import { comparePrefixes, containsAddress, lastOf, overlaps, type Prefix } from "../../net/prefix.ts";
import type { Waiting } from "../../desired/desired_state.ts";
import type { Node } from "../../nodes/node.ts";
import type { SettledNode } from "../../nodes/settled_node.ts";
import type { HostInterface } from "../../desired/host_facts.ts";
import { statedAddresses } from "../outer.ts";
import type { ClearWay, Here, Reach, Transport } from "../transport.ts";

/** What is reached by an interface without a router. */
interface Network {
  readonly nic: HostInterface;
  readonly prefix: Prefix;
}

function statedBy(node: Node, family: Family): Address[] {
  return statedAddresses(node).filter((address) => address.family === family);
}

/** A prefix of one address is a cable without a network. */
function hasRoom({ value, end }: Prefix): boolean {
  return end - value > 1n;
}

function networksOf({ facts, family }: Here): Network[] {
  return facts.interfaces.flatMap((nic) =>
    nic.prefixes.filter((prefix) => prefix.family === family).map((prefix) => ({ nic, prefix }))
  );
}

/**
 * Those in which this Node has one of its addresses. What the host has beside these is none: from there the others
 * would not know it, and answer by another way, or not believe it. So both ends decide alike.
 */
function sharedNetworks({ own, family }: Here, networks: readonly Network[]): Network[] {
  const mine = new Set(statedBy(own.node, family).map(({ text }) => text));
  return networks.filter(({ nic, prefix }) =>
    hasRoom(prefix) &&
    nic.addresses.some((address) => mine.has(address.text) && containsAddress(prefix, address))
  );
}

/** What nobody's pods can be behind: this host, and what IPv4 has at both ends of each network. */
function excluded({ facts }: Here, networks: readonly Network[]): ReadonlySet<string> {
  const own = facts.interfaces.flatMap(({ addresses }) => addresses);
  const ends = networks.filter(({ prefix }) => prefix.family === 4 && prefix.end - prefix.value > 2n)
    .flatMap(({ prefix }) => [addressOf(4, prefix.value), addressOf(4, lastOf(prefix))]);
  return new Set([...own, ...ends].map(({ text }) => text));
}

/** What the kernel would take an address to be in: the narrowest one. Undefined also where two interfaces have it. */
function narrowest(networks: readonly Network[], address: Address): Network | undefined {
  const around = networks.filter(({ prefix }) => containsAddress(prefix, address));
  const length = Math.max(...around.map(({ prefix }) => prefix.length));
  const [first, ...others] = around.filter(({ prefix }) => prefix.length === length);
  return others.some(({ nic }) => nic !== first!.nic) ? undefined : first;
}

function reachDirectly(here: Here): Reach {
  const networks = networksOf(here);
  const shared = sharedNetworks(here, networks);
  const none = excluded(here, networks);
  const pods = here.podCidrs().filter((pod) => shared.some(({ prefix }) => overlaps(prefix, pod)));
  const networkOf = (address: Address) => {
    if (none.has(address.text) || pods.some((pod) => containsAddress(pod, address))) return undefined;
    const found = narrowest(networks, address);
    return found !== undefined && shared.includes(found) ? found : undefined;
  };
  return {
    wayTo: (other) => wayTo(other, here.family, networkOf),
    devices: [...new Set(shared.map(({ nic }) => nic.name))].sort(),
    condition: `an address in a network of this node (${networksText(here, networks, shared)})`,
    waiting: doubled(here.family, shared),
  };
}

function networksText(
  { own, family }: Here,
  networks: readonly Network[],
  shared: readonly Network[],
): string {
  if (shared.length > 0) return shared.map(({ nic, prefix }) => `${prefix.text} by ${nic.name}`).join(", ");
  const mine = statedBy(own.node, family);
  const bare = networks.filter(({ prefix }) =>
    !hasRoom(prefix) && mine.some((it) => containsAddress(prefix, it))
  );
  return bare.length === 0
    ? "it has none"
    : `it has ${bare.map(({ prefix }) => prefix.text).join(", ")}, which is none`;
}

/** Networks that two interfaces have: by which of them an answer comes nobody can tell. */
function doubled(family: Family, shared: readonly Network[]): Waiting[] {
  const twice = shared.filter(({ nic, prefix }, i) =>
    shared.findIndex((other) => other.nic !== nic && other.prefix.text === prefix.text) > i
  );
  return twice.map(({ prefix }) => ({
    what: `IPv${family} by ${prefix.text}`,
    why: `more than one interface has it: ${
      shared.filter((other) => other.prefix.text === prefix.text).map(({ nic }) => nic.name).join(", ")
    }`,
    next: "leave it to one of them: until then no node is near there",
    isTrouble: true,
  }));
}

/** By the first of the networks that both share, in an order that both ends have. */
function wayTo(
  { node }: SettledNode,
  family: Family,
  networkOf: (address: Address) => Network | undefined,
): ClearWay | undefined {
  const near = statedBy(node, family).flatMap((address) => {
    const network = networkOf(address);
    return network === undefined ? [] : [{ address, network }];
  });
  const [best] = near.sort((a, b) =>
    comparePrefixes(a.network.prefix, b.network.prefix) || compareAddresses(a.address, b.address)
  );
  if (best === undefined) return undefined;
  const { address: gateway, network: { nic } } = best;
  const { name, mtuBytes, announcedMtuBytes = mtuBytes } = nic;
  const guarded = new Set(
    node.addresses.filter(({ origin }) => origin === "status").map(({ value }) => value),
  );
  return {
    // The kernel need not find it reachable at this moment.
    route: `via ${gateway.text} dev ${name} onlink`,
    dev: name,
    mtuBytes: family === 6 ? Math.min(mtuBytes, announcedMtuBytes) : mtuBytes,
    // Not what its agent may write by itself: it would open the filter of all others for anybody's address.
    addresses: near.flatMap(({ address, network }) =>
      guarded.has(address) && network.nic === nic ? [address] : []
    ),
  };
}

/** Who is behind a gateway is not reached. */
export const DIRECT: Transport = { medium: "direct", reach: reachDirectly };
/** Who is behind a gateway is reached by the tunnel. */
export const DIRECT_OR_WIREGUARD: Transport = { ...DIRECT, isTunnelElse: true };
