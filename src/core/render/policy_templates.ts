// The fixed objects of policy, out of nft-templates: as values, for they are compared and changed like all the others.

import guardV4 from "../../../nft-templates/policy-guard-v4.nft" with { type: "text" };
import guardV6 from "../../../nft-templates/policy-guard-v6.nft" with { type: "text" };
import logV4 from "../../../nft-templates/policy-log-v4.nft" with { type: "text" };
import logV6 from "../../../nft-templates/policy-log-v6.nft" with { type: "text" };
import policyV4 from "../../../nft-templates/policy-v4.nft" with { type: "text" };
import policyV6 from "../../../nft-templates/policy-v6.nft" with { type: "text" };
import type { Lead, SetKind } from "../policy/policy_objects.ts";
import { type ContentOptions, toldRules } from "./render_content.ts";

/** What templates declare. Rules of a chain follow each other in their order. */
export interface Fixed {
  readonly sets: ReadonlyMap<string, SetKind>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly counters: readonly string[];
}

const OBJECT = /^\t(set|map|chain|counter) (\S+) \{([^{}]*)\}$/gm;

function read(...templates: readonly string[]): Fixed {
  const sets = new Map<string, SetKind>();
  const chains = new Map<string, readonly string[]>();
  const counters: string[] = [];
  for (const [, kind, name, body] of templates.join("").matchAll(OBJECT) as Iterable<string[]>) {
    const lines = body!.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    if (kind === "chain") chains.set(name!, [...chains.get(name!) ?? [], ...lines]);
    else if (kind === "counter") counters.push(name!);
    else sets.set(name!, { kind: kind as "set" | "map", declaration: lines.join(" ") });
  }
  return { sets, chains, counters };
}

const OPEN = read(policyV4, policyV6);
const GUARDED = read(policyV4, policyV6, guardV4, guardV6);
// With the guard's set, so that its members are kept where the guard may come and go.
const FIXED: Readonly<Record<Lead, Fixed>> = {
  none: { sets: new Map(), chains: new Map([["policies", []]]), counters: [] },
  open: { ...OPEN, sets: GUARDED.sets },
  guarded: GUARDED,
};

const LOG = read(logV4, logV6);
const LOGGED: typeof FIXED = { none: FIXED.none, open: logged(FIXED.open), guarded: logged(FIXED.guarded) };

/** With the sets of what was told, and told of what is dropped because nobody knows the pod. */
function logged({ sets, chains, counters }: Fixed): Fixed {
  const rules = new Map([...chains].map(([name, rules]) => [
    name,
    rules.flatMap((rule) =>
      rule.startsWith("counter name ") ? [...toldRules(name.endsWith("v4") ? 4 : 6), rule] : [rule]
    ),
  ]));
  return { sets: new Map([...sets, ...LOG.sets]), chains: rules, counters };
}

/** The fixed objects that lead packets to the contents. */
export function fixedObjects(lead: Lead, { isLogged }: ContentOptions): Fixed {
  return (isLogged ? LOGGED : FIXED)[lead];
}

/** Of core, with members of its own: named in rules of policy. */
export const CORE_SETS: ReadonlySet<string> = new Set(["local-pod-cidrs-v4", "local-pod-cidrs-v6"]);
