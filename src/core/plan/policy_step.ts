// A change of policy as a step of a Plan.

import { type PolicyDelta, type PolicyGarbage, renderPolicyGarbage } from "../render/render_policy.ts";
import { describeDelta, describeGarbage } from "./describe_policy.ts";
import { STAGE, type Step } from "./plan.ts";

/** Why, and on what. */
interface Circumstances {
  /** The kernel has something else than what it should have, or the policies say something new. */
  readonly reason: "missing" | "policy";
  readonly hasTable: boolean;
}

/**
 * One transaction. Where there is no table it makes one: rules that let packets by find the policy there. Otherwise the table
 * comes first, for a set of its own that is declared otherwise would be in the way.
 */
export function policyStep(
  { delta, text }: { readonly delta: PolicyDelta; readonly text: string },
  { reason, hasTable }: Circumstances,
): Step {
  return {
    part: "policy",
    stage: hasTable ? STAGE.policy : STAGE.policyFirst,
    needs: [],
    changes: describeDelta(delta, reason),
    actions: [{ kind: "run", program: "nft", args: ["-f"], input: text }],
    confirms: {},
    ...(reason === "policy" ? { cause: "policy" } as const : {}),
  };
}

/** Deletes what nobody refers to. */
export function garbageStep(garbage: PolicyGarbage): Step {
  return {
    part: "policy",
    stage: STAGE.policy,
    needs: [],
    changes: describeGarbage(garbage),
    actions: [{ kind: "run", program: "nft", args: ["-f"], input: renderPolicyGarbage(garbage) }],
    confirms: {},
    cause: "policy",
  };
}
