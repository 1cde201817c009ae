// All sets that contents refer to, and which classes of pods are in them. A pod that comes or goes touches the sets of
// its class and no other; selectors are asked when a class, a namespace's labels or a set is new.

import type { Address } from "../net/address.ts";
import { LiveSet } from "./live_set.ts";
import type { NamespaceRecord, PodClass, PodRecord } from "./pod_class.ts";
import type { MemberSet, SetChange } from "./policy_table.ts";
import { type Selector, selects } from "./selector.ts";
import type { SetSpec, Term } from "./set_spec.ts";

/** A term and the sets that it is in. */
interface LiveTerm {
  readonly term: Term;
  readonly sets: Set<LiveSet>;
}

interface TermsOfSelector {
  readonly selector: Selector;
  readonly terms: Set<LiveTerm>;
}

/** Which objects some set depends on. */
export interface Needs {
  /** Labels of namespaces are asked for. */
  readonly namespaces: boolean;
  /** Namespaces whose pods on any node are peers. Empty: those of this node are enough. */
  readonly pods: "all" | ReadonlySet<string>;
}

/** What the sets ask of the pods. */
export interface PodWorld {
  readonly namespaces: () => Iterable<NamespaceRecord>;
  readonly peerAt: (address: Address) => PodRecord | undefined;
}

/** See above. */
export class PeerSets {
  readonly #world: PodWorld;
  readonly #sets = new Map<string, LiveSet>();
  readonly #terms = new Map<string, LiveTerm>();
  readonly #byNamespace = new Map<string, Set<LiveTerm>>();
  readonly #bySelector = new Map<string, TermsOfSelector>();
  readonly #everywhere = new Set<LiveTerm>();
  /** Those that have something to be taken. */
  readonly #changed = new Set<LiveSet>();

  constructor(world: PodWorld) {
    this.#world = world;
  }

  get(name: string): LiveSet | undefined {
    return this.#sets.get(name);
  }

  /** One content more refers to it. */
  acquire(spec: SetSpec): void {
    let set = this.#sets.get(spec.name);
    if (set === undefined) {
      this.#sets.set(spec.name, set = new LiveSet(spec));
      for (const term of spec.terms) this.#link(term, set);
      for (const podClass of this.#classesOf(spec)) {
        set.classes.add(podClass);
        podClass.sets.add(set);
      }
    }
    set.references++;
    this.#changed.add(set);
  }

  /** One less; it stays until it is taken away by {@link takeChanges}. */
  release(name: string): void {
    const set = this.#sets.get(name)!;
    set.references--;
    this.#changed.add(set);
  }

  /** A class that has no pods yet. */
  enter(podClass: PodClass): void {
    for (const set of this.#setsOf(podClass)) {
      podClass.sets.add(set);
      set.classes.add(podClass);
    }
  }

  /** A class without pods. */
  leave(podClass: PodClass): void {
    for (const set of podClass.sets) set.classes.delete(podClass);
    podClass.sets.clear();
  }

  /** The labels of its namespace are others now. */
  review(podClass: PodClass): void {
    const now = this.#setsOf(podClass);
    for (const set of [...podClass.sets].filter((it) => !now.has(it))) {
      podClass.sets.delete(set);
      set.classes.delete(podClass);
      this.#turnClass(set, podClass, false);
    }
    for (const set of [...now].filter((it) => !podClass.sets.has(it))) {
      podClass.sets.add(set);
      set.classes.add(podClass);
      this.#turnClass(set, podClass, true);
    }
  }

  /** Selectors find the pod at this address from now on, or no longer. */
  turn(record: PodRecord, address: Address, isThere: boolean): void {
    for (const set of record.podClass?.sets ?? []) {
      const members = set.membersOf(record, address);
      if (members.length === 0) continue;
      set.turn(members, isThere);
      this.#changed.add(set);
    }
  }

  /** All that are referred to, by name. */
  all(): MemberSet[] {
    return [...this.#sets.values()].filter(({ references }) => references > 0)
      .map((set) => ({ ...about(set.spec), members: this.members(set) }))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Sorted. */
  members(set: LiveSet): readonly string[] {
    return set.members(() => {
      const members: string[] = [];
      for (const podClass of set.classes) {
        for (const record of podClass.pods) members.push(...this.#membersOf(set, record));
      }
      return members;
    });
  }

  /** What is different since the last time, and which sets are gone since. */
  takeChanges(): { readonly changes: readonly SetChange[]; readonly gone: readonly string[] } {
    const changes: SetChange[] = [];
    const gone: string[] = [];
    for (const set of this.#changed) {
      if (set.references === 0) {
        this.#drop(set);
        if (set.isTaken) gone.push(set.spec.name);
        continue;
      }
      const isNew = !set.isTaken;
      const turned = [...set.pending].sort(([a], [b]) => a < b ? -1 : 1);
      const added = isNew ? this.members(set) : turned.flatMap(([it, isThere]) => isThere ? [it] : []);
      const deleted = turned.flatMap(([it, isThere]) => isThere ? [] : [it]);
      set.isTaken = true;
      set.pending.clear();
      if (isNew || turned.length > 0) changes.push({ set: about(set.spec), isNew, added, deleted });
    }
    this.#changed.clear();
    changes.sort((a, b) => a.set.name < b.set.name ? -1 : 1);
    return { changes, gone: gone.sort() };
  }

  needs(): Needs {
    const namespaces = this.#bySelector.size > 0;
    if (namespaces || this.#everywhere.size > 0) return { namespaces, pods: "all" };
    return { namespaces, pods: new Set(this.#byNamespace.keys()) };
  }

  *#membersOf(set: LiveSet, record: PodRecord): Iterable<string> {
    for (const address of record.pod.addresses) {
      if (this.#world.peerAt(address) === record) yield* set.membersOf(record, address);
    }
  }

  #turnClass(set: LiveSet, podClass: PodClass, isThere: boolean): void {
    for (const record of podClass.pods) set.turn([...this.#membersOf(set, record)], isThere);
    this.#changed.add(set);
  }

  #termsFor({ name, namespace }: NamespaceRecord): LiveTerm[] {
    const labels = namespace?.labels;
    const bySelector = labels === undefined
      ? []
      : [...this.#bySelector.values()].filter(({ selector }) => selects(selector, labels));
    return [
      ...this.#byNamespace.get(name) ?? [],
      ...this.#everywhere,
      ...bySelector.flatMap(({ terms }) => [...terms]),
    ];
  }

  #setsOf(podClass: PodClass): Set<LiveSet> {
    const sets = new Set<LiveSet>();
    for (const { term, sets: those } of this.#termsFor(podClass.namespace)) {
      if (selects(term.pods, podClass.labels)) { for (const set of those) sets.add(set); }
    }
    return sets;
  }

  *#classesOf({ terms }: SetSpec): Iterable<PodClass> {
    for (const namespace of this.#world.namespaces()) {
      const meant = terms.filter((term) => means(term, namespace));
      if (meant.length === 0) continue;
      for (const podClass of namespace.classes.values()) {
        if (meant.some(({ pods }) => selects(pods, podClass.labels))) yield podClass;
      }
    }
  }

  #link(term: Term, set: LiveSet): void {
    let live = this.#terms.get(term.key);
    if (live === undefined) {
      this.#terms.set(term.key, live = { term, sets: new Set() });
      this.#index(term).add(live);
    }
    live.sets.add(set);
  }

  /** Where the term is looked up. */
  #index({ namespaces }: Term): Set<LiveTerm> {
    if (namespaces === undefined) return this.#everywhere;
    if (typeof namespaces === "string") {
      const terms = this.#byNamespace.get(namespaces) ?? new Set();
      this.#byNamespace.set(namespaces, terms);
      return terms;
    }
    const entry = this.#bySelector.get(namespaces.text) ?? { selector: namespaces, terms: new Set() };
    this.#bySelector.set(namespaces.text, entry);
    return entry.terms;
  }

  #drop(set: LiveSet): void {
    this.#sets.delete(set.spec.name);
    for (const podClass of set.classes) podClass.sets.delete(set);
    for (const { key } of set.spec.terms) {
      const live = this.#terms.get(key)!;
      live.sets.delete(set);
      if (live.sets.size > 0) continue;
      this.#terms.delete(key);
      const { namespaces } = live.term;
      const index = this.#index(live.term);
      index.delete(live);
      if (index.size > 0 || namespaces === undefined) continue;
      if (typeof namespaces === "string") this.#byNamespace.delete(namespaces);
      else this.#bySelector.delete(namespaces.text);
    }
  }
}

function means({ namespaces }: Term, { name, namespace }: NamespaceRecord): boolean {
  if (namespaces === undefined) return true;
  if (typeof namespaces === "string") return namespaces === name;
  return namespace?.labels !== undefined && selects(namespaces, namespace.labels);
}

function about({ name, family, about, port }: SetSpec): Omit<MemberSet, "members"> {
  return { name, kind: port === undefined ? "peers" : "ports", family, about };
}
