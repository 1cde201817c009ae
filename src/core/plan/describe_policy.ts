// What a change of policy is shown as: a line for each set and content, with some of what is in it.

import { keyOf } from "../policy/policy_objects.ts";
import type { PolicyDelta, PolicyGarbage } from "../render/render_policy.ts";
import type { Change } from "./plan.ts";

const SHOWN = 5;
const CONTENT = /^[ie][46]-[a-z2-7]{16}$/;

/** Changes of a transaction. */
export function describeDelta({ sets, chains, flushed }: PolicyDelta, reason: string): Change[] {
  const replaced = new Set(flushed);
  const bindings = sets.flatMap(({ name, added, deleted }): Change[] => [
    ...(added.length === 0
      ? []
      : [{ op: "+", kind: "policy", target: name, text: some(added), reason } as const]),
    ...(deleted.length === 0
      ? []
      : [{ op: "-", kind: "policy", target: name, text: some(deleted.map(keyOf)), reason } as const]),
  ]);
  const contents = [...chains.keys()].filter((name) => CONTENT.test(name) || replaced.has(name));
  return [
    ...contents.map((name): Change => ({
      op: replaced.has(name) ? "~" : "+",
      kind: "policy",
      target: "chain",
      text: name,
      reason,
    })),
    ...bindings,
  ];
}

/** Changes of a transaction that deletes what nobody needs. */
export function describeGarbage({ chains, sets }: PolicyGarbage): Change[] {
  const names = [...chains, ...sets.map(([, name]) => name)];
  return [{ op: "-", kind: "policy", target: "unused", text: some(names), reason: "nobody is bound to it" }];
}

function some(members: readonly string[]): string {
  const left = members.length - SHOWN;
  return members.slice(0, SHOWN).join(", ") + (left > 0 ? ` and ${left} more` : "");
}
