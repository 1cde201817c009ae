// What NetworkPolicies come to on this node -> samples.

import type { DesiredPolicy, Direction } from "../policy/policy_table.ts";
import { someOf } from "../policy/drop_line.ts";
import type { DropTotal } from "../policy/drop_totals.ts";
import type { Sample } from "./metrics.ts";

/** What there is to measure of policies. */
export interface PolicyMoment {
  /** Undefined: not all that is needed is known. */
  readonly desired: DesiredPolicy | undefined;
  /** Objects that are held. */
  readonly objects: number;
  /** What was dropped so far. */
  readonly drops: readonly DropTotal[];
}

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** Without policies there are no rules, as with the original. */
export function policySamples(moment: PolicyMoment | undefined): Sample[] {
  const rules = DIRECTIONS.map((direction) => {
    const contents = [...moment?.desired?.contents.values() ?? []];
    const value = contents.filter((content) => content.direction === direction).length;
    return { name: "wigglenet_network_policy_rules_total", labels: { direction }, value } as const;
  });
  if (moment === undefined) return rules;
  const subjects = [...moment.desired?.subjects.values() ?? []];
  return [
    ...rules,
    { name: "wigglenet_policy_known", labels: {}, value: Number(moment.desired !== undefined) },
    ...DIRECTIONS.map((direction) => {
      const value = subjects.filter((subject) => subject[direction] !== undefined).length;
      return { name: "wigglenet_policy_addresses", labels: { direction }, value } as const;
    }),
    { name: "wigglenet_policy_objects", labels: {}, value: moment.objects },
    ...moment.drops.map(dropSample),
  ];
}

/** Several may have one text: they are added. A label of a hundred policies helps nobody. */
const SHOWN = 3;

function dropSample({ direction, verdict, policies, packets }: DropTotal): Sample {
  const labels = { direction: direction ?? "", policies: someOf(policies, SHOWN) };
  const name = verdict === "drop"
    ? "wigglenet_policy_dropped_packets_total"
    : "wigglenet_policy_audited_packets_total";
  return { name, labels, value: packets };
}
