// All that an agent has of policies, or what stands in its place with ENABLE_NETWORK_POLICY=false.

import type { Settings } from "../../core/settings/settings.ts";
import type { Log } from "../log.ts";
import type { Progress } from "../progress.ts";
import type { OpenedSource } from "../sources/open_source.ts";
import { DropCounter } from "./drop_counter.ts";
import { DropLog } from "./drop_log.ts";
import { NO_POLICIES, PolicyFeed } from "./policy_feed.ts";
import type { PolicyInput } from "./policy_keeper.ts";
import { PolicyProgress } from "./policy_progress.ts";

/** An API that lists Nodes and is slow to list policies holds up no node for longer. */
const SETTLED_MS = 5_000;

/** What the parts need. */
export interface PolicyPartsOptions extends Pick<OpenedSource<unknown>, "openPolicies"> {
  readonly log: Log;
  /** Called when there may be a change to take. */
  readonly onChange: () => void;
}

/** Not started yet. */
export interface PolicyParts {
  /** What the loop takes. */
  readonly input: PolicyInput;
  /** Undefined: policies are nothing of ours. */
  readonly told: PolicyProgress | undefined;
  /** The loop's own progress, with theirs. */
  addTo(progress: Progress): Progress;
  start(): void;
  /** See {@link PolicyFeed.settled}. */
  settled(signal: AbortSignal): Promise<void>;
  /** A line of `nft monitor` about a packet. */
  traced(line: string): void;
  close(): Promise<void>;
}

/** Makes them. */
export function policyParts(settings: Settings, options: PolicyPartsOptions): PolicyParts {
  if (!settings.isPolicyEnabled) {
    return {
      input: NO_POLICIES,
      told: undefined,
      addTo: (progress) => progress,
      start: () => {},
      settled: () => Promise.resolve(),
      traced: () => {},
      close: () => Promise.resolve(),
    };
  }
  const { openPolicies, log, onChange } = options;
  const input = new PolicyFeed({
    node: settings.nodeName,
    nodesAreTold: !settings.isFirewallOnly, // there somebody else gives pods their addresses
    open: openPolicies,
    onChange: () => {
      onChange();
      told.tell(log);
    },
  });
  const counter = new DropCounter(input.model);
  const told = new PolicyProgress(input, counter);
  const drops = new DropLog({ witness: input.model, counter, log });
  return {
    input,
    told,
    addTo: (progress) => told.addTo(progress),
    start: () => input.start(),
    settled: (signal) => input.settled(AbortSignal.any([signal, AbortSignal.timeout(SETTLED_MS)])),
    traced: (line) => drops.heard(line),
    close: () => {
      drops.close();
      return input.close();
    },
  };
}
