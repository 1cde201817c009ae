// PolicyChange and what stands -> what is to change. Costs what the change holds, whatever the cluster: no set is compared.

import { declarationOf, keyOf, type Lead } from "../policy/policy_objects.ts";
import type { PolicyChange, Subject } from "../policy/policy_table.ts";
import { CORE_SETS, fixedObjects } from "../render/policy_templates.ts";
import {
  bindingsOf,
  leadOf,
  objectsOfContent,
  type PolicyDelta,
  type PolicyGarbage,
  type PolicyOptions,
  renderPolicyDelta,
  type SetDelta,
} from "../render/render_policy.ts";
import { type ContentNames, namesOf, type StandingPolicy } from "./standing_policy.ts";

/** What a change comes to. */
export interface PolicyStep {
  readonly delta: PolicyDelta;
  /** For nft; empty when there is nothing to do. */
  readonly text: string;
  /** What stands afterwards. */
  readonly standing: StandingPolicy;
}

/** What must be done, for a kernel that has all but this change. */
export function changePolicy(
  change: PolicyChange,
  standing: StandingPolicy,
  options: PolicyOptions,
): PolicyStep {
  const isGuarded = change.isGuarded ?? standing.isGuarded;
  const subjects = changedSubjects(standing.subjects, change);
  const lead = leadOf({ isGuarded, subjects: subjects.values() }, options);
  const isThere = isThereIn(standing);
  const fixed = changeLead(standing.lead, lead, options);
  const isFirst = standing.lead === "none";
  const before = isFirst ? new Map<string, Subject>() : standing.subjects;
  const changed = isFirst ? [...subjects.keys()] : [...change.subjects.keys(), ...change.goneSubjects];
  const contents = change.contents.filter(({ name }) => !isThere.content(name));
  const rendered = contents.map((content) => objectsOfContent(content, options));
  const bindings = lead === "none"
    ? []
    : changeBindings(changed, { before, after: subjects, isFirst, options });
  const sets = bindings.map((set) => ({ ...set, isFlushed: isFirst && isThere.set(set.name) }));
  const delta: PolicyDelta = {
    sets: [...setDeltas(change, isThere), ...sets],
    chains: new Map([
      ...fixed.chains,
      ...rendered.flatMap(({ chains }) => chains.map(({ name, rules }) => [name, rules] as const)),
    ]),
    flushed: fixed.chains.map(([name]) => name),
    counters: [...fixed.counters, ...rendered.flatMap(({ counters }) => counters)],
  };
  const isEmpty = delta.sets.length + delta.chains.size + delta.counters.length === 0;
  const next = standingAfter(change, { ...standing, lead, isGuarded, subjects }, options);
  return {
    delta,
    text: isEmpty ? "" : renderPolicyDelta(delta),
    standing: { ...next, garbage: garbageAfter(change, { before: standing, after: next, options }) },
  };
}

function changedSubjects(
  subjects: ReadonlyMap<string, Subject>,
  change: PolicyChange,
): ReadonlyMap<string, Subject> {
  if (change.subjects.size + change.goneSubjects.length === 0) return subjects;
  const next = new Map(subjects);
  for (const address of change.goneSubjects) next.delete(address);
  for (const [address, subject] of change.subjects) next.set(address, subject);
  return next;
}

interface There {
  readonly set: (name: string) => boolean;
  readonly content: (name: string) => boolean;
}

/** What nobody needed any more may still be there. */
function isThereIn({ contents, garbage }: StandingPolicy): There {
  const sets = new Set(garbage.sets.map(([, name]) => name));
  const chains = new Set(garbage.chains);
  return { set: (name) => sets.has(name), content: (name) => contents.has(name) || chains.has(name) };
}

interface LeadChange {
  readonly chains: readonly (readonly [string, readonly string[]])[];
  readonly counters: readonly string[];
}

function changeLead(from: Lead, to: Lead, options: PolicyOptions): LeadChange {
  if (from === to) return { chains: [], counters: [] };
  const { chains, counters } = fixedObjects(to, options);
  return { chains: [...chains], counters };
}

function setDeltas(change: PolicyChange, isThere: There): SetDelta[] {
  return change.sets.map(({ set, isNew, added, deleted }) => ({
    ...declarationOf(set),
    name: set.name,
    isFlushed: isNew && isThere.set(set.name),
    added,
    deleted,
  }));
}

interface Bindings {
  readonly before: ReadonlyMap<string, Subject>;
  readonly after: ReadonlyMap<string, Subject>;
  /** All fixed sets must be there, also the empty ones. */
  readonly isFirst: boolean;
  readonly options: PolicyOptions;
}

/** Of the changed addresses, what comes and goes in the fixed sets. */
function changeBindings(
  addresses: readonly string[],
  { before, after, isFirst, options }: Bindings,
): SetDelta[] {
  const lists = new Map(
    [...fixedObjects("guarded", options).sets].filter(([name]) => !CORE_SETS.has(name)).map(([name, kind]) =>
      [name, { ...kind, name, isFlushed: false, added: [] as string[], deleted: [] as string[] }] as const
    ),
  );
  for (const address of addresses) {
    const old = new Map(membersOf(address, before));
    const now = new Map(membersOf(address, after));
    for (const [set, member] of old) if (now.get(set) !== member) lists.get(set)!.deleted.push(keyOf(member));
    for (const [set, member] of now) if (old.get(set) !== member) lists.get(set)!.added.push(member);
  }
  return [...lists.values()].filter(({ added, deleted }) => isFirst || added.length + deleted.length > 0);
}

function membersOf(address: string, subjects: ReadonlyMap<string, Subject>) {
  const subject = subjects.get(address);
  return subject === undefined ? [] : bindingsOf(address, subject);
}

function standingAfter(
  change: PolicyChange,
  standing: StandingPolicy,
  options: PolicyOptions,
): StandingPolicy {
  if (change.contents.length + change.goneContents.length === 0) return standing;
  const contents = new Map<string, ContentNames>(standing.contents);
  for (const name of change.goneContents) contents.delete(name);
  for (const content of change.contents) contents.set(content.name, namesOf(content, options));
  return { ...standing, contents };
}

interface Standings {
  readonly before: StandingPolicy;
  readonly after: StandingPolicy;
  readonly options: PolicyOptions;
}

/** What was garbage and is used again is none; what the change leaves behind is. */
function garbageAfter(change: PolicyChange, { before, after, options }: Standings): PolicyGarbage {
  const gone = change.goneContents.map((name) => before.contents.get(name)).filter((names) =>
    names !== undefined
  );
  const lead = before.lead === after.lead ? undefined : fixedObjects(before.lead, options);
  const kept = fixedObjects(after.lead, options);
  const used = new Set([...kept.chains.keys(), ...kept.counters, ...kept.sets.keys()]);
  for (const content of change.contents) {
    const { chains, counters } = after.contents.get(content.name)!;
    for (const name of [...chains, ...counters]) used.add(name);
  }
  for (const { set } of change.sets) used.add(set.name);
  const isFree = (name: string) => !used.has(name) && !CORE_SETS.has(name);
  const { garbage } = before;
  const sets: readonly (readonly ["set" | "map", string])[] = [
    ...garbage.sets,
    ...change.goneSets.map((name) => ["set", name] as const),
    ...[...lead?.sets ?? []].map(([name, { kind }]) => [kind, name] as const),
  ];
  return {
    chains: [...garbage.chains, ...gone.flatMap(({ chains }) => chains), ...lead?.chains.keys() ?? []].filter(
      isFree,
    ),
    sets: sets.filter(([, name]) => isFree(name)),
    counters: [...garbage.counters, ...gone.flatMap(({ counters }) => counters), ...lead?.counters ?? []]
      .filter(isFree),
  };
}
