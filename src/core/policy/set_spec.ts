// What a peer or port set is made of, before anybody knows who is in it.

import type { Family } from "../net/address.ts";
import { type AddressRange, rangeText } from "./address_ranges.ts";
import { contentName } from "./content_name.ts";
import type { PodPeer, PortName } from "./objects.ts";
import type { Selector } from "./selector.ts";

/** Pods by labels: a peer with its namespaces told. */
export interface Term {
  /** Canonical and printable: equal keys are equal terms. */
  readonly key: string;
  /** A name, a selector, or undefined: all, also those that nobody knows anything of. */
  readonly namespaces: string | Selector | undefined;
  readonly pods: Selector;
}

/** The pods that any of the terms means; of a port set their ports of one name. */
export interface SetSpec {
  readonly name: string;
  readonly family: Family;
  readonly about: string;
  readonly terms: readonly Term[];
  /** A port set: of these pods the ports by this name and protocol. */
  readonly port: PortName | undefined;
  /** Only addresses in these (merged) ranges; undefined: all. */
  readonly within: readonly AddressRange[] | undefined;
}

/** The peer of a policy in this namespace (P1 to P3): without a namespaceSelector it means that namespace alone. */
export function termOf(peer: PodPeer, namespace: string): Term {
  const namespaces = peer.namespaces ?? namespace;
  const where = typeof namespaces === "string" ? `ns=${namespaces}` : `ns{${namespaces.text}}`;
  return { key: `${where} pod{${peer.pods.text}}`, namespaces, pods: peer.pods };
}

/** Any pod at all. */
export const EVERY_POD: Term = {
  key: "every pod",
  namespaces: undefined,
  pods: { requirements: [], text: "" },
};

/** The set of addresses that any of these terms means. */
export function peerSetSpec(terms: readonly Term[], family: Family): SetSpec {
  const sorted = sortedTerms(terms);
  const key = sorted.map((term) => term.key).join(" or ");
  return {
    name: contentName("p", family, key),
    family,
    about: shortened(key),
    terms: sorted,
    port: undefined,
    within: undefined,
  };
}

/** Whose ports of that name a port set holds: pods by terms, and any pod with an address in the ranges (R3). */
export interface PortOwners {
  readonly terms: readonly Term[];
  readonly within: readonly AddressRange[] | undefined;
}

/** The set of address, protocol and number of the ports of that name. */
export function portSetSpec(port: PortName, { terms, within }: PortOwners, family: Family): SetSpec {
  const sorted = sortedTerms(terms);
  const pods = sorted.map((term) => term.key).join(" or ");
  const ranges = within === undefined
    ? ""
    : ` in ${within.map((range) => rangeText(range, family)).join(" ")}`;
  const key = `${port.protocol} ${port.name} of ${pods}${ranges}`;
  return { name: contentName("n", family, key), family, about: shortened(key), terms: sorted, port, within };
}

function sortedTerms(terms: readonly Term[]): Term[] {
  return [...new Map(terms.map((term) => [term.key, term])).values()].sort((a, b) => a.key < b.key ? -1 : 1);
}

// nft's limit for a comment is 128 bytes.
const LONGEST_ABOUT = 120;

function shortened(text: string): string {
  return text.length <= LONGEST_ABOUT ? text : `${text.slice(0, LONGEST_ABOUT - 3)}...`;
}
