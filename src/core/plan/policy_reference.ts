// What nft itself makes of our chains and sets, to compare with what it says is there: it prints rules differently from how they
// were written, and each version in its own way (docs/decisions/0006). Chains never change their rules, so each is asked once.

import type { ObservedPolicy, ObservedSet } from "../observed/parse_policy.ts";
import type { PolicyObjects } from "../policy/policy_objects.ts";
import { renderPolicyDelta } from "../render/render_policy.ts";
import { REFERENCE_TABLE, TABLE } from "../render/render_table.ts";

interface KnownChain {
  /** As they were written. */
  readonly rules: readonly string[];
  readonly printed: string;
}

/** What is known of how nft prints. Only grows, by what is wanted; forgets what is wanted no longer. */
export class PolicyReference {
  readonly #chains = new Map<string, KnownChain>();
  readonly #sets = new Map<string, ObservedSet>();

  /** Text of a table without hooks whose listing is still missing; undefined when nothing is. */
  missingText(wanted: PolicyObjects, observed: ObservedPolicy): string | undefined {
    for (const name of this.#chains.keys()) if (!wanted.chains.has(name)) this.#chains.delete(name);
    for (const name of this.#sets.keys()) if (!wanted.sets.has(name)) this.#sets.delete(name);
    const chains = [...wanted.chains].filter(([name, rules]) =>
      observed.chains.has(name) && !isSame(this.#chains.get(name)?.rules, rules)
    );
    const isSetMissing = [...wanted.sets.keys()].some((name) =>
      observed.sets.has(name) && !this.#sets.has(name)
    );
    if (chains.length === 0 && !isSetMissing) return undefined;
    const due = new Set(chains.map(([name]) => name));
    const text = renderPolicyDelta({
      sets: [...wanted.sets].map(([name, { kind, declaration }]) => ({
        name,
        kind,
        declaration,
        isFlushed: false,
        added: [],
        deleted: [],
      })),
      chains: new Map([...wanted.chains].map(([name, rules]) => [name, due.has(name) ? rules : []])),
      flushed: [],
      counters: [...wanted.counters],
    });
    return text.replaceAll(`table inet ${TABLE} {`, `table inet ${REFERENCE_TABLE} {`);
  }

  /** Takes in the listing of the table that {@link missingText} has asked for. */
  learn(wanted: PolicyObjects, printed: ObservedPolicy): void {
    for (const [name, set] of printed.sets) this.#sets.set(name, set);
    for (const [name, rules] of wanted.chains) {
      const text = printed.chains.get(name);
      const isAsked = text !== undefined && (text !== "[]" || rules.length === 0);
      if (isAsked) this.#chains.set(name, { rules, printed: text });
    }
  }

  get sets(): ReadonlyMap<string, ObservedSet> {
    return this.#sets;
  }

  get chains(): ReadonlyMap<string, string> {
    return new Map([...this.#chains].map(([name, { printed }]) => [name, printed]));
  }
}

function isSame(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a === b || a !== undefined && a.length === b.length && a.every((rule, i) => rule === b[i]);
}
