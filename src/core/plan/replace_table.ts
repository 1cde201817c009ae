// How a table is made or replaced: members first, rules in a transaction of their own. Kernels (6.18) show the rules of a
// transaction some 50 microseconds before the members of its interval sets: packets of pods are dropped meanwhile, and the
// guard lets others pass (docs/decisions/0020).

import type { DesiredTable } from "../desired/desired_state.ts";
import type { ObservedTable } from "../observed/observed_state.ts";
import {
  INTERIM_SETS,
  renderDeltas,
  renderDetour,
  renderForgetting,
  renderMembers,
  renderRules,
  type SetDelta,
  TABLE,
} from "../render/render_table.ts";

/** What nft loads, one after the other; undefined: the table cannot be taken apart, and is replaced as a whole. */
export function replacements(
  table: DesiredTable,
  { observed, reference }: { observed: ObservedTable | undefined; reference: string | undefined },
  deltas: readonly SetDelta[],
): readonly string[] | undefined {
  const open = `table inet ${TABLE}\n`;
  if (observed === undefined) return [`${open}${renderMembers(table)}`, renderRules(table, [], [])];
  const foreign = objectsOf(observed.structure);
  const wanted = objectsOf(reference);
  if (observed.hasFlags || foreign === undefined || wanted === undefined) return undefined;
  const isKept = ([name, declaration]: [string, string]) =>
    declaration === (wanted.sets.get(name) ?? declaration);
  const sets = [...foreign.sets.keys()];
  if (!foreign.sets.entries().every(isKept)) {
    // Somebody was killed on the detour: those sets may be in use.
    if (sets.some((name) => INTERIM_SETS.includes(name))) return undefined;
    return renderDetour(table, { chains: foreign.chains, sets }, wanted.chains);
  }
  const surplus = sets.filter((name) => !wanted.sets.has(name));
  // What the old rules let pass by them, until there are new ones.
  const leaving = deltas.filter(({ name, added }) => added.length === 0 && !surplus.includes(name));
  const coming = deltas.filter(({ added }) => added.length > 0);
  return [
    ...(coming.length === 0 ? [] : [renderDeltas(coming)]),
    renderForgetting(sets.filter((name) => wanted.sets.has(name))) +
    renderRules(table, foreign.chains, surplus),
    ...(leaving.length === 0 ? [] : [renderDeltas(leaving, table.templates)]),
  ];
}

interface Objects {
  readonly chains: readonly string[];
  /** Declarations, as texts, by name. */
  readonly sets: ReadonlyMap<string, string>;
}

/** Undefined: it holds something else than sets, chains and rules, or is unknown. */
function objectsOf(structure: string | undefined): Objects | undefined {
  const objects = listOf(structure);
  if (!objects.every(({ set, chain, rule }) => set ?? chain ?? rule)) return undefined;
  if (objects.length === 0) return undefined;
  return {
    chains: objects.flatMap(({ chain }) => chain === undefined ? [] : [chain.name]),
    sets: new Map(objects.flatMap(({ set }) => set === undefined ? [] : [[set.name, JSON.stringify(set)]])),
  };
}

interface Named {
  readonly name: string;
}

function listOf(
  structure = "[]",
): readonly { readonly set?: Named; readonly chain?: Named; readonly rule?: unknown }[] {
  return structure.startsWith("[") ? JSON.parse(structure) : [];
}
