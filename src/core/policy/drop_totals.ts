// What policies have dropped so far, by the policies that isolate: counters of the kernel's table, which come and go with
// contents, added up. A drop belongs to all policies that isolate the pod, for each of them could have allowed it.

import type { Direction } from "./policy_table.ts";

/** Packets that are not allowed, all since somebody counts. */
export interface DropTotal {
  /** Undefined: to or from an address that no known pod has. */
  readonly direction: Direction | undefined;
  /** `audit`: they would have been dropped. */
  readonly verdict: "drop" | "audit";
  /** `namespace/name`, sorted. Of pods of several namespaces that are isolated in the same way all that isolate them. */
  readonly policies: readonly string[];
  readonly packets: number;
}

type Group = Omit<DropTotal, "packets">;

const COUNTER = /^([ie])[46]-[a-z2-7]{16}(\.audit)?$/;
const UNKNOWN = /^policy-unknown-v[46]$/;
const NO_POD: Group = { direction: undefined, verdict: "drop", policies: [] };
/** Of groups that nobody counts for any more. */
const REMEMBERED = 200;

/** Packets by the names of policy's counters, out of `nft -j list counters`. */
export function parseCounters(json: string): Map<string, number> {
  const { nftables } = JSON.parse(json) as {
    nftables: readonly { counter?: { name: string; packets: number } }[];
  };
  return new Map(
    nftables.flatMap(({ counter }) =>
      counter !== undefined && (COUNTER.test(counter.name) || UNKNOWN.test(counter.name))
        ? [[counter.name, counter.packets] as const]
        : []
    ),
  );
}

/** Adds up; what the kernel had counted before the first reading is in it. */
export class DropTotals {
  #counters: ReadonlyMap<string, number> = new Map();
  readonly #totals = new Map<string, DropTotal>();
  /** By counter: a content that is about to be deleted is nobody's any more. */
  readonly #groups = new Map<string, string>();

  /** Takes in a reading. `policiesOf`: by the name of a content. */
  take(counters: ReadonlyMap<string, number>, policiesOf: ReadonlyMap<string, readonly string[]>): void {
    for (const name of this.#groups.keys()) if (!counters.has(name)) this.#groups.delete(name);
    for (const [name, packets] of counters) {
      const key = this.#group(name, policiesOf);
      if (key === undefined) continue;
      const last = this.#counters.get(name) ?? 0;
      const total = this.#totals.get(key)!;
      // One that was deleted and made anew begins at nothing.
      const more = packets < last ? packets : packets - last;
      if (more > 0) this.#totals.set(key, { ...total, packets: total.packets + more });
    }
    this.#counters = counters;
    this.#forget();
  }

  /** Those of most packets first. */
  all(): DropTotal[] {
    return [...this.#totals.values()].sort((a, b) =>
      b.packets - a.packets || (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0)
    );
  }

  /** All packets together, audited ones included. */
  get packets(): number {
    return this.#totals.values().reduce((sum, { packets }) => sum + packets, 0);
  }

  #group(name: string, policiesOf: ReadonlyMap<string, readonly string[]>): string | undefined {
    const group = groupOf(name, policiesOf);
    if (group === undefined) return this.#groups.get(name);
    const key = keyOf(group);
    this.#groups.set(name, key);
    if (!this.#totals.has(key)) this.#totals.set(key, { ...group, packets: 0 });
    return key;
  }

  #forget(): void {
    const used = new Set(this.#groups.values());
    const unused = this.#totals.keys().filter((key) => !used.has(key)).toArray();
    for (const key of unused.slice(0, Math.max(0, unused.length - REMEMBERED))) this.#totals.delete(key);
  }
}

/** Undefined of what the model does not want any more. */
function groupOf(name: string, policiesOf: ReadonlyMap<string, readonly string[]>): Group | undefined {
  if (UNKNOWN.test(name)) return NO_POD;
  const [, direction, audit] = COUNTER.exec(name)!;
  const policies = policiesOf.get(audit === undefined ? name : name.slice(0, -audit.length));
  return policies && {
    direction: direction === "i" ? "ingress" : "egress",
    verdict: audit === undefined ? "drop" : "audit",
    policies,
  };
}

function keyOf({ direction, verdict, policies }: Group): string {
  return `${direction ?? ""} ${verdict} ${policies.join()}`;
}
