// What the host has, as far as it concerns us. Read back at start, at each audit and after anything foreign.

import type { ObservedBridge } from "../bridge/observed_bridge.ts";
import type { Heard } from "../rotation/heard.ts";
import type { Standing } from "../transport/ipsec/rollover.ts";
import type { ObservedPolicy } from "./parse_policy.ts";

/** The time, twice: WireGuard stamps handshakes by a clock that somebody may set while they grow old. */
export interface Now {
  /** Since 1970. */
  readonly wallSeconds: number;
  /** Of a clock that nobody sets. */
  readonly steadySeconds: number;
}

/** What was sent and brought nothing back, as far as reads have shown it. */
export interface Silence {
  /** By {@link Now.steadySeconds}, as all times here. */
  readonly sinceSeconds: number;
  /** When the last of it was seen. */
  readonly lastSeconds: number;
}

/** An endpoint that this agent has set, while it stays. */
export interface Choice {
  /** What was the first candidate then. */
  readonly preferred: string;
  readonly sinceSeconds: number;
  /** True when the peer was heard since. */
  readonly isAnswered: boolean;
}

/** A peer on the interface. */
export interface ObservedPeer {
  readonly publicKey: string;
  /** Undefined: none known yet. */
  readonly endpoint: string | undefined;
  /** Sorted as desired, joined by commas. */
  readonly allowedIps: string;
  /** Seconds since 1970; 0: never. */
  readonly handshakeSeconds: number;
  /** When that handshake was first seen, by {@link Now.steadySeconds}; -Infinity: never. */
  readonly aliveSeconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** 0: off. */
  readonly keepaliveSeconds: number;
  /** We set none: a foreign one makes every handshake fail. */
  readonly hasPresharedKey: boolean;
  /** True when the endpoint was learned from an authenticated packet rather than set by somebody. */
  readonly isRoamed: boolean;
  /** When this agent found it there: whether the endpoint was learned or set then, nobody knows. Undefined: it made it. */
  readonly foundSeconds?: number;
  /** False while only the packets of one moment say so: then the next read decides. */
  readonly isProven: boolean;
  /** Undefined: all was answered, or nothing sent. */
  readonly silence: Silence | undefined;
  /** Undefined: the endpoint is not of this agent's choice, or of an earlier life of it. */
  readonly choice: Choice | undefined;
}

/** WireGuard's own state; never holds a private key. */
export interface ObservedWireguard {
  readonly publicKey: string;
  readonly port: number;
  /** We set none: a foreign one may route WireGuard's packets anywhere. */
  readonly hasMark: boolean;
  readonly peers: ReadonlyMap<string, ObservedPeer>;
}

/** The network interface of our name. */
export interface ObservedLink {
  /** `wireguard`, `tun`, or what else `ip -d link` says. */
  readonly kind: string;
  readonly mtuBytes: number;
  readonly isUp: boolean;
  /** Global addresses with their length. */
  readonly addresses: ReadonlySet<string>;
  /** It is in the group that our second interface is made in. */
  readonly isNext?: true;
  /** It wraps whole packets by routes, as ours do. */
  readonly isExternal?: true;
  /** Of such a VXLAN: its UDP port. */
  readonly vxlanPort?: number;
  /** That one learns, wants a checksum around what comes in IPv6, or has a master: packets get lost, or come by another interface. */
  readonly isOdd?: true;
  /** Of an XFRM interface: whose policies and associations it is for. */
  readonly ifId?: number;
}

/** Our table. */
export interface ObservedTable {
  /** We set none, and nft has one only: dormant, which disables all rules. */
  readonly hasFlags: boolean;
  /** Chains, rules and set declarations as canonical JSON. */
  readonly structure: string;
  /** Members by set name, canonical prefixes. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  /** As it was when the table was read. */
  readonly policy: ObservedPolicy;
}

/** The table of our flowtable. */
export interface ObservedFastpath {
  /** Dormant: it is switched off. */
  readonly hasFlags: boolean;
  /** Chains and rules as canonical JSON. */
  readonly structure: string;
  /** What the flowtable is bound to; the kernel takes an interface out that goes. */
  readonly devices: ReadonlySet<string>;
}

/** The CNI file as a reader finds it. */
export interface ObservedCni {
  /** Undefined: no file, or a link to nowhere. */
  readonly text: string | undefined;
  /** Where the path links to; undefined: it is no link. */
  readonly linkTarget: string | undefined;
}

/** The second interface, see docs/decisions/0050. */
export interface ObservedSecond extends Pick<ObservedState, "link" | "wireguard" | "userspacePids"> {
  /** By public key. */
  readonly heard: ReadonlyMap<string, Heard>;
  /** When this agent saw the interface first, by {@link Now.steadySeconds}. */
  readonly sinceSeconds: number;
}

/** What the kernel's XFRM has of ours; never a key. */
export interface ObservedIpsec extends Standing {
  readonly link: ObservedLink | undefined;
  /** By their selectors, what else they say. */
  readonly policies: ReadonlyMap<string, string>;
  /** Sysctls by which nobody asks for policies of what comes in by the interface. */
  readonly unchecked: readonly string[];
}

/** Each part is undefined when the host does not have it. */
export interface ObservedState {
  readonly link: ObservedLink | undefined;
  /** Undefined also when nobody serves the interface. */
  readonly wireguard: ObservedWireguard | undefined;
  /** Process ids of the wireguard-go that serves our interface in this network namespace. */
  readonly userspacePids: readonly number[];
  /** Undefined: it is neither wanted nor there. */
  readonly second?: ObservedSecond | undefined;
  /** The interface that wraps packets in the clear. */
  readonly overlay?: ObservedLink | undefined;
  /** Undefined: it is neither wanted nor there. */
  readonly ipsec?: ObservedIpsec | undefined;
  /** Another transport's, which is left, or in the stead of which the other one is to be. */
  readonly leftOverlay?: ObservedLink | undefined;
  /** Texts of our routes, and of those into our interface that are nobody's. */
  readonly routes: { readonly 4: ReadonlySet<string>; readonly 6: ReadonlySet<string> };
  /** Our rules, and the routes of our own table, as texts; undefined: nobody has looked. */
  readonly hostRouting?: Readonly<Record<4 | 6, ReadonlySet<string>>>;
  readonly table: ObservedTable | undefined;
  /** The wanted structure as this host's nft prints it; undefined: nft refused it. */
  readonly reference: string | undefined;
  readonly fastpath: ObservedFastpath | undefined;
  /** As `reference`; undefined also when no flowtable is wanted. */
  readonly fastpathReference: string | undefined;
  /** Undefined: it is neither wanted nor there. */
  readonly bridge?: ObservedBridge | undefined;
  readonly cni: ObservedCni;
}
