// What is left of policies when nft refuses one of their contents: that one is closed, and costs the others nothing.

import type { Content, DesiredPolicy } from "../policy/policy_table.ts";
import { declarationOf } from "../policy/policy_objects.ts";
import { objectsOfContent, type PolicyOptions, renderPolicyDelta } from "../render/render_policy.ts";
import { fixedObjects } from "../render/policy_templates.ts";
import { REFERENCE_TABLE, TABLE } from "../render/render_table.ts";

/** Some contents by themselves, in a table without hooks and members: for `nft -c`. */
export function renderAlone(
  contents: readonly Content[],
  { sets }: DesiredPolicy,
  options: PolicyOptions,
): string {
  const rendered = contents.map((content) => objectsOfContent(content, options));
  const text = renderPolicyDelta({
    sets: [...sets.values()].map((set) => ({
      ...declarationOf(set),
      name: set.name,
      isFlushed: false,
      added: [],
      deleted: [],
    })),
    chains: new Map(
      rendered.flatMap(({ chains }) => chains.map(({ name, rules }) => [name, rules] as const)),
    ),
    flushed: [],
    counters: rendered.flatMap(({ counters }) => counters),
  });
  const fixed = [...fixedObjects("open", options).sets].filter(([name]) => /^policy-(self|told)-/.test(name));
  const named = fixed.map(([name, { declaration }]) => `add set inet ${TABLE} ${name} { ${declaration} }\n`);
  return `add table inet ${TABLE}\n${named.join("")}${text}`.replaceAll(
    `inet ${TABLE} `,
    `inet ${REFERENCE_TABLE} `,
  ).replace(`inet ${TABLE}\n`, `inet ${REFERENCE_TABLE}\n`);
}

const CLOSED = new WeakMap<Content, Content>();

/** The same content as far as it is bound, with nothing that is allowed. */
export function closedContent(content: Content): Content {
  let closed = CLOSED.get(content);
  if (closed === undefined) {
    CLOSED.set(content, closed = { ...content, segments: [], leaves: [[]], otherwise: "drop" });
  }
  return closed;
}

/** The policies with these contents closed. */
export function withClosed(desired: DesiredPolicy, refused: ReadonlySet<string>): DesiredPolicy {
  if (![...refused].some((name) => desired.contents.has(name))) return desired;
  const contents = [...desired.contents].map(([name, content]) =>
    [name, refused.has(name) ? closedContent(content) : content] as const
  );
  return { ...desired, contents: new Map(contents) };
}
