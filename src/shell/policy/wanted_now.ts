// What is wanted of policy at one moment, with how nft prints it: nft is asked, and meanwhile more may become wanted.

import type { ObservedPolicy } from "../../core/observed/parse_policy.ts";
import type { PolicyReference } from "../../core/plan/policy_reference.ts";
import type { PolicyObjects } from "../../core/policy/policy_objects.ts";
import type { DesiredPolicy, PolicyChange } from "../../core/policy/policy_table.ts";
import { policyObjects, type PolicyOptions } from "../../core/render/render_policy.ts";
import { observePolicyReference } from "../observe_reference.ts";

/** Both say undefined where nothing is known. */
interface View {
  readonly takeChange: () => PolicyChange | undefined;
  readonly desired: () => DesiredPolicy | undefined;
  readonly options: PolicyOptions;
}

/** All of the same moment: what changes later the next change tells. */
interface WantedNow {
  readonly desired: DesiredPolicy;
  readonly wanted: PolicyObjects;
  /** Addresses that have lost their pods since the last change was taken. */
  readonly disowned: readonly string[];
}

/** A model that never rests is compared as it was; what nft was not asked about is written again. */
const TRIES = 3;

/**
 * Takes the change, and the whole that it has led to; undefined when not all is known.
 * @param reference learns what is missing in it of what is wanted and there
 */
export async function wantedNow(
  { takeChange, desired, options }: View,
  observed: ObservedPolicy | undefined,
  reference: PolicyReference,
): Promise<WantedNow | undefined> {
  const disowned: string[] = [];
  let now: Omit<WantedNow, "disowned"> | undefined;
  for (let i = 0; i < TRIES; i++) {
    const change = takeChange();
    disowned.push(...change?.disowned ?? []);
    if (now === undefined || isChanged(change)) {
      const whole = desired();
      if (whole === undefined) return undefined;
      now = { desired: whole, wanted: policyObjects(whole, options) };
    }
    const text = observed && reference.missingText(now.wanted, observed);
    if (text === undefined) break;
    reference.learn(now.wanted, await observePolicyReference(text));
  }
  return now && { ...now, disowned };
}

function isChanged(change: PolicyChange | undefined): boolean {
  if (change === undefined) return false;
  const { isGuarded, subjects, disowned: _, ...lists } = change;
  return isGuarded !== undefined || subjects.size > 0 ||
    Object.values(lists).some(({ length }) => length > 0);
}
