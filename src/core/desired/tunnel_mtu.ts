// What fits through the tunnel: of all paths by which peers are reached the narrowest, less what WireGuard adds.
// Why these paths and no others: docs/decisions/0018.

import type { Address, Family } from "../net/address.ts";
import type { Node, ParsedNode } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { Waiting } from "./desired_state.ts";
import { isAllowed, overrideOf } from "./endpoints.ts";
import type { HostFacts } from "./host_facts.ts";
import { KeptMap } from "./kept_map.ts";
import { DEFAULT_UNDERLAY_BYTES, IPV6_LEAST_BYTES, underlayMtu } from "./underlay_mtu.ts";

/** Bytes around a packet in the tunnel, by the family of the endpoint: IP (20 or 40), UDP (8) and WireGuard (32). */
export const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 60, 6: 80 };
/** What every IPv4 host takes, RFC 791. */
export const IPV4_LEAST_BYTES = 576;

/** The MTU of the tunnel. */
export interface TunnelMtu {
  readonly bytes: number;
  /** What decides it, in words: `n7 at 10.9.1.7: 1400 by eth0, less 60`. */
  readonly why: string;
  readonly waiting: readonly Waiting[];
}

/** Those of a Node's addresses that may be its endpoint. */
function endpointAddresses(
  settings: Settings,
  addresses: readonly Address[],
): readonly Address[] {
  return settings.endpointFamily === "dualstack"
    ? addresses
    : addresses.filter((address) => isAllowed(settings, address.family)).slice(); // no room to grow
}

const PATH_ADDRESSES = new KeptMap<ParsedNode, readonly Address[]>();

/** Addresses whose paths must be known to say the MTU: of all Nodes that may be peers, before claims are settled. */
export function pathAddresses(
  settings: Settings,
  parsed: readonly ParsedNode[],
  facts: HostFacts,
): Address[] {
  const stated = PATH_ADDRESSES.map(parsed, settings, ({ node }) => {
    if (node?.publicKey === undefined || node.name === settings.nodeName) return [];
    return endpointAddresses(settings, node.addresses.map(({ value }) => value));
  });
  return [...stated.flat(), ...parsed.flatMap(({ node }) => overridden(settings, node, facts))];
}

const NOWHERE: readonly Address[] = [];

/** Where a Node's `wigglenet/endpoint` leads. */
function overridden(settings: Settings, node: Node | undefined, facts: HostFacts): readonly Address[] {
  if (node?.endpoint === undefined || node.name === settings.nodeName) return NOWHERE;
  return overrideOf(settings, node, facts).endpoints.map(({ address }) => address);
}

/** Who takes part: us, and all others; those that are no peers do not count. */
export interface Members {
  readonly own: SettledNode;
  readonly others: readonly SettledNode[];
}

/** The MTU of the tunnel over the paths that the host has. */
export function tunnelMtu(settings: Settings, members: Members, facts: HostFacts): TunnelMtu {
  const peers = members.others.filter(({ publicKey, podCidrs }) =>
    publicKey !== undefined && (podCidrs.length > 0 || encryptsHosts(settings))
  );
  const { room, waiting } = narrowest(settings, { ...members, others: peers }, facts);
  const wanted = settings.mtu === "auto" ? room : { bytes: settings.mtu, why: "WIGGLENET_MTU" };
  const isIpv6 = [members.own, ...peers].some(({ podCidrs, addresses }) =>
    familySettings(settings, 6).isRouted && podCidrs.some(({ family }) => family === 6) ||
    encryptsHosts(settings) && addresses.some(({ family }) => family === 6)
  );
  const least = isIpv6 ? IPV6_LEAST_BYTES : IPV4_LEAST_BYTES;
  if (wanted.bytes >= least) return { ...wanted, waiting };
  return {
    bytes: least,
    why: `the least that IPv${isIpv6 ? 6 : 4} needs; ${wanted.why}, leaves ${wanted.bytes}`,
    waiting: [...waiting, {
      what: `an MTU of ${settings.interfaceName} that fits`,
      why: `IPv${isIpv6 ? 6 : 4} needs ${least}, and ${wanted.why}, leaves ${wanted.bytes}` +
        (settings.mtu === "auto" ? ": full packets travel in fragments" : ""),
      next: settings.mtu === "auto"
        ? `give that path ${least - wanted.bytes} bytes more`
        : `set WIGGLENET_MTU to ${least} or more`,
    }],
  };
}

type Room = Pick<TunnelMtu, "bytes" | "why">;

/**
 * The least room of all paths. A peer may roam to any address that it has, so that each counts, and one that no path is
 * known to may come from anywhere: it counts as on our own interfaces, with the larger overhead.
 */
function narrowest(
  settings: Settings,
  { own, others }: Members,
  facts: HostFacts,
): { room: Room; waiting: readonly Waiting[] } {
  let least: { bytes: number; settled: SettledNode; address: Address } | undefined;
  let isAnyUnknown = others.length === 0;
  const waiting: Waiting[] = [];
  /** True when a path to the address is known. */
  const isReached = (settled: SettledNode, address: Address) => {
    const path = facts.paths.get(address.text);
    if (path?.dev === settings.interfaceName) waiting.push(loop(settled, address, path.dev));
    if (path === undefined || path.dev === settings.interfaceName) return false;
    const bytes = path.mtuBytes - OVERHEAD_BYTES[address.family];
    if (least === undefined || bytes < least.bytes) least = { bytes, settled, address };
    return true;
  };
  // Nothing is made for each of thousands: this runs for each Node that comes.
  for (let i = 0; i < others.length; i++) {
    const settled = others[i]!;
    let isKnown = false;
    for (let k = 0; k < settled.addresses.length; k++) {
      const address = settled.addresses[k]!;
      if (isAllowed(settings, address.family)) isKnown = isReached(settled, address) || isKnown;
    }
    if (settled.node.endpoint !== undefined) {
      for (const address of overridden(settings, settled.node, facts)) {
        isKnown = isReached(settled, address) || isKnown;
      }
    }
    isAnyUnknown ||= !isKnown;
  }
  const underlay = underlayMtu(own.addresses, facts);
  const bytes = (underlay ?? DEFAULT_UNDERLAY_BYTES) - OVERHEAD_BYTES[6];
  if (least === undefined || isAnyUnknown && bytes < least.bytes) {
    const whose = underlay === undefined ? "an underlay of" : "the node's own interface:";
    return {
      room: { bytes, why: `${whose} ${bytes + OVERHEAD_BYTES[6]}, less ${OVERHEAD_BYTES[6]}` },
      waiting,
    };
  }
  const { settled: { node }, address } = least;
  const { dev, mtuBytes } = facts.paths.get(address.text)!;
  const why = `${node.name} at ${address.text}: ${mtuBytes} by ${dev}, less ${
    OVERHEAD_BYTES[address.family]
  }`;
  return { room: { bytes: least.bytes, why }, waiting };
}

/** WireGuard's packets would be sent into themselves. */
function loop({ node }: SettledNode, { text }: Address, dev: string): Waiting {
  return {
    what: `path to ${node.name}`,
    why: `${text} would be reached through ${dev} itself`,
    next: `look at \`ip route get ${text}\`: that route, or the address of Node ${node.name}, is wrong`,
  };
}
