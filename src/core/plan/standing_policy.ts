// What of policy stands in the kernel, as far as a change needs to know it: who is bound to what, and what nobody needs any
// more. Made anew by each comparison with the kernel; in between it is what the kernel confirmed.

import type { Lead, PolicyObjects } from "../policy/policy_objects.ts";
import type { Content, DesiredPolicy, Subject } from "../policy/policy_table.ts";
import { leadOf, objectsOfContent, type PolicyGarbage, type PolicyOptions } from "../render/render_policy.ts";

/** The objects of one content, by their names. */
export interface ContentNames {
  readonly chains: readonly string[];
  readonly counters: readonly string[];
}

/** What stands, apart from the members of sets: those are as the model says. */
export interface StandingPolicy {
  readonly lead: Lead;
  readonly isGuarded: boolean;
  readonly subjects: ReadonlyMap<string, Subject>;
  readonly contents: ReadonlyMap<string, ContentNames>;
  readonly garbage: PolicyGarbage;
}

/** Nothing. */
export const NO_GARBAGE: PolicyGarbage = { chains: [], sets: [], counters: [] };

/** True when nothing is left to be deleted. */
export function isClean({ chains, sets, counters }: PolicyGarbage): boolean {
  return chains.length + sets.length + counters.length === 0;
}

/** Names of a content's objects. */
export function namesOf(content: Content, options: PolicyOptions): ContentNames {
  const { chains, counters } = objectsOfContent(content, options);
  return { chains: chains.map(({ name }) => name), counters };
}

/** What stands once the kernel has all that is desired. */
export function standingOf(
  desired: DesiredPolicy,
  options: PolicyOptions,
  garbage: PolicyGarbage,
): StandingPolicy {
  const { isGuarded, subjects, contents } = desired;
  return {
    lead: leadOf({ isGuarded, subjects: subjects.values() }, options),
    isGuarded,
    subjects,
    contents: new Map([...contents].map(([name, content]) => [name, namesOf(content, options)])),
    garbage,
  };
}

/** What was garbage and is wanted again is none. */
export function withoutWanted(
  { chains, sets, counters }: PolicyGarbage,
  wanted: PolicyObjects,
): PolicyGarbage {
  return {
    chains: chains.filter((name) => !wanted.chains.has(name)),
    sets: sets.filter(([, name]) => !wanted.sets.has(name)),
    counters: counters.filter((name) => !wanted.counters.has(name)),
  };
}
