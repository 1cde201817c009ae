// Which local address is bound to which contents, and which contents are referred to. What changed is kept until it is
// taken; a content that nobody is bound to stays until then, for the next one may be.

import type { CompiledContent } from "./compile_content.ts";
import type { PeerSets } from "./peer_sets.ts";
import { podKey, type PodRecord } from "./pod_class.ts";
import type { Content, PolicyChange, Subject } from "./policy_table.ts";

interface LiveContent {
  readonly compiled: CompiledContent;
  references: number;
  isTaken: boolean;
}

interface Binding {
  readonly subject: Subject;
  /** Who has the address. */
  readonly owner: string;
}

/** What a local address shall be bound to. */
export interface Wanted {
  readonly owner: PodRecord;
  readonly ingress: CompiledContent | undefined;
  readonly egress: CompiledContent | undefined;
}

/** Open in both directions; one for all. */
const OPEN: Subject = { ingress: undefined, egress: undefined };

/** See above. */
export class Bindings {
  readonly #sets: PeerSets;
  readonly #contents = new Map<string, LiveContent>();
  readonly #bindings = new Map<string, Binding>();
  /** Contents that came, or lost their last reference. */
  readonly #changed = new Set<LiveContent>();
  /** What was handed out of the addresses that changed since. */
  readonly #before = new Map<string, Binding | undefined>();

  constructor(sets: PeerSets) {
    this.#sets = sets;
  }

  /** Binds a local address anew; undefined: no known pod of this node has it. */
  bind(address: string, wanted: Wanted | undefined): void {
    const old = this.#bindings.get(address);
    const binding = wanted && bindingOf(wanted);
    if (old?.owner === binding?.owner && isSame(old?.subject, binding?.subject)) return;
    if (!this.#before.has(address)) this.#before.set(address, old);
    // First what is new: what both use is not gone in between.
    for (const compiled of [wanted?.ingress, wanted?.egress]) if (compiled) this.#acquire(compiled);
    for (const name of [old?.subject.ingress, old?.subject.egress]) if (name) this.#release(name);
    if (binding === undefined) this.#bindings.delete(address);
    else this.#bindings.set(address, binding);
  }

  subject(address: string): Subject | undefined {
    return this.#bindings.get(address)?.subject;
  }

  content(name: string): Content | undefined {
    return this.#contents.get(name)?.compiled.content;
  }

  /** By address. */
  subjects(): Map<string, Subject> {
    return sortedMap([...this.#bindings].map(([address, { subject }]) => [address, subject]));
  }

  /** Those that somebody is bound to, by name. */
  contents(): Map<string, Content> {
    const live = [...this.#contents].filter(([, { references }]) => references > 0);
    return sortedMap(live.map(([name, { compiled }]) => [name, compiled.content]));
  }

  /** What is different since the last time, but for the sets. */
  takeChanges(): Omit<PolicyChange, "isGuarded" | "sets" | "goneSets"> {
    const subjects: [string, Subject][] = [];
    const gone: string[] = [];
    const disowned: string[] = [];
    for (const [address, before] of this.#before) {
      const now = this.#bindings.get(address);
      if (before !== undefined && before.owner !== now?.owner) disowned.push(address);
      if (now === undefined && before !== undefined) gone.push(address);
      else if (now !== undefined && !isSame(now.subject, before?.subject)) {
        subjects.push([address, now.subject]);
      }
    }
    this.#before.clear();
    return {
      ...this.#takeContents(),
      subjects: sortedMap(subjects),
      goneSubjects: gone.sort(),
      disowned: disowned.sort(),
    };
  }

  #takeContents(): Pick<PolicyChange, "contents" | "goneContents"> {
    const contents: Content[] = [];
    const goneContents: string[] = [];
    for (const live of this.#changed) {
      const { content, sets } = live.compiled;
      if (live.references === 0) {
        this.#contents.delete(content.name);
        for (const { name } of sets) this.#sets.release(name);
        if (live.isTaken) goneContents.push(content.name);
      } else if (!live.isTaken) {
        live.isTaken = true;
        contents.push(content);
      }
    }
    this.#changed.clear();
    contents.sort((a, b) => a.name < b.name ? -1 : 1);
    return { contents, goneContents: goneContents.sort() };
  }

  #acquire(compiled: CompiledContent): void {
    let live = this.#contents.get(compiled.content.name);
    if (live === undefined) {
      this.#contents.set(compiled.content.name, live = { compiled, references: 0, isTaken: false });
      for (const spec of compiled.sets) this.#sets.acquire(spec);
      this.#changed.add(live);
    }
    live.references++;
  }

  #release(name: string): void {
    const live = this.#contents.get(name)!;
    if (--live.references === 0) this.#changed.add(live);
  }
}

function bindingOf({ owner, ingress, egress }: Wanted): Binding {
  const subject = ingress === undefined && egress === undefined
    ? OPEN
    : { ingress: ingress?.content.name, egress: egress?.content.name };
  return { subject, owner: `${owner.pod.uid} ${podKey(owner.pod)}` };
}

function isSame(a: Subject | undefined, b: Subject | undefined): boolean {
  return a?.ingress === b?.ingress && a?.egress === b?.egress && (a === undefined) === (b === undefined);
}

function sortedMap<T>(entries: [string, T][]): Map<string, T> {
  return new Map(entries.sort(([a], [b]) => a < b ? -1 : 1));
}
