// What interfaces a host has, as far as it concerns declared networks: all names, and of ours all that we set.

import type { ObservedWireguard } from "../../observed/observed_state.ts";

/**
 * The group that declared interfaces are made in, in one step with their name: what is in it is ours to change and remove, after a
 * crash too. Not that of the tunnel's second interface (rotation/names.ts), which the guard's rules believe.
 */
export const DECLARED_GROUP = 147;

/** An interface of the host. */
export interface ObservedInterface {
  readonly name: string;
  /** It is in {@link DECLARED_GROUP}. */
  readonly isOurs: boolean;
  /** As `ip -d link` says it: `wireguard`, `tun`, `dummy`; `physical` where it says none. */
  readonly kind: string;
  /** Empty: none. */
  readonly alias: string;
  readonly mtuBytes: number;
  readonly isUp: boolean;
  /** The bridge, or what else it is a member of. */
  readonly master: string | undefined;
  /** The other end of a pair that is in this network namespace. */
  readonly other: string | undefined;
  /** Its number in its network namespace. */
  readonly index?: number | undefined;
  /** Of a pair: the number of the other end, in that one's namespace. */
  readonly otherIndex?: number | undefined;
  /** Of a VXLAN: what it was made with, as vxlan_words.ts has it. */
  readonly words: string | undefined;
  /** By their texts, without those that the kernel or a router has given it. */
  readonly addresses: ReadonlySet<string>;
  /** Those that the kernel or a router has given it. */
  readonly given: ReadonlySet<string>;
  /** A TUN device that nobody has set up, named or reserved: one that stays by itself, or as long as a process holds it. */
  readonly blankTun?: "kept" | "held";
}

/** WireGuard's side of an interface. */
export interface ObservedServing {
  /** Undefined: nobody serves it. */
  readonly wireguard: ObservedWireguard | undefined;
  /** Marks (want/secrets.ts) of preshared keys by peer; undefined: nobody asked. */
  readonly preshared?: ReadonlyMap<string, string>;
  /** Process ids of the wireguard-go that serves it. */
  readonly userspacePids: readonly number[];
}

/** What was read. */
export interface ObservedInterfaces {
  /** All of this network namespace, by name. */
  readonly interfaces: ReadonlyMap<string, ObservedInterface>;
  /** Of those that are ours and WireGuard's, by name. */
  readonly serving: ReadonlyMap<string, ObservedServing>;
  /** Why WireGuard's side of one could not be read, by name. */
  readonly unread: ReadonlyMap<string, string>;
}

/** A host that nobody has looked at, or that has nothing. */
export const NO_INTERFACES: ObservedInterfaces = {
  interfaces: new Map(),
  serving: new Map(),
  unread: new Map(),
};
