// The parts that keep policies in the kernel, put together for the loop.

import type { DesiredFastpath } from "../../core/desired/desired_state.ts";
import { renderFastpath } from "../../core/render/render_table.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { run } from "../command.ts";
import { withInput } from "../files.ts";
import type { Log } from "../log.ts";
import { FlowRevoker } from "./flow_revoker.ts";
import { type PolicyInput, PolicyKeeper, policyOptionsOf } from "./policy_keeper.ts";

/** What they need. */
export interface PolicyKeepingOptions {
  /** Undefined: what stands of policies is left as it is. */
  readonly policy?: PolicyInput;
  /** Asked once, when the first Nodes are known: pods get a network when it resolves. */
  readonly policiesKnown?: () => Promise<void>;
  readonly settings: Settings;
  readonly log: Log;
}

/** What they ask of the loop. */
interface Loop {
  readonly wake: () => void;
  readonly fastpath: () => DesiredFastpath | undefined;
}

/** Undefined where there are no policies. */
export function keepPolicy(
  { policy, settings, log }: PolicyKeepingOptions,
  { wake, fastpath }: Loop,
): PolicyKeeper | undefined {
  if (policy === undefined) return undefined;
  const revoker = policy.judge === undefined ? undefined : new FlowRevoker({
    judge: (flow) => policy.judge!(flow),
    isRevoking: settings.establishedFlows === "revoke",
    log,
    resetFastpath: () => resetFastpath(fastpath()),
  });
  const onDone: FlowRevoker["consider"] = (change) => revoker?.consider(change);
  const onRefused = (content: string) =>
    log.error(`nft refuses ${content}: the pods that are bound to it are closed in this direction`);
  return new PolicyKeeper(policy, policyOptionsOf(settings), { wake, onDone, onRefused });
}

/** A new table in its place knows of no flow. */
async function resetFastpath(fastpath: DesiredFastpath | undefined): Promise<void> {
  if (fastpath === undefined) return;
  await withInput(renderFastpath(fastpath), (path) => run({ program: "nft", args: ["-f", path] }));
}
