// What `wigglenet status` answers, built from plain values. Documented in README; fields are only ever added.

import { describeDeclared } from "../declared/status/describe_declared.ts";
import type { DeclaredReport } from "../declared/status/report.ts";
import type { ClearPeerText, DesiredState, Waiting } from "../desired/desired_state.ts";
import type { Rejected } from "../nodes/node.ts";
import { someOf } from "../policy/drop_line.ts";
import type { DropTotal } from "../policy/drop_totals.ts";
import type { OwnTurn } from "../rotation/turn.ts";
import { handshakeText } from "../observed/handshake_text.ts";
import type { ObservedAssociation } from "../transport/ipsec/rollover.ts";
import type { ObservedState } from "../observed/observed_state.ts";

/** A peer as `status` shows it. */
export interface PeerStatus {
  readonly node: string;
  readonly publicKey: string;
  readonly endpoint: string | undefined;
  /** Where its Node says that it is, best first. */
  readonly candidates: readonly string[];
  readonly allowedIps: readonly string[];
  /** Seconds since 1970; 0: never. */
  readonly handshakeSeconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** 0: off. */
  readonly keepaliveSeconds: number;
}

/** A way in the clear as `status` shows it. */
export interface ClearStatus extends ClearPeerText {
  /** The host lacks a route of it. */
  readonly isMissing?: true;
  /** By IPsec: what its associations of this moment have carried. Left out: there are none, or it goes in the clear. */
  readonly carried?: Carried;
}

/** What the associations with one other node have carried, both families of pods together. */
export interface Carried {
  readonly receivedPackets: number;
  readonly sentPackets: number;
  /** When the newest of them was made, in seconds since 1970: with a start of either agent, and after 2^30 packets. */
  readonly keySeconds: number;
}

/** What NetworkPolicies come to on this node. */
export interface PolicyStatus {
  /** All that they need could be read. */
  readonly isKnown: boolean;
  /** Pods, Namespaces and NetworkPolicies that are held. */
  readonly objects: number;
  /** Of known pods of this node. */
  readonly addresses: number;
  /** How many of these are isolated in this direction. */
  readonly ingress: number;
  readonly egress: number;
  /** What was dropped, or would have been, by the policies that isolate; those of most packets first. */
  readonly drops?: readonly DropTotal[];
}

/** The answer of the agent's socket, and of `status --json`. */
export interface Status {
  /** Empty: not known yet. */
  readonly node: string;
  readonly version: string;
  /** Those that pods of this node get their addresses from. */
  readonly podCidrs: readonly string[];
  /** Of new pods, and what decides it; undefined: not known. */
  readonly mtu: { readonly bytes: number; readonly why: string } | undefined;
  readonly source: {
    readonly paths: readonly string[];
    readonly isComplete: boolean;
    readonly objects: number;
    readonly problems: readonly {
      readonly path: string;
      readonly reason: string;
      readonly isUnread: boolean;
      readonly isPending: boolean;
      /** Milliseconds since 1970, where it is known since when. */
      readonly sinceMs?: number;
    }[];
    /** When an API was last heard of, in milliseconds since 1970; undefined: never, or files are read. */
    readonly heardMs?: number | undefined;
  };
  /** Undefined: with ENABLE_NETWORK_POLICY=false, and before there is a loop. */
  readonly policies?: PolicyStatus | undefined;
  /** While this host's key rotates. */
  readonly rotation?: OwnTurn;
  readonly peers: readonly PeerStatus[];
  /** Nodes whose pods are to be sent to in the clear; left out: none. */
  readonly clear?: readonly ClearStatus[];
  /** Declared networks of this host; left out: none. */
  readonly declared?: DeclaredReport;
  readonly applied: {
    readonly isInSync: boolean;
    readonly steps: number;
    /** Milliseconds since 1970; undefined: nothing was applied yet. */
    readonly lastMs: number | undefined;
    readonly failing: Readonly<Record<string, { readonly error: string; readonly retryAtMs: number }>>;
  };
  readonly rejected: readonly Rejected[];
  readonly waiting: readonly Waiting[];
  /** Pods of other nodes for which packets may leave this one in the clear, a sentence for each family. */
  readonly unguarded: readonly string[];
  /** Repaired differences by kind, since the start. */
  readonly drift: Readonly<Record<string, number>>;
}

/** Peers in the order of their nodes' names. */
export function peerStatuses(
  desired: DesiredState | undefined,
  observed: ObservedState | undefined,
): PeerStatus[] {
  const statuses = (desired?.peers ?? []).map((peer): PeerStatus => {
    const has = observed?.wireguard?.peers.get(peer.publicKey);
    return {
      node: peer.node,
      publicKey: peer.publicKey,
      endpoint: has?.endpoint ?? peer.endpoint,
      candidates: peer.candidates,
      allowedIps: peer.allowedIps.split(","),
      handshakeSeconds: has?.handshakeSeconds ?? 0,
      receivedBytes: has?.receivedBytes ?? 0,
      sentBytes: has?.sentBytes ?? 0,
      keepaliveSeconds: has?.keepaliveSeconds ?? 0,
    };
  });
  return statuses.sort((a, b) => a.node < b.node ? -1 : 1);
}

/** The ways in the clear that are wanted, and which of them the host has not. */
export function clearStatuses(
  { clear = [], routes, ipsec }: DesiredState,
  observed: ObservedState | undefined,
): ClearStatus[] {
  const lacking = new Set(
    routes.flatMap(({ type, family, text, destination }) =>
      type === "clear" && observed?.routes[family].has(text) !== true ? [destination] : []
    ),
  );
  const carried = carriedBy(ipsec, observed);
  return clear.map((way): ClearStatus => ({
    ...way,
    ...(way.podCidrs.some((text) => lacking.has(text)) && { isMissing: true }),
    ...(way.isEncrypted && carried.has(way.node) && { carried: carried.get(way.node)! }),
  }));
}

/** By node. */
function carriedBy(
  { peers }: DesiredState["ipsec"],
  observed: ObservedState | undefined,
): ReadonlyMap<string, Carried> {
  const data = (observed?.ipsec?.associations ?? []).filter(({ purpose }) => purpose === "data");
  const bySource = Map.groupBy(data, ({ source }) => source);
  const byDestination = Map.groupBy(data, ({ destination }) => destination);
  return new Map(peers.flatMap(({ node, pair: { peer: { address } } }) => {
    const [received, sent] = [bySource.get(address) ?? [], byDestination.get(address) ?? []];
    if (received.length + sent.length === 0) return [];
    return [[node, {
      receivedPackets: packetsOf(received),
      sentPackets: packetsOf(sent),
      keySeconds: Math.max(...[...received, ...sent].map(({ addedSeconds }) => addedSeconds)),
    }]];
  }));
}

function packetsOf(associations: readonly ObservedAssociation[]): number {
  return associations.reduce((total, { packets }) => total + packets, 0);
}

/** The status for people. */
export function describeStatus(status: Status, nowSeconds: number): string[] {
  const { source, applied } = status;
  const drift = Object.entries(status.drift).map(([kind, count]) => `${count} ${kind}`).join(", ");
  return [
    `node ${status.node || "(not known yet)"}, wigglenet ${status.version}: ${
      applied.isInSync ? "in sync" : "not in sync"
    }`,
    `source ${source.paths.join(", ")}: ${source.objects} objects${
      source.isComplete ? "" : ", not complete yet"
    }${source.heardMs === undefined ? "" : `, heard ${ageText(source.heardMs, nowSeconds)} ago`}`,
    ...source.problems.map(({ path, reason, sinceMs }) =>
      `  ! ${path}: ${reason}${sinceMs === undefined ? "" : ` (for ${ageText(sinceMs, nowSeconds)})`}`
    ),
    ...(status.mtu === undefined ? [] : [`mtu ${status.mtu.bytes}: ${status.mtu.why}`]),
    ...(status.policies === undefined ? [] : [policyText(status.policies), ...dropTexts(status.policies)]),
    ...(status.rotation === undefined ? [] : [rotationText(status.rotation)]),
    `${status.peers.length} peers`,
    ...status.peers.map((peer) =>
      `  ${peer.node} ${peer.endpoint ?? "(no endpoint)"} ${
        handshakeText(peer.handshakeSeconds, nowSeconds)
      }${keepaliveText(peer)}`
    ),
    ...(status.clear ?? []).map((way) =>
      `  ${way.node} ${wayText(way)} to ${way.podCidrs.join(", ")}${
        way.isMissing ? ": the host has no such route" : ""
      }${carriedText(way, nowSeconds)}`
    ),
    ...(status.declared === undefined ? [] : describeDeclared(status.declared, nowSeconds)),
    ...Object.entries(applied.failing).map(([part, { error }]) => `failing: ${part}: ${error}`),
    ...status.rejected.map(({ node, claim, reason }) => `rejected: ${node}: ${claim}: ${reason}`),
    ...status.waiting.map(({ what, why, next }) => `waiting: ${what}: ${why}; ${next}`),
    ...(status.unguarded ?? []).map((what) => `not guarded: ${what}`), // none from an agent of another version
    drift === "" ? "no drift repaired" : `drift repaired: ${drift}`,
  ];
}

function wayText({ route, isEncrypted, inUdpTo }: ClearStatus): string {
  if (!isEncrypted) return `in the clear ${route}`;
  return `by IPsec${inUdpTo === undefined ? "" : ` in UDP to ${inUdpTo}`} ${route}`;
}

function carriedText({ carried }: ClearStatus, nowSeconds: number): string {
  if (carried === undefined) return "";
  const { receivedPackets, sentPackets, keySeconds } = carried;
  const received = receivedPackets === 0 ? "nothing received" : `${receivedPackets} packets received`;
  return `; ${received}, ${sentPackets} sent, by keys of ${
    Math.max(0, Math.round(nowSeconds - keySeconds))
  } s`;
}

function policyText({ isKnown, addresses, ingress, egress }: PolicyStatus): string {
  if (!isKnown) return "policies: not known yet";
  return `policies: of ${addresses} pod addresses here ${ingress} are isolated in ingress, ${egress} in egress`;
}

function rotationText({ stage, nextKey, awaited }: OwnTurn): string {
  const what = stage === "announced" ? `${nextKey} is announced` : `${nextKey} has taken over`;
  return `key rotation: ${what}, ${awaited.length} peers are to come along`;
}

const SHOWN_DROPS = 10;

function dropTexts({ drops = [] }: PolicyStatus): string[] {
  const some = drops.filter(({ packets }) => packets > 0);
  const lines = some.slice(0, SHOWN_DROPS).map(({ direction, verdict, policies, packets }) =>
    `  ${packets} packets ${verdict === "drop" ? "dropped" : "audited"}: ${
      direction === undefined ? "no known pod has the address" : `${direction}, ${someOf(policies)}`
    }`
  );
  const left = some.length - SHOWN_DROPS;
  return left > 0 ? [...lines, `  and ${left} more lines that --json has`] : lines;
}

function ageText(sinceMs: number, nowSeconds: number): string {
  return `${Math.max(0, Math.round(nowSeconds - sinceMs / 1000))} s`;
}

/** An agent of another version may not tell. */
function keepaliveText({ keepaliveSeconds }: Partial<PeerStatus>): string {
  return keepaliveSeconds ? `, keepalive every ${keepaliveSeconds} s` : "";
}
