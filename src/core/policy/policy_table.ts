// What the kernel shall hold of the policies: plain, sorted, named by what is in it. The model hands out changes of it
// (PolicyChange), whose cost follows what changed, and the whole (DesiredPolicy) for a start, an audit and after a failure.

import type { Family } from "../net/address.ts";
import type { Protocol } from "./objects.ts";

/** Seen from the local pod. */
export type Direction = "ingress" | "egress";

/** `drop` and `accept` end; `pass` leaves the rest of its tier (none is made of NetworkPolicies); `audit` counts and logs a drop, and accepts. */
export type Verdict = "accept" | "drop" | "pass" | "audit";

/** Which packets an entry is for; what it compares is the far end: the source of ingress, the destination of egress. */
export type Match =
  | { readonly kind: "any" }
  /** The far end is in this peer set. */
  | { readonly kind: "peers"; readonly set: string }
  /** The far end is in one of these: disjoint, not adjacent, sorted, canonical: `10.0.0.0/8` or `10.0.0.1-10.0.0.6`. */
  | { readonly kind: "ranges"; readonly ranges: readonly string[] }
  /** Egress only: destination address, protocol and port are in this port set. */
  | { readonly kind: "ports"; readonly set: string };

/** The first entry that matches decides. */
export interface Entry {
  readonly match: Match;
  readonly verdict: Verdict;
}

/** Ports of one protocol, both ends included. Segments of a content are disjoint and sorted (tcp, udp, sctp, then by port). */
export interface Segment {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
  /** Index into {@link Content.leaves}; several segments may share one. */
  readonly leaf: number;
}

/** All that decides over the new flows of a local pod in one direction and family. Never changes: another content has another name. */
export interface Content {
  /** `i4-`, `i6-`, `e4-` or `e6-` and 16 characters of a-z2-7: a SHA-256 of what is in it (not of what the policies are called). */
  readonly name: string;
  readonly family: Family;
  readonly direction: Direction;
  readonly segments: readonly Segment[];
  /** Each a whole ordered list. The first one decides all that no segment covers: other ports, other protocols, ICMP. */
  readonly leaves: readonly (readonly Entry[])[];
  /** What becomes of a packet that no entry of its leaf matches: `drop`, or `audit` where all policies that isolate are in audit. */
  readonly otherwise: Verdict;
}

/** A set that contents refer to. Members come and go, the name stays: it is made of the selectors. */
export interface MemberSet {
  /** Peers `p4-`, `p6-` with addresses; ports `n4-`, `n6-` with `10.244.1.17 . tcp . 8080`; and 16 characters. */
  readonly name: string;
  readonly kind: "peers" | "ports";
  readonly family: Family;
  /** What is in it, in words: printable ASCII without quotes, at most 120 characters. Of the name alone, so it never changes. */
  readonly about: string;
  /** Sorted by text, without repeats. The same array as long as nothing changed. */
  readonly members: readonly string[];
}

/**
 * The contents that a local address is bound to. undefined: open in this direction (not isolated, or isolated with a
 * rule that allows everything). A pod may reach itself through its Service (N6): address pair (a, a) for each subject that is bound.
 */
export interface Subject {
  readonly ingress: string | undefined;
  readonly egress: string | undefined;
}

/** The whole. All maps are in order of their keys. */
export interface DesiredPolicy {
  /** Some policy exists that isolates, so a local pod address that is not among {@link subjects} must be closed (unless POLICY_UNKNOWN_PODS=open). */
  readonly isGuarded: boolean;
  /** Those that a subject is bound to, by name. */
  readonly contents: ReadonlyMap<string, Content>;
  /** Those that a content refers to, by name. */
  readonly sets: ReadonlyMap<string, MemberSet>;
  /** Every address of a known local pod, bound or not: also what the guard lets through. */
  readonly subjects: ReadonlyMap<string, Subject>;
}

/** What came and went in one set since the last change; a set that is new comes with all its members. */
export interface SetChange {
  readonly set: Omit<MemberSet, "members">;
  readonly isNew: boolean;
  readonly added: readonly string[];
  readonly deleted: readonly string[];
}

/** What is different from the last change that was taken: net, so what came and went in between is not in it. Sorted. */
export interface PolicyChange {
  /** undefined: as before. */
  readonly isGuarded: boolean | undefined;
  /** To be there before anybody is bound to them. */
  readonly contents: readonly Content[];
  readonly sets: readonly SetChange[];
  /** New or other bindings of local addresses. */
  readonly subjects: ReadonlyMap<string, Subject>;
  /** Addresses that no known local pod has any more. */
  readonly goneSubjects: readonly string[];
  /** Local addresses whose owner is another pod now or none: flows of the old owner must not serve the new one (L9). */
  readonly disowned: readonly string[];
  /** Nobody refers to these any more: to be deleted after all else, at leisure. */
  readonly goneContents: readonly string[];
  readonly goneSets: readonly string[];
}
