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
  /** The members in order, as long as nothing changes. */
  sorted: readonly string[] | undefined;

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
    this.sorted = undefined;
    if (!this.isTaken) return;
    for (const member of members) {
      if (!this.pending.delete(member)) this.pending.set(member, isThere);
    }
  }
}
