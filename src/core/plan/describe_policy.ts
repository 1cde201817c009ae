// What a change of policy is shown as: pods come and go by the hundred a second, and each is a line of the log at most.

import { listed } from "../net/listed.ts";
import { keyOf } from "../policy/policy_objects.ts";
import type { PolicyDelta, PolicyGarbage } from "../render/render_policy.ts";
import type { Change } from "./plan.ts";

const CONTENT = /^[ie][46]-[a-z2-7]{16}$/;

/** Changes of a transaction: a line for each chain, one for all members. */
export function describeDelta({ sets, chains, flushed }: PolicyDelta, reason: string): Change[] {
  const replaced = new Set(flushed);
  const contents = [...chains.keys()].filter((name) => CONTENT.test(name) || replaced.has(name));
  const [added, deleted] = [
    new Set(sets.flatMap((set) => set.added)),
    new Set(sets.flatMap((set) => set.deleted.map(keyOf))),
  ];
  const parts = [
    ...(added.size === 0 ? [] : [`+ ${listed([...added])}`]),
    ...(deleted.size === 0 ? [] : [`- ${listed([...deleted])}`]),
  ];
  const members: Change = {
    op: "~",
    kind: "policy",
    target: `${sets.length} ${sets.length === 1 ? "set" : "sets"}`,
    text: parts.join(" "),
    reason,
  };
  return [
    ...contents.map((name): Change => ({
      op: replaced.has(name) ? "~" : "+",
      kind: "policy",
      target: "chain",
      text: name,
      reason,
    })),
    ...(parts.length === 0 ? [] : [members]),
  ];
}

/** Changes of a transaction that deletes what nobody needs. */
export function describeGarbage({ chains, sets }: PolicyGarbage): Change[] {
  const names = [...chains, ...sets.map(([, name]) => name)];
  return [{
    op: "-",
    kind: "policy",
    target: "unused",
    text: listed(names),
    reason: "nobody is bound to it",
  }];
}
