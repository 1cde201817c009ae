// The mesh as one node sees it: what pictures and texts of it are made of.

import { SESSION_SECONDS } from "../observed/follow_peer.ts";
import type { ClearPeerText } from "../desired/desired_state.ts";
import { keyIn } from "../declared/containers/container.ts";
import type { DeclaredReport } from "../declared/status/report.ts";
import type { PeerStatus } from "../plan/status.ts";
import type { Rejected } from "../nodes/node.ts";

/** A node that is drawn. */
export interface Drawn extends PeerStatus {
  /** Its pods are sent to in the clear, in all families. */
  readonly isClear?: true;
  /** It is, but by IPsec. */
  readonly isEncrypted?: true;
}

/** Peers, and who is sent to in the clear, whether it is a peer or not. */
export function drawnOf(peers: readonly PeerStatus[], clear: readonly ClearPeerText[] = []): Drawn[] {
  const known = new Map(peers.map((peer) => [peer.node, peer]));
  const beside = Map.groupBy(clear, ({ node }) => node);
  const drawn = [...beside].map(([node, ways]): Drawn => {
    const podCidrs = ways.flatMap((way) => way.podCidrs);
    const peer = known.get(node);
    // What goes by the tunnel is what may be ill.
    if (peer !== undefined && !prefixesOf(peer).every((prefix) => podCidrs.includes(prefix))) return peer;
    const allowedIps = [...new Set([...podCidrs, ...peer?.allowedIps ?? []])];
    const endpoint = [
      ...new Set(
        ways.map(({ route, inUdpTo }) => inUdpTo === undefined ? shortWay(route) : `in UDP to ${inUdpTo}`),
      ),
    ].join(", ");
    const isEncrypted = ways.every((way) => way.isEncrypted) && { isEncrypted: true as const };
    return { ...(peer ?? NO_PEER), node, endpoint, allowedIps, isClear: true, ...isEncrypted };
  });
  return [...peers.filter(({ node }) => !beside.has(node)), ...drawn];
}

/** Of a route that wraps: where to, and by which interface. */
function shortWay(route: string): string {
  return route.replace(/^encap .* dst (\S+) .*dev (\S+)$/, "to $1 by $2");
}

const NO_PEER = {
  publicKey: "",
  candidates: [],
  handshakeSeconds: 0,
  receivedBytes: 0,
  sentBytes: 0,
  keepaliveSeconds: 0,
} as const;

/** What is drawn. */
export interface Sketch {
  /** The node that looks. */
  readonly node: string;
  readonly podCidrs: readonly string[];
  readonly peers: readonly Drawn[];
  readonly rejected: readonly Rejected[];
  /** Declared links of this host; left out: none. */
  readonly links?: readonly DrawnLink[];
  /** Seconds since 1970; undefined: nobody was asked for handshakes. */
  readonly nowSeconds: number | undefined;
}

/** A declared link to one peer. */
export interface DrawnLink {
  /** In a container with that in front: `docker/agent1:wg1`. */
  readonly interfaceName: string;
  /** `WireGuardNetworkPlan backbone`. */
  readonly owner: string;
  /** The node at the other end; its key where it has no name. */
  readonly node: string;
  readonly endpoint: string | undefined;
  /** Seconds since 1970; 0: never. */
  readonly handshakeSeconds: number;
}

/** The links of a report; an interface without a peer is none. */
export function linksOf({ interfaces }: DeclaredReport = { objects: [], interfaces: [] }): DrawnLink[] {
  return interfaces.flatMap(({ name, container, owner, peers }) =>
    peers.map(({ node, endpoint, handshakeSeconds }) => ({
      interfaceName: keyIn(container, name),
      owner: `${owner.kind} ${owner.name}`,
      node,
      endpoint,
      handshakeSeconds,
    }))
  );
}

/** Of whom it is asked how old a handshake is. */
type Spoken = Pick<Drawn, "handshakeSeconds" | "isClear" | "isEncrypted">;

/** What a handshake's age says; `clear`: there is none to be had. */
export type Health = "fresh" | "old" | "never" | "unknown" | "clear" | "ipsec";

/** Colours by health. */
export const COLOURS: Readonly<Record<Health, string>> = {
  fresh: "#12906c",
  old: "#c77f0a",
  never: "#8a96a3",
  unknown: "#8a96a3",
  clear: "#3f7fd0",
  ipsec: "#12906c",
};
/** Words by health. */
export const MEANINGS: Readonly<Record<Health, string>> = {
  fresh: "handshake in the last three minutes",
  old: "older handshake",
  never: "no handshake yet",
  unknown: "planned, no agent was asked",
  clear: "in the clear",
  ipsec: "by IPsec",
};

/** How a peer is. */
export function healthOf(
  { handshakeSeconds, isClear, isEncrypted }: Spoken,
  nowSeconds: number | undefined,
): Health {
  if (isClear) return isEncrypted ? "ipsec" : "clear";
  if (nowSeconds === undefined) return "unknown";
  if (handshakeSeconds === 0) return "never";
  // One in the future is of a clock that went back.
  return Math.abs(nowSeconds - handshakeSeconds) <= SESSION_SECONDS ? "fresh" : "old";
}

/** Age of the last handshake in words; empty when nobody was asked. */
export function ageOf({ handshakeSeconds, isClear }: Spoken, nowSeconds: number | undefined): string {
  if (nowSeconds === undefined || isClear) return "";
  if (handshakeSeconds === 0) return "never";
  const seconds = Math.round(nowSeconds - handshakeSeconds);
  if (seconds < 0) return "before the clock went back";
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** The peer's pod CIDRs: its node addresses are left out. */
export function prefixesOf({ allowedIps }: PeerStatus): string[] {
  return allowedIps.filter((prefix) => !/\/(32|128)$/.test(prefix));
}

/** Rejected claims of the nodes that are drawn, by node, and all others. */
export function rejectedOf(
  { rejected, peers, node }: Sketch,
): { byNode: Map<string, Rejected[]>; others: Rejected[] } {
  const drawn = new Set([node, ...peers.map((peer) => peer.node)]);
  const byNode = new Map<string, Rejected[]>();
  for (const claim of rejected) {
    if (drawn.has(claim.node)) byNode.set(claim.node, [...byNode.get(claim.node) ?? [], claim]);
  }
  return { byNode, others: rejected.filter((claim) => !drawn.has(claim.node)) };
}

const NATURAL = new Intl.Collator("en", { numeric: true });

/** Peers as people count: n2 before n10. */
export function inNaturalOrder(peers: readonly Drawn[]): Drawn[] {
  return [...peers].sort((a, b) => NATURAL.compare(a.node, b.node));
}
