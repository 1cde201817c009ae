// The rules of all policies that isolate a pod in one direction -> one content for one family: disjoint port segments,
// each with its ordered list of (match, verdict), and what the sets that it refers to are made of.

import type { Family } from "../net/address.ts";
import { type AllowedPeers, allowedPeers, rangeTexts, unionOf } from "./allowed_peers.ts";
import { contentName } from "./content_name.ts";
import type { PolicyRule, PortName, PortRange } from "./objects.ts";
import type { Content, Direction, Entry, Segment, Verdict } from "./policy_table.ts";
import { type Cut, cutRanges } from "./port_segments.ts";
import { EVERY_POD, peerSetSpec, portSetSpec, type SetSpec, type Term } from "./set_spec.ts";

/** A rule and where it comes from. */
export interface SourcedRule {
  readonly namespace: string;
  readonly rule: PolicyRule;
}

/** All that decides over a pod in one direction. */
export interface Ruling {
  readonly direction: Direction;
  readonly family: Family;
  readonly rules: readonly SourcedRule[];
  /** What becomes of the rest. */
  readonly otherwise: Verdict;
  /** The numbers that a port's name has at the pod itself: for ingress (R2). */
  readonly numbersOf: (port: PortName) => readonly number[];
}

/** A content with the sets that it refers to. */
export interface CompiledContent {
  readonly content: Content;
  readonly sets: readonly SetSpec[];
  /** The rules are too many together: nothing is allowed. */
  readonly isTooLarge: boolean;
}

// What a policy of 1 MB may cost: ranges within ranges would give segments by their number and lists by its square.
const MOST_ITEMS = 100_000;
/** The same of chains and sets: the kernel takes some thousands in a second. */
const MOST_LEAVES = 4096;
const MOST_PORT_NAMES = 64;
/** More of them in one list are one set of their own: a look-up costs every new flow some 60 ns. */
const MOST_PEER_SETS = 4;

/** Compiles; undefined: everything is allowed, so there is nothing to decide. */
export function compileContent(ruling: Ruling): CompiledContent | undefined {
  return new Compiler(ruling).compile();
}

class Compiler {
  readonly #ruling: Ruling;
  readonly #sets = new Map<string, SetSpec>();
  /** Equal peers of several rules are one value. */
  readonly #peers = new Map<string, AllowedPeers>();
  /** What may use every port and protocol. */
  readonly #everywhere = new Set<AllowedPeers>();
  readonly #ranges: (readonly [PortRange, AllowedPeers])[] = [];
  /** Of egress, by name and protocol: who may be reached by it. */
  readonly #named = new Map<string, { readonly port: PortName; readonly peers: Set<AllowedPeers> }>();
  #portEntries: readonly Entry[] = [];
  readonly #leaves: (readonly Entry[])[] = [];
  readonly #leafOf = new Map<string, number>();
  #items = 0;

  constructor(ruling: Ruling) {
    this.#ruling = ruling;
  }

  compile(): CompiledContent | undefined {
    const { family, rules } = this.#ruling;
    for (const { rule, namespace } of rules) this.#add(rule, allowedPeers(rule.peers, namespace, family));
    const base = [...this.#everywhere];
    if (base.length > 0 && unionOf(base, family).isEverybody) return undefined;
    this.#portEntries = this.#portSets();
    this.#leaf([]); // the first one: what no segment covers
    const segments = this.#named.size > MOST_PORT_NAMES ? undefined : this.#segments(cutRanges(this.#ranges));
    return segments === undefined ? { content: this.#content([], [[]]), sets: [], isTooLarge: true } : {
      content: this.#content(segments, this.#leaves),
      sets: [...this.#sets.values()],
      isTooLarge: false,
    };
  }

  #content(segments: readonly Segment[], leaves: readonly (readonly Entry[])[]): Content {
    const { direction, family, otherwise } = this.#ruling;
    const text = JSON.stringify([segments, leaves, otherwise]);
    const name = contentName(direction === "ingress" ? "i" : "e", family, text);
    return { name, family, direction, segments, leaves, otherwise };
  }

  #add({ ports }: PolicyRule, fresh: AllowedPeers): void {
    const peers = this.#peers.get(fresh.text) ?? fresh;
    this.#peers.set(peers.text, peers);
    if (!peers.isEverybody && peers.terms.length === 0 && peers.ranges.length === 0) return; // other family
    if (ports === undefined) this.#everywhere.add(peers);
    for (const port of ports ?? []) {
      if (port.kind === "range") this.#ranges.push([port, peers]);
      else if (this.#ruling.direction === "egress") {
        const key = `${port.protocol} ${port.name}`;
        const named = this.#named.get(key) ?? { port, peers: new Set() };
        this.#named.set(key, named);
        named.peers.add(peers);
      } else {
        for (const number of this.#ruling.numbersOf(port)) {
          this.#ranges.push([
            { kind: "range", protocol: port.protocol, first: number, last: number },
            peers,
          ]);
        }
      }
    }
  }

  /** A name of a port of egress has the number that each destination gives it (R3): a set for all who may be reached by it. */
  #portSets(): Entry[] {
    const { family } = this.#ruling;
    const specs = [...this.#named.values()].flatMap(({ port, peers }) => {
      const { isEverybody, terms, ranges } = unionOf([...peers], family);
      const owners = isEverybody ? [EVERY_POD] : terms;
      return [
        ...owners.length === 0 ? [] : [portSetSpec(port, { terms: owners, within: undefined }, family)],
        ...ranges.length === 0 ? [] : [portSetSpec(port, { terms: [EVERY_POD], within: ranges }, family)],
      ];
    });
    for (const spec of specs) this.#sets.set(spec.name, spec);
    return specs.map(({ name }) => name).sort().map((set) => accepted({ kind: "ports", set }));
  }

  /** undefined: too large. Where two that touch have one leaf they are one; those of the first leaf are left out. */
  #segments(cuts: Iterable<Cut<AllowedPeers>>): Segment[] | undefined {
    const leaves = new Map<string, number>();
    const segments: Segment[] = [];
    for (const { protocol, first, last, covered } of cuts) {
      const own = covered.filter((peers) => !this.#everywhere.has(peers));
      const key = own.map(({ text }) => text).sort().join("\n");
      this.#items += covered.length;
      if (this.#items > MOST_ITEMS) return undefined; // before the work is done
      const leaf = leaves.get(key) ?? this.#leaf(own);
      leaves.set(key, leaf);
      if (leaf === 0) continue;
      const before = segments.at(-1);
      const isNext = before?.protocol === protocol && before.last + 1 === first && before.leaf === leaf;
      if (isNext) segments[segments.length - 1] = { ...before, last };
      else segments.push({ protocol, first, last, leaf });
    }
    return this.#items > MOST_ITEMS || this.#leaves.length > MOST_LEAVES ? undefined : segments;
  }

  /** The index of the list for those who may use the ports, and who may use all of them. */
  #leaf(own: readonly AllowedPeers[]): number {
    const { family } = this.#ruling;
    const peers = [...this.#everywhere, ...own];
    const union = peers.length === 0 ? undefined : unionOf(peers, family);
    const entries = union?.isEverybody
      ? [accepted({ kind: "any" })]
      : [...this.#rangeEntries(union), ...this.#peerEntries(union?.terms ?? []), ...this.#portEntries];
    this.#items += (union?.ranges.length ?? 0) + (union?.terms.length ?? 0);
    const text = JSON.stringify(entries);
    const leaf = this.#leafOf.get(text) ?? this.#leaves.push(entries) - 1;
    this.#leafOf.set(text, leaf);
    return leaf;
  }

  #rangeEntries(union: AllowedPeers | undefined): Entry[] {
    if (union === undefined || union.ranges.length === 0) return [];
    return [accepted({ kind: "ranges", ranges: rangeTexts(union, this.#ruling.family) })];
  }

  /** Few terms have a set each, which others share; many have one together, and those of every port one of theirs. */
  #peerEntries(terms: readonly Term[]): Entry[] {
    const base = new Set([...this.#everywhere].flatMap((peers) => peers.terms.map(({ key }) => key)));
    const groups = terms.length <= MOST_PEER_SETS
      ? terms.map((term) => [term])
      : [terms.filter(({ key }) => base.has(key)), terms.filter(({ key }) => !base.has(key))];
    return groups.filter((group) => group.length > 0)
      .map((group) => peerSetSpec(group, this.#ruling.family))
      .sort((a, b) => a.name < b.name ? -1 : 1)
      .map((spec) => {
        this.#sets.set(spec.name, spec);
        return accepted({ kind: "peers", set: spec.name });
      });
  }
}

function accepted(match: Entry["match"]): Entry {
  return { match, verdict: "accept" };
}
