// DesiredPolicy and what the kernel has -> what is to change: at a start, at audits, after anything foreign. Chains are named
// after what is in them, so that what stands is adopted; whether somebody has touched their rules nft itself says, by what it
// makes of ours in another table (docs/decisions/0006).

import { BETWEEN, type ObservedPolicy, type ObservedSet } from "../observed/parse_policy.ts";
import { isPassing, POLICY_CHAIN, type PolicyObjects, type SetObject } from "../policy/policy_objects.ts";
import {
  type PolicyDelta,
  type PolicyGarbage,
  renderPolicyDelta,
  renderPolicyGarbage,
  type SetDelta,
  wholeDelta,
} from "../render/render_policy.ts";

/** What a comparison gave. */
export interface PolicyDifference {
  readonly delta: PolicyDelta;
  /** What nobody asks for. */
  readonly garbage: PolicyGarbage;
  /** For nft: everything is made anew in one transaction when an object is of another kind than ours. */
  readonly text: string;
}

/**
 * What must be done so that the kernel has these objects.
 * @param observed undefined: there is no table
 * @param reference what nft makes of the wanted sets and chains that are there
 */
export function diffPolicy(
  wanted: PolicyObjects,
  observed: ObservedPolicy | undefined,
  reference: Pick<ObservedPolicy, "sets" | "chains">,
): PolicyDifference {
  if (observed === undefined) return ofDelta(wholeDelta(wanted), NOTHING);
  const isHooked = [...observed.chains.values()].some((rules) => rules.startsWith('[{"hook"'));
  const isForeign = isHooked || [...wanted.sets].some(([name, set]) => {
    const found = observed.sets.get(name);
    if (found === undefined) return false;
    const { kind, declaration } = reference.sets.get(name) ?? {};
    return found.kind !== set.kind || kind !== set.kind || declaration !== found.declaration;
  });
  if (isForeign) return rebuilt(wanted, observed);
  const sets = [...wanted.sets].flatMap(([name, set]) => diffSet({ name, ...set }, observed.sets.get(name)));
  const chains = new Map(
    [...wanted.chains].filter(([name]) => observed.chains.get(name) !== rulesOf(reference, name)),
  );
  const counters = [...wanted.counters].filter((name) => !observed.counters.has(name));
  const flushed = [...chains.keys()].filter((name) => observed.chains.has(name));
  return ofDelta({ sets, chains, flushed, counters }, garbageOf(wanted, observed));
}

const NOTHING: PolicyGarbage = { chains: [], sets: [], counters: [] };
const NO_RULES = "[]";

/** A chain that nobody has listed differs from all that are there, but for the one that core declares. */
function rulesOf(reference: Pick<ObservedPolicy, "chains">, name: string): string {
  return reference.chains.get(name) ?? (name === POLICY_CHAIN ? NO_RULES : "");
}

function ofDelta(delta: PolicyDelta, garbage: PolicyGarbage): PolicyDifference {
  const { sets, chains, counters } = delta;
  const isEmpty = sets.length + chains.size + counters.length === 0;
  return { delta, garbage, text: isEmpty ? "" : renderPolicyDelta(delta) };
}

function rebuilt(wanted: PolicyObjects, observed: ObservedPolicy): PolicyDifference {
  const all: PolicyGarbage = {
    chains: [...observed.chains.keys()],
    sets: [...observed.sets].map(([name, { kind }]) => [kind, name]),
    counters: [...observed.counters],
  };
  const delta = wholeDelta(wanted);
  return { delta, garbage: NOTHING, text: renderPolicyGarbage(all) + renderPolicyDelta(delta) };
}

type Named<T> = T & { readonly name: string };

function diffSet(
  { name, kind, declaration, members }: Named<SetObject>,
  found: ObservedSet | undefined,
): SetDelta[] {
  const rest = { name, kind, declaration };
  if (found === undefined) return [{ ...rest, isFlushed: false, added: members, deleted: [] }];
  if (isPassing(name)) return [];
  // What cannot be told in our words cannot be deleted by them either.
  if (found.isOdd) return [{ ...rest, isFlushed: true, added: members, deleted: [] }];
  if (found.members === members.join(BETWEEN)) return [];
  const there = new Set(found.members === "" ? [] : found.members.split(BETWEEN));
  const wanted = new Set(members);
  const added = members.filter((member) => !there.has(member));
  const deleted = [...there].filter((member) => !wanted.has(member));
  return added.length + deleted.length === 0 ? [] : [{ ...rest, isFlushed: false, added, deleted }];
}

function garbageOf(wanted: PolicyObjects, observed: ObservedPolicy): PolicyGarbage {
  return {
    chains: [...observed.chains.keys()].filter((name) => !wanted.chains.has(name)),
    sets: [...observed.sets].filter(([name]) => !wanted.sets.has(name)).map((
      [name, { kind }],
    ) => [kind, name]),
    counters: [...observed.counters].filter((name) => !wanted.counters.has(name)),
  };
}
