// Between which addresses packets are wrapped, by transports with an interface of their own.

import type { Address, Family } from "../net/address.ts";
import { containsAddress, type Prefix } from "../net/prefix.ts";
import type { Waiting } from "../desired/desired_state.ts";
import { isAllowed } from "../desired/endpoints.ts";
import { DEFAULT_UNDERLAY_BYTES, IPV6_LEAST_BYTES, underlayMtu } from "../desired/underlay_mtu.ts";
import type { Node } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { ClearWay, Here, Overlay } from "./transport.ts";

/**
 * Addresses that a Node says, whoever else says them too: who claims those of others leads packets for his own pods there, and no
 * others, where the true owner has no way for them. ExternalIPs are translated somewhere on the way.
 */
export function statedAddresses({ addresses }: Node): Address[] {
  return addresses.flatMap(({ value, isExternal }) => isExternal ? [] : [value]);
}

/** How this host wraps. */
export interface Ends {
  /** Of addresses that it wraps between. */
  readonly families: readonly Family[];
  /** From what the others take: the first such address of this Node that the host has. Undefined: it has none, or that is not known. */
  readonly localOf: (family: Family) => Address | undefined;
  /** The other Node's first address of such a family. */
  readonly remoteOf: (other: SettledNode) => Address | undefined;
  /** All of the other Node's that it may wrap from. */
  readonly outerOf: (other: SettledNode) => Address[];
  /** What others must have, in words. */
  readonly condition: string;
  readonly waiting: readonly Waiting[];
}

/**
 * The ends of this host's packets, and those of others.
 * @param isOneFamily the interface wraps between addresses of one family: IPv4, where this Node says one that the host has
 */
export function endsOf(
  { settings, own, facts, family: inner, podCidrs }: Here,
  isOneFamily: boolean = false,
): Ends {
  const stated = statedAddresses(own.node).filter(({ family }) => isAllowed(settings, family));
  const present = new Set(facts.interfaces.flatMap(({ addresses }) => addresses).map(({ text }) => text));
  const held = stated.filter(({ text }) => present.has(text));
  // By what the host has, where it has any: it may have lost one of its families.
  const usable = held.length > 0 ? held : stated;
  const all = ([4, 6] as const).filter((family) => usable.some((address) => address.family === family));
  const families = isOneFamily ? all.slice(0, 1) : all;
  let pods: readonly Prefix[] | undefined;
  const outerOf = ({ node, addresses }: SettledNode) =>
    statedAddresses(node).filter((address) =>
      !present.has(address.text) &&
      // What is settled is in nobody's pod CIDR.
      (addresses.includes(address) || !(pods ??= podCidrs()).some((pod) => containsAddress(pod, address)))
    );
  const remoteOf = (other: SettledNode) => outerOf(other).find(({ family }) => families.includes(family));
  const lost = held.length === 0 || present.size === 0
    ? []
    : stated.filter((address) => !held.includes(address));
  return {
    families,
    localOf: (family) => held.find((address) => address.family === family),
    remoteOf,
    outerOf,
    condition: `an InternalIP of a family that this node has (${
      families.map((family) => `IPv${family}`).join(", ") || "none"
    })`,
    waiting: lost.length > 0
      ? [lostWaits(own.node.name, inner, lost)]
      : held.length > 0 || present.size === 0
      ? []
      : [{
        what: `IPv${inner} from ${own.node.name}`,
        why: `${
          stated.length === 0
            ? "its Node says no address that others could take it from"
            : `none of the addresses that its Node says is on this host (${
              stated.map(({ text }) => text).join(", ")
            })`
        }: they drop what it sends`,
        next: `mend the InternalIP of Node ${own.node.name}, or set NODE_IP_INTERFACES`,
        isTrouble: true,
      }],
  };
}

function lostWaits(name: string, family: Family, lost: readonly Address[]): Waiting {
  return {
    what: `IPv${family} of ${name}`,
    why: `its Node says ${
      lost.map(({ text }) => text).join(", ")
    }, and this host does not have it: others may wrap to it`,
    next: `mend the addresses of Node ${name}`,
    isTrouble: true,
  };
}

/** The MTU of an interface that wraps, in bytes: IPv6 stays on whatever the underlay carries, in fragments then, and that is told. */
export function wrappedMtu(
  { settings, own, facts, family }: Here,
  { name, overheadBytes }: { readonly name: string; readonly overheadBytes: number },
): { readonly mtuBytes: number; readonly waiting: readonly Waiting[] } {
  const underlay = underlayMtu(statedAddresses(own.node), facts) ?? DEFAULT_UNDERLAY_BYTES;
  const wanted = settings.mtu === "auto" ? underlay - overheadBytes : settings.mtu;
  if (wanted >= IPV6_LEAST_BYTES) return { mtuBytes: wanted, waiting: [] };
  return {
    mtuBytes: IPV6_LEAST_BYTES,
    waiting: [{
      what: `an MTU of ${name} that fits, for IPv${family}`,
      why: settings.mtu === "auto"
        ? `IPv6 needs ${IPV6_LEAST_BYTES}, and the node's own interfaces leave ${wanted}: full packets travel in fragments`
        : `IPv6 needs ${IPV6_LEAST_BYTES}, and WIGGLENET_MTU is ${wanted}`,
      next: settings.mtu === "auto"
        ? `give them an MTU of ${IPV6_LEAST_BYTES + overheadBytes} or more`
        : `set WIGGLENET_MTU to ${IPV6_LEAST_BYTES} or more`,
    }],
  };
}

/** Ways to whom packets are wrapped by a route. */
export function wrapping(
  ends: Ends,
  { name, flag, vni, mtuBytes }: Overlay,
): (other: SettledNode) => ClearWay | undefined {
  const flags = flag === undefined ? "" : `${flag} `;
  return (other) => {
    const remote = ends.remoteOf(other);
    if (remote === undefined) return undefined;
    const { family, text } = remote;
    const local = ends.localOf(family);
    const from = local === undefined ? "" : `src ${local.text} `;
    return {
      route: `encap ip${family === 4 ? "" : "6"} id ${vni} ${from}dst ${text} ${flags}dev ${name}`,
      dev: name,
      mtuBytes,
      // As in the tunnel, a pod's address is a pod's.
      addresses: [],
      outer: ends.outerOf(other),
    };
  };
}
