// All that the agent wants of the host, as one plain value: sorted, canonical, comparable.

import type { DesiredBridge } from "../bridge/desire_bridge.ts";
import type { Family } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { DesiredIpsec } from "../transport/ipsec/desire_ipsec.ts";
import type { Overlay } from "../transport/transport.ts";
import type { PolicyObjects } from "../policy/policy_objects.ts";

/** The WireGuard interface. */
export interface DesiredLink {
  readonly name: string;
  readonly implementation: "kernel" | "userspace";
  /** Who runs wireguard-go, in user space: this agent, or somebody who is waited for. */
  readonly server: "started" | "awaited";
  /** UDP port to listen on. */
  readonly port: number;
  readonly mtuBytes: number;
  /** What decides the MTU, in words. */
  readonly mtuReason: string;
  readonly privateKeyPath: string;
  /** The key that the interface must have; undefined: not known yet. */
  readonly publicKey: PublicKey | undefined;
  /** The key that our Node says: an interface that has it keeps it, for all others know it by that. */
  readonly publishedKey: PublicKey | undefined;
  /** How often to send to each peer, in seconds; 0: never; undefined: where it is needed. */
  readonly keepaliveSeconds: number | undefined;
  /** `10.244.1.1/32`: the first address of each own pod CIDR. */
  readonly addresses: readonly string[];
  /** The group that it is made in, by which it is known for ours; left out: its name is enough. */
  readonly group?: number;
}

/** Another Node as WireGuard sees it. */
export interface Peer {
  readonly node: string;
  readonly publicKey: PublicKey;
  /** The first of the candidates, `10.9.1.2:24601`; undefined: the peer must speak first. */
  readonly endpoint: string | undefined;
  /** Where it may be reached, best first. */
  readonly candidates: readonly string[];
  /** Where its Node says that it is, in a family that no endpoint may be of. */
  readonly excluded?: readonly string[];
  /** A name is to say the best one, and nobody knows yet what it says. */
  readonly isUnresolved?: true;
  /** Canonical prefixes, sorted, joined by commas: one string compares and prints at once. */
  readonly allowedIps: string;
  /** How often to send to it, in seconds, whatever else is said; given on the second interface only. */
  readonly keepaliveSeconds?: number;
}

/** Another Node on the second interface. */
export interface RotationPeer extends Peer {
  /** The key that it has on the first interface. */
  readonly mainKey: PublicKey;
  /** Its next key is announced, and not its key yet. */
  readonly isAnnounced: boolean;
  /** To its pods by the second interface, in place of those by the first, or more specific. */
  readonly routes: readonly Route[];
  /**
   * Another Node says its key as its next one. It is waited for, and no peer there unless it is one already: whose session that were
   * nobody could tell, and it would say to the other that this host takes what he sends.
   */
  readonly isContested?: boolean;
  /** Nobody wants it there any more, but it still sends there: it stays until it has left. */
  readonly isLeaving?: true;
}

/** In words, and what to do about it. */
export interface RotationObstacle extends Pick<Waiting, "why" | "next"> {
  /** Somebody else has put it there: it is told also where nobody asks for a rotation. */
  readonly isRemarkable?: true;
}

/** What this host wants while keys rotate, its own or others', and while none does (docs/decisions/0050). */
export interface DesiredRotation {
  /** Of the second interface, wanted or not: what is left of it goes. */
  readonly name: string;
  /** What it is like where it stands; undefined: there is no first one. */
  readonly link: DesiredLink | undefined;
  /** It must stand: a key rotates, and this host takes part. */
  readonly isOn: boolean;
  /** One of that name stands, and we have made it. */
  readonly isStanding: boolean;
  /** In the order of the Nodes' names. */
  readonly peers: readonly RotationPeer[];
  /** Families that are in the tunnel. */
  readonly families: readonly Family[];
  /** Of this host; undefined: another's key rotates. */
  readonly nextKey: PublicKey | undefined;
  /** Why the others do not take its next key for its own, as the same Nodes tell it here. */
  readonly disbelief: string | undefined;
  /** This host's key is to be replaced as soon as it can be. */
  readonly isDue: boolean;
  /** Why that must wait, or why this host takes part in no rotation. */
  readonly obstacle: RotationObstacle | undefined;
  /** This agent writes the annotations of its Node. */
  readonly isPublished: boolean;
}

/** Our route protocol number: what `ip route show proto 146` lists is ours, and `cleanup` finds it. */
export const ROUTE_PROTOCOL = 146;
/** The number that the original leaves its routes with, and `ip route add` where nobody says one. */
export const UNNAMED_PROTOCOL = "boot";
/** Of unreachable routes: behind every other route of the prefix. */
export const UNREACHABLE_METRIC = 32760;

/** A route of ours, in the main table, with our protocol number. */
export interface Route {
  readonly family: Family;
  /** Canonical prefix. */
  readonly destination: string;
  /** `clear` leaves beside the tunnel; `unreachable` stands behind the pods' own routes: what has none leaves by no other. */
  readonly type: "tunnel" | "clear" | "unreachable";
  /** As `ip route` takes it and this project compares it. */
  readonly text: string;
}

/** An interface that wraps, with its addresses: `10.244.1.1/32`, the first one of each own pod CIDR. */
export type OverlayLink = Overlay & { readonly addresses: readonly string[] };

/** The interface that wraps packets in the clear. */
export interface DesiredOverlay {
  /** Also when none is wanted: then what is left of one goes. */
  readonly name: string;
  /** There is an interface of that name. */
  readonly isStanding: boolean;
  /** Another transport's: one that stands, and goes; with a link one that this host has come from, which stands for a while. */
  readonly left?: { readonly name: string; readonly link?: OverlayLink };
  /** Undefined: none may stand. */
  readonly link?: OverlayLink;
}

/** Another Node whose pods are sent to in the clear in one family, as it is told. */
export interface ClearPeerText {
  readonly node: string;
  readonly family: Family;
  /** How, as `ip route` says it: `via 10.9.1.2 dev eth0 onlink`. */
  readonly route: string;
  readonly podCidrs: readonly string[];
  /** By IPsec; left out: in the clear indeed. */
  readonly isEncrypted?: true;
  /** What is encrypted is sent there in UDP: an address and port, or words where there is none. */
  readonly inUdpTo?: string;
}

/**
 * Rules, and the routes of a table of our own, by which node addresses go into the tunnel, or ESP goes in UDP, in each family: as
 * `ip rule` and `ip route` take them, behind `rule ` and `route `.
 */
export type HostRouting = Readonly<Record<Family, readonly string[]>>;

/** Names of the nft sets. */
export const SET_NAMES = [
  "pod-cidrs-v4",
  "pod-cidrs-v6",
  "local-pod-cidrs-v4",
  "local-pod-cidrs-v6",
  "no-masquerade-v4",
  "no-masquerade-v6",
  "clear-v4",
  "clear-v6",
  "near-v4",
  "near-v6",
  "late-v4",
  "late-v6",
  "outer-v4",
  "outer-v6",
  "outer-own-v4",
  "outer-own-v6",
  "host-peers-v4",
  "host-peers-v6",
  "host-own-v4",
  "host-own-v6",
] as const;
/** Name of an nft set of ours. */
export type SetName = (typeof SET_NAMES)[number];

/** The nftables table: which templates with which values, and the members of its sets. */
export interface DesiredTable {
  /** Template files in order, without `.nft`. */
  readonly templates: readonly string[];
  /** Values of the templates' `define` lines. */
  readonly defines: Readonly<Record<string, string>>;
  readonly sets: Readonly<Record<SetName, readonly string[]>>;
}

/** The flowtable, in a table of its own: what is wrong with it is wrong with nothing else. */
export interface DesiredFastpath {
  /** Names of interfaces that are there, sorted. */
  readonly devices: readonly string[];
  /** How many packets of a flow go the long way. */
  readonly packets: number;
}

/** The CNI configuration. */
export interface DesiredCni {
  readonly mtuBytes: number | undefined;
  /** IPv6 first, as the original. */
  readonly podCidrs: readonly string[];
  /** The bridge that pods hang on; left out: each on an interface of its own. */
  readonly bridge?: string;
}

/** Something that is not done yet, and why. */
export interface Waiting {
  readonly what: string;
  readonly why: string;
  /** What the operator can do. */
  readonly next: string;
  /** True when the host differs from what is wanted, and the agent must not change it. */
  readonly isBlocking?: true;
  /** True when packets are lost until somebody acts. */
  readonly isTrouble?: true;
  /** True when it may be as it is meant: told, but not counted. */
  readonly isRemark?: true;
}

/** What is not removed although nobody wants it. */
export interface Spared {
  /** By public key. */
  readonly peers: ReadonlySet<string>;
  /** By their texts. */
  readonly routes: ReadonlySet<string>;
  /** Canonical prefixes. */
  readonly members: ReadonlySet<string>;
}

/** One desired state; `link` is undefined when no family is tunnelled, `cni` when no file may stand. */
export interface DesiredState {
  readonly node: string;
  /** Also when no tunnel is wanted: then what is left of one goes. */
  readonly interfaceName: string;
  readonly link: DesiredLink | undefined;
  readonly rotation: DesiredRotation;
  /** In the order of the Nodes' names. */
  readonly peers: readonly Peer[];
  /** Whose pods are sent to in the clear; left out: nobody's. */
  readonly clear?: readonly ClearPeerText[];
  /** In which there may be such routes; left out: none. */
  readonly clearFamilies?: readonly Family[];
  /** The interface of ours beside the tunnel, by which some of these ways lead. */
  readonly overlay: DesiredOverlay;
  readonly ipsec: DesiredIpsec;
  /** What new pods get, and why, where that is not the tunnel's MTU. */
  readonly podMtu?: { readonly bytes: number; readonly why: string };
  /** Those that lead to pods, then unreachable ones; each IPv4 before IPv6, of one family tunnel routes first, by destination. */
  readonly routes: readonly Route[];
  /** Undefined: none may stand. */
  readonly hostRouting?: HostRouting;
  readonly table: DesiredTable;
  /** What the policies ask for, in the same table; undefined: not known yet, what stands is left as it is. */
  readonly policy?: PolicyObjects;
  /** Undefined: none may stand. */
  readonly fastpath: DesiredFastpath | undefined;
  /** Undefined: none is wanted, and none is there. */
  readonly bridge?: DesiredBridge;
  /** Where the CNI configuration stands, or must not stand. */
  readonly cniPath: string;
  readonly cni: DesiredCni | undefined;
  /** Given while some Nodes are not known. */
  readonly spared?: Spared;
  /** No tunnel is wanted, and that there is one is to be left as it is: others may not have heard of it yet. */
  readonly isTunnelLeft?: true;
  readonly rejected: readonly Rejected[];
  readonly waiting: readonly Waiting[];
  /** What the kernel is told because it is otherwise, in this order: `net.ipv4.ip_forward=1`. */
  readonly sysctls: readonly string[];
  /** Whose packets the guard does not hold back, in sentences. */
  readonly unguarded: readonly string[];
  /** All Nodes with what they own, in order of their names: policies believe a pod by it. */
  readonly settled: readonly SettledNode[];
}
