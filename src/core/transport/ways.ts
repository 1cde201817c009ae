// How each other Node is reached, in each family: by the tunnel, in the clear, or not at all. What this host sends in the clear its
// own settings say; of others it is known only what they take. Nothing that a Node says makes an encrypted family leave so.

import type { Family } from "../net/address.ts";
import { listed } from "../net/listed.ts";
import type { Waiting } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { ANNOTATION } from "../nodes/node.ts";
import type { Settlement } from "../nodes/settle_claims.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { ClearWay, Here, Overlay, Reach, Secured, Transport, TransportName } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

/** Another Node, and the way to it. */
export interface ClearPeer {
  readonly settled: SettledNode;
  readonly way: ClearWay;
}

/** The ways of one family. Who is in none of these is reached by the tunnel, if it has a key and the family is routed. */
export interface FamilyWays {
  /** Sent to in the clear, in the order of the Nodes. */
  readonly clear: readonly ClearPeer[];
  /** These would be, but do not say that they take it: they may begin to send so before this host has heard of it. */
  readonly near: readonly ClearPeer[];
  /** Interfaces by which all of these may be, sorted. */
  readonly devices: readonly string[];
  /** Interfaces of ours that these ways lead by: that of this host's transport, and behind it that of the former one. */
  readonly overlays: readonly Overlay[];
  /** Packets from near nodes are accepted, none are sent to them. */
  readonly isLate?: true;
  /** The one that encrypts them. */
  readonly secured?: Secured;
  /** Names of Nodes to which there is no way. */
  readonly unreached: ReadonlySet<string>;
}

/** All ways of one host. */
export interface Ways {
  readonly 4: FamilyWays;
  readonly 6: FamilyWays;
  /** The tunnel must stand: packets go by it, or may still come. */
  readonly isTunnelWanted: boolean;
  /** Packets of pods go by it. */
  readonly isTunnelUsed: boolean;
  readonly waiting: readonly Waiting[];
}

const FAMILIES: readonly Family[] = [4, 6];
const NOBODY: FamilyWays = { clear: [], near: [], devices: [], overlays: [], unreached: new Set() };

/** What ways depend on. */
export interface Members {
  readonly own: SettledNode;
  readonly others: readonly SettledNode[];
  readonly facts: HostFacts;
  /** With all pod CIDRs. */
  readonly settlement: Pick<Settlement, "podCidrs">;
}

interface Found extends FamilyWays {
  readonly isTunnelWanted: boolean;
  readonly isTunnelUsed: boolean;
  readonly waiting: readonly Waiting[];
}

/** What a Node says that it takes; who says nothing is the original's. */
function statedBy({ node }: SettledNode, family: Family): TransportName {
  return node.transports?.[family] ?? "wireguard";
}

/** The ways to all other Nodes. */
export function desireWays(settings: Settings, members: Members): Ways {
  const [v4, v6] = FAMILIES.map((family) => waysOf(settings, members, family)) as [Found, Found];
  return {
    4: v4,
    6: v6,
    isTunnelWanted: v4.isTunnelWanted || v6.isTunnelWanted,
    isTunnelUsed: v4.isTunnelUsed || v6.isTunnelUsed,
    waiting: [...v4.waiting, ...v6.waiting],
  };
}

function waysOf(settings: Settings, members: Members, family: Family): Found {
  const { transport: name } = familySettings(settings, family);
  const transport = TRANSPORTS[name];
  const differ = differing(members, family, name);
  if (transport.reach === undefined) {
    const isTunnel = transport.medium === "tunnel";
    const late = isTunnel ? lateWays(settings, members, family) : NOBODY;
    return { ...late, isTunnelWanted: isTunnel, isTunnelUsed: isTunnel, waiting: differ };
  }
  const { own, others } = members;
  const reach = transport.reach(hereOf(settings, members, family));
  const { devices, condition, secured } = reach;
  const peers = others.filter((settled) => hasPods(settled, family));
  // Who does not know this host's nonce yet takes nothing that it encrypts: it goes by the tunnel until he does.
  const isHeld = transport.isEncrypted && members.facts.former?.[family] === "wireguard";
  const isTaken = (settled: SettledNode) =>
    takes(settled, family, transport) && !(isHeld && settled !== own && settled.publicKey !== undefined);
  const all = reached(peers, reach);
  const overlays = overlaysOf(reach, all);
  const waiting = [...reach.waiting, ...all.flatMap(({ way }) => way.waiting ?? [])];
  const clear = all.filter(({ settled }) => isTaken(settled));
  const isClear = new Set(clear.map(({ settled }) => settled));
  const rest = peers.filter((settled) => !isClear.has(settled));
  const mayBeTunnelled = (settled: SettledNode) =>
    (transport.isTunnelElse === true || !isTaken(settled)) && !isNative(settled, family);
  const isTunnelled = (settled: SettledNode) => mayBeTunnelled(settled) && settled.publicKey !== undefined;
  const far = rest.filter((settled) => isTaken(settled) && !mayBeTunnelled(settled));
  const near = all.filter(({ settled }) => !isClear.has(settled));
  return {
    ...withFormer(settings, members, { family, peers, devices, overlays, clear, near }),
    ...(secured && { secured }),
    unreached: new Set(rest.filter((settled) => !mayBeTunnelled(settled)).map(({ node }) => node.name)),
    // Who has not seen yet that this host takes it in the clear sends by the tunnel.
    isTunnelWanted: transport.isTunnelElse === true || rest.some(isTunnelled) ||
      !isTaken(own) && peers.some(({ publicKey }) => publicKey !== undefined),
    isTunnelUsed: rest.some(isTunnelled),
    waiting: [...differ, ...waiting, ...farWaits(far.map(nameOf), { condition, family, name })],
  };
}

/** One for all, or that of some ways: they are of one interface, whose MTU is that of the least way. */
function overlaysOf({ overlay }: Reach, peers: readonly ClearPeer[]): Overlay[] {
  if (overlay !== undefined) return [overlay];
  return peers.flatMap(({ way }) => way.overlay ?? []).sort((a, b) => a.mtuBytes - b.mtuBytes).slice(0, 1);
}

function hereOf(settings: Settings, { own, facts, settlement }: Members, family: Family): Here {
  const podCidrs = () => settlement.podCidrs.map(({ prefix }) => prefix);
  return { own, facts, family, podCidrs, settings };
}

function reached(peers: readonly SettledNode[], { wayTo }: Reach): ClearPeer[] {
  return peers.flatMap((settled): ClearPeer[] => {
    const way = wayTo(settled);
    return way === undefined ? [] : [{ settled, way }];
  });
}

/**
 * Back in the tunnel: whoever was sent to in the clear may go on to send so until he has heard of it. Where that was encrypted all the same he is
 * sent to so, too, until the tunnel to him is made.
 */
function lateWays(settings: Settings, members: Members, family: Family): FamilyWays {
  const former = members.facts.former?.[family];
  const reach = former && TRANSPORTS[former].reach?.(hereOf(settings, members, family));
  if (reach === undefined) return NOBODY;
  const { devices, overlay } = reach;
  const peers = members.others.filter((settled) => hasPods(settled, family));
  if (TRANSPORTS[former!].isEncrypted) {
    return { ...NOBODY, ...withFormer(settings, members, { ...NOBODY, family, peers }) };
  }
  return {
    ...NOBODY,
    near: reached(peers, reach),
    devices,
    overlays: overlay ? [overlay] : [],
    isLate: true,
  };
}

interface OfReach extends Pick<FamilyWays, "clear" | "near" | "devices" | "overlays"> {
  readonly family: Family;
  readonly peers: readonly SettledNode[];
}

/**
 * From one transport in the clear to another: who takes the former one is sent to by that until the tunnel to him is made, and all may go on to
 * send so until they have heard of it. This host's settings let packets leave in the clear as before.
 */
function withFormer(
  settings: Settings,
  members: Members,
  { family, peers, devices, overlays, clear, near }: OfReach,
): Pick<FamilyWays, "clear" | "near" | "devices" | "overlays"> {
  const former = members.facts.former?.[family];
  const last = former && TRANSPORTS[former].reach?.(hereOf(settings, members, family));
  if (former === undefined || last === undefined) return { clear, near, devices, overlays };
  const isClear = new Set(clear.map(({ settled }) => settled));
  const all = reached(peers, last);
  const kept = all.filter(({ settled }) =>
    !isClear.has(settled) && takes(settled, family, TRANSPORTS[former])
  );
  const order = new Map(peers.map((settled, i) => [settled, i]));
  return {
    clear: clear.concat(kept).sort((a, b) => order.get(a.settled)! - order.get(b.settled)!),
    near: [...near, ...all],
    devices: [...new Set([...devices, ...last.devices])].sort(),
    overlays: [...overlays, ...overlaysOf(last, all)],
  };
}

function nameOf({ node }: SettledNode): string {
  return node.name;
}

function hasPods({ podCidrs }: SettledNode, family: Family): boolean {
  return podCidrs.some((prefix) => prefix.family === family);
}

/** True for a Node that takes what is sent by a transport. */
function takes(settled: SettledNode, family: Family, { medium }: Transport): boolean {
  return TRANSPORTS[statedBy(settled, family)].medium === medium;
}

/** True for a Node that says that somebody else routes: then there is no tunnel of its family either. */
function isNative(settled: SettledNode, family: Family): boolean {
  return TRANSPORTS[statedBy(settled, family)].medium === undefined;
}

interface Told {
  readonly condition: string;
  readonly family: Family;
  readonly name: TransportName;
}

function farWaits(far: readonly string[], { condition, family, name }: Told): Waiting[] {
  if (far.length === 0) return [];
  return [{
    what: `IPv${family} to ${listed(far)}`,
    why: `no route: with TRANSPORT_IPV${family}=${name} a node needs ${condition}`,
    next: `give them one, or set TRANSPORT_IPV${family}=${name}-or-wireguard on all nodes`,
    isTrouble: true,
  }];
}

/** Nodes that say another medium than this host has: those that the tunnel reaches meanwhile, and those that nothing reaches. */
function differing({ others }: Members, family: Family, name: TransportName): Waiting[] {
  const { medium, reach } = TRANSPORTS[name];
  if (medium === undefined) return [];
  const some = others.filter((settled) =>
    (settled.node.transports !== undefined || reach !== undefined) && hasPods(settled, family) &&
    !takes(settled, family, TRANSPORTS[name])
  );
  if (some.length === 0) return [];
  const what = (nodes: readonly SettledNode[]) => `IPv${family} transport of ${listed(nodes.map(nameOf))}`;
  const saying = (nodes: readonly SettledNode[]) =>
    `${ANNOTATION.transport} of their Nodes says ${
      [...new Set(nodes.map((settled) => statedBy(settled, family)))].sort().join(" and ")
    }, this node has ${name}`;
  const next = `set TRANSPORT_IPV${family} alike on all nodes`;
  const isLost = (settled: SettledNode) =>
    reach !== undefined && (isNative(settled, family) || settled.publicKey === undefined);
  const [lost, carried] = [some.filter(isLost), some.filter((settled) => !isLost(settled))];
  return [
    ...(carried.length === 0 ? [] : [{
      what: what(carried),
      why: `${saying(carried)}: between them and this node the tunnel stands meanwhile`,
      next,
      isRemark: true as const, // anybody may say so of his own Node, and packets flow
    }]),
    ...(lost.length === 0 ? [] : [{
      what: what(lost),
      why: `${
        saying(lost)
      }, and they have no tunnel (a key, and another transport than native): their pods are not reached`,
      next,
      isTrouble: true as const,
    }]),
  ];
}
