// What the kernel is to hold of the policies as objects of nft: sets and maps with members, chains with rules, counters. One
// value for a whole load, for the comparison with what is there, and for what changes.

import type { Family } from "../net/address.ts";
import type { MemberSet } from "./policy_table.ts";

/** What leads packets to the contents: nothing where there is nothing to decide. */
export type Lead = "none" | "open" | "guarded";

/** A set or a verdict map; what it is never changes. */
export interface SetKind {
  readonly kind: "set" | "map";
  /** `typeof ip saddr; flags interval;` */
  readonly declaration: string;
}

/** With its members as nft takes them: `10.244.1.5`, `10.244.1.17 . tcp . 8080`, `10.244.1.5 : goto i4-…`; sorted by text. */
export interface SetObject extends SetKind {
  readonly members: readonly string[];
}

/** All objects of policy in our table, by name. */
export interface PolicyObjects {
  readonly sets: ReadonlyMap<string, SetObject>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly counters: ReadonlySet<string>;
}

/** The chain that `forward` asks; core's structure has it, its rules are policy's. */
export const POLICY_CHAIN = "policies";
const OURS = /^(?:policy-|[einp][46]-[a-z2-7]{16}(?:\.|$))/;

/** True of a set whose members come and go by themselves: they are not compared. */
export function isPassing(name: string): boolean {
  return name.startsWith("policy-revoked-") || name.startsWith("policy-told-");
}

/** True when an object of our table is named as those of policy are. */
export function isPolicyName(name: string): boolean {
  return OURS.test(name);
}

/** How a peer or port set is declared. By `typeof`: docs/decisions/0028. */
export function declarationOf({ kind, family, about }: Omit<MemberSet, "members">): SetKind {
  const ip = ipOf(family);
  const fields = kind === "peers" ? `${ip} saddr` : `${ip} daddr . meta l4proto . th dport`;
  return { kind: "set", declaration: `typeof ${fields}; comment "${about}";` };
}

/** The family as nft calls it. */
function ipOf(family: Family): "ip" | "ip6" {
  return family === 4 ? "ip" : "ip6";
}

/** The family of an address in its canonical text. */
export function familyOfText(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** The text by which a member is deleted: that of a map without its verdict. */
export function keyOf(member: string): string {
  const end = member.indexOf(" : ");
  return end < 0 ? member : member.slice(0, end);
}
