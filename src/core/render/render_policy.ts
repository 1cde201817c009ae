// PolicyObjects -> nft text: the whole, and what changes of it. One transaction each, additions in the form of `add set` with
// elements: unlike `add element` it makes nft read nothing back (render_table.ts).

import {
  declarationOf,
  familyOfText,
  keyOf,
  type Lead,
  type PolicyObjects,
  type SetKind,
  type SetObject,
} from "../policy/policy_objects.ts";
import type { Content, DesiredPolicy, Subject } from "../policy/policy_table.ts";
import { CORE_SETS, fixedObjects } from "./policy_templates.ts";
import { type ContentOptions, renderContent, type RenderedContent } from "./render_content.ts";
import { TABLE } from "./render_table.ts";

/** What the settings say of policy. */
export interface PolicyOptions extends ContentOptions {
  /** POLICY_UNKNOWN_PODS=closed. */
  readonly isUnknownClosed: boolean;
}

/** What leads packets to the contents. */
export function leadOf(
  { isGuarded, subjects }: { isGuarded: boolean; subjects: Iterable<Subject> },
  { isUnknownClosed }: PolicyOptions,
): Lead {
  if (isGuarded && isUnknownClosed) return "guarded";
  for (const { ingress, egress } of subjects) {
    if (ingress !== undefined || egress !== undefined) return "open";
  }
  return "none";
}

/** Members of the fixed sets that stand for one local address, by set. */
export function bindingsOf(
  address: string,
  { ingress, egress }: Subject,
): readonly (readonly [string, string])[] {
  const v = `v${familyOfText(address)}`;
  const bindings: [string, string][] = [[`policy-known-${v}`, address]];
  if (egress !== undefined) bindings.push([`policy-egress-${v}`, `${address} : goto ${egress}`]);
  if (ingress !== undefined) bindings.push([`policy-ingress-${v}`, `${address} : goto ${ingress}`]);
  if (egress !== undefined || ingress !== undefined) {
    bindings.push([`policy-self-${v}`, `${address} . ${address}`]);
  }
  return bindings;
}

const RENDERED = {
  logged: new WeakMap<Content, RenderedContent>(),
  quiet: new WeakMap<Content, RenderedContent>(),
};

/** The objects of a content, made once. */
export function objectsOfContent(content: Content, options: ContentOptions): RenderedContent {
  const kept = RENDERED[options.isLogged ? "logged" : "quiet"];
  let rendered = kept.get(content);
  if (rendered === undefined) kept.set(content, rendered = renderContent(content, options));
  return rendered;
}

/** All objects that the policies ask for. */
export function policyObjects(desired: DesiredPolicy, options: PolicyOptions): PolicyObjects {
  const lead = leadOf({ isGuarded: desired.isGuarded, subjects: desired.subjects.values() }, options);
  const fixed = fixedObjects(lead, options);
  const chains = new Map(fixed.chains);
  const counters = new Set(fixed.counters);
  for (const content of desired.contents.values()) {
    const rendered = objectsOfContent(content, options);
    for (const { name, rules } of rendered.chains) chains.set(name, rules);
    for (const counter of rendered.counters) counters.add(counter);
  }
  const sets = new Map<string, SetObject>();
  for (const set of desired.sets.values()) {
    sets.set(set.name, { ...declarationOf(set), members: set.members });
  }
  const members = new Map<string, string[]>();
  for (const [address, subject] of desired.subjects) {
    for (const [set, member] of bindingsOf(address, subject)) {
      members.set(set, [...members.get(set) ?? [], member]);
    }
  }
  for (const [name, kind] of fixed.sets) {
    if (CORE_SETS.has(name)) continue;
    sets.set(name, { ...kind, members: (members.get(name) ?? []).sort() });
  }
  return { sets, chains, counters };
}

/** What is to change in one set. */
export interface SetDelta extends SetKind {
  readonly name: string;
  /** It is there, with members of which nobody knows what they are good for. */
  readonly isFlushed: boolean;
  readonly added: readonly string[];
  readonly deleted: readonly string[];
}

/** What is to change: made in one transaction. */
export interface PolicyDelta {
  readonly sets: readonly SetDelta[];
  /** Chains to make, with their rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Those of them that are there, with rules to be replaced. */
  readonly flushed: readonly string[];
  readonly counters: readonly string[];
}

/** Names of objects that nobody asks for any more. */
export interface PolicyGarbage {
  readonly chains: readonly string[];
  readonly sets: readonly (readonly [SetKind["kind"], string])[];
  readonly counters: readonly string[];
}

/** One transaction that makes all changes. What is there already may be declared again. */
export function renderPolicyDelta({ sets, chains, flushed, counters }: PolicyDelta): string {
  const deletions = sets.flatMap(({ name, kind, isFlushed, deleted }) => [
    ...(isFlushed ? [`flush ${kind} inet ${TABLE} ${name}\n`] : []),
    ...(deleted.length > 0
      ? [`delete element inet ${TABLE} ${name} { ${deleted.map(keyOf).join(", ")} }\n`]
      : []),
  ]);
  const blocks = [
    ...(chains.has("policy-from-v4") ? CORE_DECLARATIONS : []),
    ...counters.map((name) => `counter ${name} { }\n`),
    // One that only loses members is there.
    ...sets.filter(({ added, deleted }) => added.length > 0 || deleted.length === 0).map((set) =>
      `${set.kind} ${set.name} { ${set.declaration}${elementsText(set.added)} }\n`
    ),
    ...[...chains].map(([name, rules]) =>
      `chain ${name} {\n${rules.map((rule) => `\t${rule}\n`).join("")}}\n`
    ),
  ];
  return [
    ...flushed.map((name) => `add chain inet ${TABLE} ${name}\nflush chain inet ${TABLE} ${name}\n`),
    ...deletions,
    ...(blocks.length === 0 ? [] : [`table inet ${TABLE} {\n`, ...blocks, "}\n"]),
  ].join("");
}

const CORE_DECLARATIONS = [...CORE_SETS].map((name) =>
  `set ${name} { typeof ${name.endsWith("v4") ? "ip" : "ip6"} saddr; flags interval; }\n`
);

function elementsText(members: readonly string[]): string {
  return members.length === 0 ? "" : ` elements = { ${members.join(", ")} };`;
}

/** All objects, for a table that has none of them. */
export function wholeDelta({ sets, chains, counters }: PolicyObjects): PolicyDelta {
  return {
    sets: [...sets].map(([name, { kind, declaration, members }]) => ({
      name,
      kind,
      declaration,
      isFlushed: false,
      added: members,
      deleted: [],
    })),
    chains,
    flushed: [],
    counters: [...counters],
  };
}

/** One transaction that deletes what nobody refers to any more, or, with all that refers to it, everything. */
export function renderPolicyGarbage({ chains, sets, counters }: PolicyGarbage): string {
  return [
    ...chains.map((name) => `flush chain inet ${TABLE} ${name}\n`),
    // Of a map: its elements refer to chains.
    ...sets.filter(([kind]) => kind === "map").map(([, name]) => `flush map inet ${TABLE} ${name}\n`),
    ...chains.filter((name) => name !== "policies").map((name) => `delete chain inet ${TABLE} ${name}\n`),
    ...sets.map(([kind, name]) => `delete ${kind} inet ${TABLE} ${name}\n`),
    ...counters.map((name) => `delete counter inet ${TABLE} ${name}\n`),
  ].join("");
}
