// `nft -j list table` -> what policy has in our table: compact, for it is kept until the next read. Members are one text a set.

import { isPolicyName, POLICY_CHAIN } from "../policy/policy_objects.ts";

type Json = Readonly<Record<string, unknown>>;

/** A set or map as it is. */
export interface ObservedSet {
  readonly kind: "set" | "map";
  /** What it is, without its members, as canonical JSON. */
  readonly declaration: string;
  /** Sorted by text, joined by {@link BETWEEN}. */
  readonly members: string;
  /** Somebody has put something in that is no plain member: a timeout, a comment, a range. */
  readonly isOdd: boolean;
}

/** Policy's objects in our table, by name. */
export interface ObservedPolicy {
  readonly sets: ReadonlyMap<string, ObservedSet>;
  /** The rules of each as canonical JSON. */
  readonly chains: ReadonlyMap<string, string>;
  readonly counters: ReadonlySet<string>;
}

/** Nothing. */
export const NO_POLICY: ObservedPolicy = { sets: new Map(), chains: new Map(), counters: new Set() };

/** Stands between members of a set in one text. */
export const BETWEEN = ", ";

/** The objects of a table's JSON that are policy's, and the others. The chain `policies` is everybody's, its rules are policy's. */
export function partitionPolicy(objects: readonly Json[]): { policy: Json[]; others: Json[] } {
  const policy: Json[] = [];
  const others: Json[] = [];
  for (const object of objects) {
    const { rule, chain, set, map, counter } = object as Readonly<Record<string, Json | undefined>>;
    const name = String((chain ?? set ?? map ?? counter)?.name ?? rule?.chain ?? "");
    if (isPolicyName(name) || rule !== undefined && name === POLICY_CHAIN) policy.push(object);
    else others.push(object);
  }
  return { policy, others };
}

/** Reads what {@link partitionPolicy} has found to be policy's. */
export function parsePolicy(objects: readonly Json[]): ObservedPolicy {
  const sets = new Map<string, ObservedSet>();
  const rules = new Map<string, unknown[]>([[POLICY_CHAIN, []]]);
  const counters = new Set<string>();
  for (const object of objects) {
    const { rule, chain, set, map, counter } = object as Readonly<Record<string, Json | undefined>>;
    if (set !== undefined) sets.set(String(set.name), observedSet("set", set));
    else if (map !== undefined) sets.set(String(map.name), observedSet("map", map));
    else if (counter !== undefined) counters.add(String(counter.name));
    else if (chain !== undefined) {
      // One with a hook is none of ours.
      rules.set(String(chain.name), chain.hook === undefined ? [] : [{ hook: chain.hook }]);
    } else if (rule !== undefined) {
      const { expr, comment } = rule;
      rules.get(String(rule.chain))?.push(withoutCounts({ expr, comment }));
    }
  }
  const chains = new Map([...rules].map(([name, list]) => [name, JSON.stringify(list)]));
  return { sets, chains, counters };
}

function observedSet(
  kind: "set" | "map",
  { elem, handle: _, table: __, name: ___, ...rest }: Json,
): ObservedSet {
  const members = (Array.isArray(elem) ? elem : []).map(memberText);
  const known = members.filter((member) => member !== undefined).sort();
  return {
    kind,
    declaration: JSON.stringify(rest),
    members: known.join(BETWEEN),
    isOdd: known.length < members.length,
  };
}

/** As we write it; undefined when it is nothing that we write. */
function memberText(element: unknown): string | undefined {
  if (typeof element === "string") return element;
  if (Array.isArray(element) && element.length === 2) {
    const [key, verdict] = element as [unknown, { goto?: { target?: string } } | undefined];
    const text = memberText(key);
    return text === undefined || verdict?.goto === undefined
      ? undefined
      : `${text} : goto ${verdict.goto.target}`;
  }
  const fields = (element as { concat?: unknown[] } | null)?.concat;
  if (!Array.isArray(fields)) return undefined;
  return fields.every((field) => typeof field === "string" || typeof field === "number")
    ? fields.join(" . ")
    : undefined;
}

/** Counts of a counter without a name differ between equal rules. */
function withoutCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCounts);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      name === "counter" && typeof field === "object" ? null : withoutCounts(field),
    ]),
  );
}
