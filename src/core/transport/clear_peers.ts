// What is made of ways in the clear: routes, members of sets, rules' interfaces, an MTU, words.

import type {
  ClearPeerText,
  DesiredLink,
  DesiredOverlay,
  DesiredState,
  Route,
} from "../desired/desired_state.ts";
import { ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { underlayMtu } from "../desired/underlay_mtu.ts";
import type { Family } from "../net/address.ts";
import { firstAddress, hostPrefix, type Prefix, summarise, withoutNested } from "../net/prefix.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settings } from "../settings/settings.ts";
import { clearFamilies } from "./own_transports.ts";
import type { Overlay } from "./transport.ts";
import { desireIpsec } from "./ipsec/desire_ipsec.ts";
import { udpRouting } from "./ipsec/in_udp.ts";
import { statedAddresses } from "./outer.ts";
import { overlayNames } from "./overlay_kinds.ts";
import type { ClearPeer, FamilyWays, Ways } from "./ways.ts";

const FAMILIES: readonly Family[] = [4, 6];

function podCidrsOf({ settled }: ClearPeer, family: Family): Prefix[] {
  return settled.podCidrs.filter((prefix) => prefix.family === family);
}

/** One for each prefix: those of two Nodes have no route in common. */
export function clearRoutes({ clear }: FamilyWays, family: Family): Route[] {
  const ways = new Map<Prefix, ClearPeer>(
    clear.flatMap((peer) => podCidrsOf(peer, family).map((prefix) => [prefix, peer])),
  );
  return withoutNested([...ways.keys()]).map((prefix): Route => ({
    family,
    destination: prefix.text,
    type: "clear",
    text: `${prefix.text} ${ways.get(prefix)!.way.route} proto ${ROUTE_PROTOCOL}`,
  }));
}

/** Of the routes that an agent makes only those in the clear have a gateway, or wrap. */
export function isClear(text: string): boolean {
  return text.includes(" via ") || isWrapping(text);
}

/** How packets are wrapped is said by the route. */
export function isWrapping(text: string): boolean {
  return text.includes(" encap ");
}

/** Pods of nodes that may begin to send beside the tunnel at any moment. */
export function nearMembers(ways: FamilyWays, family: Family): string[] {
  return ways.isLate ? [] : nearTexts(ways, family);
}

/** Pods of nodes that may go on to send beside the tunnel for a moment. */
export function lateMembers(ways: FamilyWays, family: Family): string[] {
  return ways.isLate ? nearTexts(ways, family) : [];
}

function nearTexts({ near }: FamilyWays, family: Family): string[] {
  return withoutNested(near.flatMap((peer) => podCidrsOf(peer, family))).map(({ text }) => text);
}

/** Addresses that are taken from, and sent to, beside the tunnel: of pods, and of their nodes themselves. */
export function clearMembers({ clear }: FamilyWays, family: Family): string[] {
  const prefixes = clear.flatMap((
    peer,
  ) => [...podCidrsOf(peer, family), ...peer.way.addresses.map(hostPrefix)]);
  return withoutNested(prefixes).map(({ text }) => text);
}

/** What is told of it, and what new pods get. */
export function besideTunnel(
  settings: Settings,
  parts: PodMtuParts,
): Pick<DesiredState, "clear" | "clearFamilies" | "overlay" | "ipsec" | "podMtu" | "hostRouting"> {
  const { ways, own, facts } = parts;
  const families = clearFamilies(settings);
  const clear = clearPeersOf(ways);
  const podMtu = podMtuOf(settings, parts);
  return {
    ...(clear.length > 0 && { clear }),
    ...(families.length > 0 && { clearFamilies: families }),
    overlay: desireOverlay(settings, parts),
    ipsec: desireIpsec(settings, { ways, own, facts, addresses: firstAddresses(own) }),
    ...(podMtu && { podMtu }),
    ...udpRouting(ways),
  };
}

function desireOverlay(settings: Settings, { ways, own, facts }: PodMtuParts): DesiredOverlay {
  const [link, former] = overlaysOf(ways).map((overlay) => ({
    ...overlay,
    addresses: firstAddresses(own).filter((text) =>
      ways[text.includes(":") ? 6 : 4].overlays.some(({ name }) => name === overlay.name)
    ),
  }));
  const name = link?.name ?? overlayNames(settings)[0]!;
  const standing = facts.overlays ?? [];
  const left = former?.name ?? standing.find((other) => other !== name);
  return {
    name,
    isStanding: standing.includes(name),
    ...(link && { link }),
    ...(left && { left: { name: left, ...(former && { link: former }) } }),
  };
}

/**
 * The interfaces of ours that ways in the clear lead by: one, the same in both families, but while it takes the place of another one. That
 * comes last.
 */
export function overlaysOf(ways: Ways): Overlay[] {
  const isLate = (family: Family) => ways[family].isLate ? 1 : 0;
  const [first, second] = FAMILIES.toSorted((a, b) => isLate(a) - isLate(b)).map((family) =>
    ways[family].overlays
  );
  const byName = new Map<string, Overlay>();
  for (const overlay of [0, 1].flatMap((i) => [first?.[i], second?.[i]])) {
    if (overlay !== undefined && !byName.has(overlay.name)) byName.set(overlay.name, overlay);
  }
  return [...byName.values()];
}

/** Of each range that pods get addresses from: host-local leaves out its first one, and no other. */
export function firstAddresses({ podCidrs }: SettledNode): string[] {
  return summarise(podCidrs).map((prefix) => hostPrefix(firstAddress(prefix)).text);
}

/** To which of its own addresses this host takes packets that are wrapped: those that its Node says. */
export function ownOuter(ways: Ways, { node }: SettledNode, family: Family): string[] {
  if (overlaysOf(ways).length === 0) return [];
  const own = statedAddresses(node).filter((address) => address.family === family);
  return withoutNested(own.map(hostPrefix)).map(({ text }) => text);
}

/** Addresses from which packets are taken that are wrapped: all that Nodes say that may send so. */
export function outerMembers(ways: Ways, family: Family): string[] {
  const peers = FAMILIES.flatMap((inner) => {
    const { overlays, clear, near } = ways[inner];
    return overlays.length === 0 ? [] : [...clear, ...near];
  });
  const addresses = new Set(peers.flatMap(({ way }) => way.outer ?? []));
  const prefixes = [...addresses].filter((address) => address.family === family).map(hostPrefix);
  return withoutNested(prefixes).map(({ text }) => text);
}

/** In the order of the Nodes' names, IPv4 first. */
function clearPeersOf(ways: Ways): ClearPeerText[] {
  const texts = FAMILIES.flatMap((family) =>
    ways[family].clear.map((peer): ClearPeerText => ({
      node: peer.settled.node.name,
      family,
      route: peer.way.route,
      podCidrs: podCidrsOf(peer, family).map(({ text }) => text),
      ...(peer.way.pair && { isEncrypted: true }),
      ...(peer.way.overlay && { inUdpTo: peer.way.udp?.to ?? "nowhere yet" }),
    }))
  );
  return texts.sort((a, b) => a.node < b.node ? -1 : a.node > b.node ? 1 : a.family - b.family);
}

/** What the MTU of pods depends on. */
interface PodMtuParts {
  readonly ways: Ways;
  readonly own: SettledNode;
  readonly facts: HostFacts;
  readonly link: DesiredLink | undefined;
}

/** The MTU of new pods, in bytes; undefined: the tunnel's. */
function podMtuOf(
  settings: Settings,
  { ways, own, facts, link }: PodMtuParts,
): { readonly bytes: number; readonly why: string } | undefined {
  if (settings.mtu !== "auto") {
    return link === undefined ? { bytes: settings.mtu, why: "WIGGLENET_MTU" } : undefined;
  }
  const clear = FAMILIES.flatMap((family) => ways[family].clear);
  let least: ClearPeer | undefined;
  for (const peer of clear) if (least === undefined || peer.way.mtuBytes < least.way.mtuBytes) least = peer;
  if (link !== undefined && ways.isTunnelUsed && (least?.way.mtuBytes ?? Infinity) >= link.mtuBytes) {
    return undefined;
  }
  if (least !== undefined) {
    const { settled: { node }, way: { route, mtuBytes } } = least;
    return { bytes: mtuBytes, why: `${node.name} ${route}` };
  }
  const bytes = underlayMtu(own.addresses, facts);
  return bytes === undefined ? undefined : { bytes, why: "the node's own interface" };
}
