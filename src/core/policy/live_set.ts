// A set whose members come and go with the pods: it knows its classes of pods, not the members themselves, so that a
// hundred sets of the same five thousand pods cost next to nothing. What changed is kept until somebody takes it.

import type { Address } from "../net/address.ts";
import { isInRanges } from "./address_ranges.ts";
import type { PodClass, PodRecord } from "./pod_class.ts";
import type { SetSpec } from "./set_spec.ts";

/** See above. */
export class LiveSet {
  readonly classes = new Set<PodClass>();
  /** How many contents refer to it. */
  references = 0;
  /** It was handed out with the members that it had then. */
  isTaken = false;
  /** What came (true) and went (false) since. */
  readonly pending = new Map<string, boolean>();
  /** The members in order, as they were when somebody asked for them. */
  #sorted: readonly string[] | undefined;
  /** What came (true) and went (false) since then. */
  readonly #since = new Map<string, boolean>();

  constructor(readonly spec: SetSpec) {}

  /** The pod's members at one of its addresses. */
  membersOf({ pod }: PodRecord, address: Address): string[] {
    const { family, port, within } = this.spec;
    if (address.family !== family) return [];
    if (within !== undefined && !isInRanges(within, address.value)) return [];
    if (port === undefined) return [address.text];
    return pod.ports
      .filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
      .map((it) => `${address.text} . ${it.protocol} . ${it.port}`);
  }

  /** Members came or went: to go and come again is no change. */
  turn(members: readonly string[], isThere: boolean): void {
    if (members.length === 0) return;
    if (this.#sorted !== undefined) {
      note(this.#since, members, isThere);
      if (this.#since.size > this.#sorted.length / 2) this.#forget();
    }
    if (this.isTaken) note(this.pending, members, isThere);
  }

  /**
   * The members, sorted: to sort five thousand anew for each pod that comes is 2 ms (2026-11-22), to put it between them a tenth.
   * @param list all of them in any order: asked the first time, and after much has changed
   */
  members(list: () => string[]): readonly string[] {
    const [known, since] = [this.#sorted, this.#since];
    if (known === undefined) this.#sorted = list().sort();
    else if (since.size > 0) this.#sorted = merged(known, since);
    since.clear();
    return this.#sorted!;
  }

  #forget(): void {
    this.#sorted = undefined;
    this.#since.clear();
  }
}

function note(changes: Map<string, boolean>, members: readonly string[], isThere: boolean): void {
  for (const member of members) {
    if (!changes.delete(member)) changes.set(member, isThere);
  }
}

/** A list in order with what has come and without what has gone. */
function merged(sorted: readonly string[], changes: ReadonlyMap<string, boolean>): readonly string[] {
  const added = [...changes].flatMap(([member, isThere]) => isThere ? [member] : []).sort();
  const result: string[] = [];
  let next = 0;
  for (const member of sorted) {
    while (next < added.length && added[next]! < member) result.push(added[next++]!);
    if (changes.get(member) !== false) result.push(member);
  }
  for (const member of added.slice(next)) result.push(member);
  return result;
}
