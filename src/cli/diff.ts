// `wigglenet diff`: what `run` would change now. Reads the host; its only writes are a dormant table and a probe, gone at once.

import { desire } from "../core/desired/desire.ts";
import type { DesiredState } from "../core/desired/desired_state.ts";
import { namesToResolve } from "../core/desired/endpoints.ts";
import { describe } from "../core/plan/describe.ts";
import { diff } from "../core/plan/diff.ts";
import { isInSync, type Plan } from "../core/plan/plan.ts";
import { everythingOn } from "../core/plan/spared.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { readPublicKey } from "../shell/key_file.ts";
import { readRotation } from "../shell/key_rotation.ts";
import { FactKeeper } from "../shell/fact_keeper.ts";
import { resolveNames } from "../shell/name_resolver.ts";
import { steadySeconds } from "../shell/observe.ts";
import { observeAll } from "../shell/observe_all.ts";
import { lookBesideAgent } from "../shell/observe_reference.ts";
import { PodCidrExpression } from "../shell/pod_cidr_expression.ts";
import { wireguardOf } from "../shell/read_facts.ts";
import { readFirstSight } from "../shell/read_network.ts";
import { NO_POLICIES } from "../shell/policy/policy_feed.ts";
import {
  type PolicyInput,
  PolicyKeeper,
  policyOptionsOf,
  withPolicy,
} from "../shell/policy/policy_keeper.ts";
import { parseArguments } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readNodes } from "./read_nodes.ts";
import { readPolicies } from "./read_policies.ts";
import { UsageError } from "./usage_error.ts";

/** Prints the differences; 0 in sync, 1 differs, 2 cannot tell. */
export async function diffVerb(args: readonly string[]): Promise<number> {
  const { settings, given } = await parseArguments(args, ["json"]);
  let plan: Plan;
  let isKnown: boolean;
  try {
    ({ plan, isKnown } = await planNow(await nameNode(settings)));
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(`cannot tell: ${(error as Error).message}`, { cause: error });
  }
  const changes = plan.steps.flatMap((step) => step.changes);
  if (given.has("json")) console.log(JSON.stringify(changes, null, 2));
  else for (const line of describe(plan)) console.log(line);
  if (!isInSync(plan)) return 1;
  return isKnown ? 0 : 2;
}

/** With a file that cannot be read, what nobody wants may be wanted there: then no removal is told, nor `in sync`. */
async function planNow(settings: Settings): Promise<{ plan: Plan; isKnown: boolean }> {
  const { items, problems, ofApi } = await readNodes(settings);
  const isTunnelled = usesTunnel(settings);
  const fixed = {
    readKey: async () => {
      const publicKey = isTunnelled ? await readPublicKey(settings.privateKeyPath) : undefined;
      return publicKey && { publicKey, ...await readRotation(settings) };
    },
    wireguard: await wireguardOf(settings, await readFirstSight(settings, true)),
    ...ofApi,
    expression: await PodCidrExpression.load(settings),
  };
  const resolved = await resolveNames(isTunnelled ? namesToResolve(items) : new Set());
  const facts = await new FactKeeper(settings, fixed, () => resolved).read(items, throwIfAny);
  const desired = desire(settings, items, facts!)!;
  lookBesideAgent();
  const observed = await observeAll(desired);
  const isKnown = !problems.some(({ isUnread }) => isUnread);
  const spared = isKnown ? {} : { spared: everythingOn(observed) };
  const policies = await policiesNow(settings, desired);
  const policy = policies?.objects();
  const plan = diff({ ...desired, ...spared, ...(policy && { policy }) }, observed, steadySeconds());
  const moment = { table: observed.table, wasRead: true, canPlan: true, onError: throwIfAny };
  const steps = await withPolicy(plan.steps, policies, moment);
  return { plan: { ...plan, steps }, isKnown: isKnown && policies !== undefined };
}

/** Undefined: they cannot be read, which is told. */
async function policiesNow(settings: Settings, desired: DesiredState): Promise<PolicyKeeper | undefined> {
  let input: PolicyInput = NO_POLICIES;
  if (settings.isPolicyEnabled) {
    try {
      input = await readPolicies(settings, { isWhole: false, nodesAreTold: !settings.isFirewallOnly });
    } catch (error) {
      console.error(`wigglenet: cannot read NetworkPolicies: ${(error as Error).message}`);
      return undefined;
    }
    input.takeNodes?.(desired.settled);
  }
  const hears = { wake: () => {}, onDone: () => {}, onRefused: () => {} };
  return new PolicyKeeper(input, policyOptionsOf(settings), hears);
}

function throwIfAny(error: unknown): void {
  if (error !== undefined) throw error;
}
