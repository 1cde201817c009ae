// How each other Node is reached, in each family: by the tunnel, in the clear, or not at all. What this host sends in the clear its
// own settings say; of others it is known only what they take. Nothing that a Node says makes an encrypted family leave so.

import type { Family } from "../net/address.ts";
import { listed } from "../net/listed.ts";
import type { Waiting } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { ANNOTATION } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { ClearWay, Transport, TransportName } from "./transport.ts";
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
  /** What these send in the clear is taken: the same, and who may begin to at any moment. */
  readonly near: readonly ClearPeer[];
  /** Interfaces by which they may be, sorted. */
  readonly devices: readonly string[];
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
const NOBODY: FamilyWays = { clear: [], near: [], devices: [], unreached: new Set() };

/** What ways depend on. */
export interface Members {
  readonly own: SettledNode;
  readonly others: readonly SettledNode[];
  readonly facts: HostFacts;
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
  const waiting = differing(members, family, name);
  if (transport.reach === undefined) {
    const isTunnel = transport.medium === "tunnel";
    return { ...NOBODY, isTunnelWanted: isTunnel, isTunnelUsed: isTunnel, waiting };
  }
  const { own, others, facts } = members;
  const { wayTo, devices, condition } = transport.reach({ own, facts, family });
  const peers = others.filter(({ podCidrs }) => podCidrs.some((prefix) => prefix.family === family));
  const near = peers.flatMap((settled): ClearPeer[] => {
    const way = wayTo(settled);
    return way === undefined ? [] : [{ settled, way }];
  });
  const clear = near.filter(({ settled }) => takes(settled, family, transport));
  const isClear = new Set(clear.map(({ settled }) => settled));
  const rest = peers.filter((settled) => !isClear.has(settled));
  const isTunnelled = (settled: SettledNode) =>
    transport.isTunnelElse === true || !takes(settled, family, transport);
  const unreached = rest.filter((settled) => !isTunnelled(settled)).map(({ node }) => node.name);
  return {
    clear,
    near,
    devices,
    unreached: new Set(unreached),
    // Who has not seen yet that this host takes it in the clear sends by the tunnel.
    isTunnelWanted: transport.isTunnelElse === true || peers.some((settled) => isTunnelled(settled)) ||
      peers.length > 0 && !takes(own, family, transport),
    isTunnelUsed: rest.some((settled) => isTunnelled(settled) && settled.publicKey !== undefined),
    waiting: [...waiting, ...unreachedWaits({ unreached, condition, family, name })],
  };
}

/** True for a Node that takes what is sent by a transport. */
function takes(settled: SettledNode, family: Family, { medium }: Transport): boolean {
  return TRANSPORTS[statedBy(settled, family)].medium === medium;
}

interface Unreached {
  readonly unreached: readonly string[];
  readonly condition: string;
  readonly family: Family;
  readonly name: TransportName;
}

function unreachedWaits({ unreached, condition, family, name }: Unreached): Waiting[] {
  if (unreached.length === 0) return [];
  return [{
    what: `IPv${family} to ${listed(unreached)}`,
    why: `no route: with TRANSPORT_IPV${family}=${name} a node needs ${condition}`,
    next: `give them one, or set TRANSPORT_IPV${family}=${name}-or-wireguard on all nodes`,
    isTrouble: true,
  }];
}

/** Nodes that say another medium than this host has. */
function differing({ others }: Members, family: Family, name: TransportName): Waiting[] {
  const { medium, reach } = TRANSPORTS[name];
  if (medium === undefined) return [];
  const isOther = (settled: SettledNode) =>
    (settled.node.transports !== undefined || reach !== undefined) &&
    settled.podCidrs.some((prefix) => prefix.family === family) &&
    !takes(settled, family, TRANSPORTS[name]);
  const some = others.filter(isOther);
  if (some.length === 0) return [];
  const said = [...new Set(some.map((settled) => statedBy(settled, family)))].sort().join(" and ");
  return [{
    what: `IPv${family} transport of ${listed(some.map(({ node }) => node.name))}`,
    why: `${ANNOTATION.transport} of their Nodes says ${said}, this node has ${name}: ` +
      "between them and this node the tunnel stands meanwhile",
    next: `set TRANSPORT_IPV${family} alike on all nodes`,
    isRemark: true, // anybody may say so of his own Node, and packets flow
  }];
}
