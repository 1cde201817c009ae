// What the agent knows at one moment -> samples of gauges and of counters that it keeps itself. Peers are in
// peer_series.ts, for they are thousands; histograms are kept where it happens.

import type { DeclaredReport } from "../declared/status/report.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { Rejected } from "../nodes/node.ts";
import { PAUSE_SECONDS } from "../observed/follow_peer.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import type { Family } from "../net/address.ts";
import type { GivenSettings } from "../settings/settings.ts";
import type { OwnTurn } from "../rotation/turn.ts";
import { declaredSamples } from "./declared_samples.ts";
import { type PolicyMoment, policySamples } from "./policy_samples.ts";
import { DRIFT_KINDS } from "../plan/plan.ts";
import { type MetricName, REJECTED_KINDS, type Sample } from "./metrics.ts";

/** Everything that is measured, at one moment. */
export interface Moment {
  readonly version: string;
  readonly settings: GivenSettings;
  readonly desired: DesiredState | undefined;
  readonly observed: ObservedState | undefined;
  readonly rejected: readonly Rejected[];
  readonly waiting: number;
  /** Undefined: this host's key does not rotate. */
  readonly ownTurn?: OwnTurn | undefined;
  /** Differences in the last plan. */
  readonly changes: number;
  readonly isInSync: boolean;
  readonly isReady: boolean;
  /** Since the loop last finished a pass. */
  readonly passAgeSeconds: number;
  /** Repaired differences by kind. */
  readonly drift: Readonly<Record<string, number>>;
  /** Parts that are tried again. */
  readonly failing: readonly string[];
  readonly source: {
    readonly objects: number;
    readonly isComplete: boolean;
    readonly problems: number;
    /** Since the API server was last heard; undefined: there is none. */
    readonly ageSeconds: number | undefined;
  };
  /** Undefined: policies are nothing of ours. */
  readonly policy?: PolicyMoment | undefined;
  /** Undefined: nothing is declared for this node. */
  readonly declared?: DeclaredReport | undefined;
  /** Since 1970. */
  readonly nowSeconds: number;
  readonly process: {
    readonly memoryBytes: number;
    readonly cpuSeconds: number;
    /** Since 1970. */
    readonly startSeconds: number;
  };
}

/** All samples but those of peers and of what is counted where it happens. */
export function measure(moment: Moment): Sample[] {
  return [
    ...meshSamples(moment),
    ...loopSamples(moment),
    ...sourceSamples(moment),
    ...policySamples(moment.policy),
    ...declaredSamples(moment.declared, moment.nowSeconds),
    ...processSamples(moment),
  ];
}

function sample(name: MetricName, value: number, labels: Sample["labels"] = {}): Sample {
  return { name, labels, value };
}

function meshSamples({ version, settings, desired, observed, ownTurn }: Moment): Sample[] {
  const { link, table, peers, clear = [] } = desired ?? {};
  const clearIn = (family: Family) =>
    clear.filter((peer) => peer.family === family && !peer.isEncrypted).length;
  const mtuBytes = observed?.link?.mtuBytes;
  const pods = table === undefined
    ? 0
    : table.sets["pod-cidrs-v4"].length + table.sets["pod-cidrs-v6"].length;
  return [
    sample("wigglenet_build_info", 1, { version, firewall_backend: settings.firewallBackend }),
    sample("wigglenet_pod_cidrs_total", pods),
    sample("wigglenet_peers_total", peers?.length ?? 0),
    ...(clear.every(({ isEncrypted }) => isEncrypted)
      ? []
      : ([4, 6] as const).map((family) =>
        sample("wigglenet_clear_nodes", clearIn(family), { family: `ipv${family}` })
      )),
    sample("wigglenet_peers_silent", silentPeers(observed)),
    ...(ownTurn === undefined ? [] : [sample("wigglenet_key_rotation", 1, { stage: ownTurn.stage })]),
    ...(mtuBytes === undefined ? [] : [sample("wigglenet_tunnel_mtu_bytes", mtuBytes)]),
    ...(link === undefined ? [] : [
      sample("wigglenet_wireguard_info", 1, { implementation: link.implementation }),
    ]),
  ];
}

/** What was sent a moment ago is often not answered yet: who is silent was spoken to for longer. */
function silentPeers(observed: ObservedState | undefined): number {
  let count = 0;
  for (const { silence } of observed?.wireguard?.peers.values() ?? []) {
    if (silence !== undefined && silence.lastSeconds - silence.sinceSeconds >= PAUSE_SECONDS) count++;
  }
  return count;
}

function loopSamples(moment: Moment): Sample[] {
  const { rejected, drift } = moment;
  const counts = new Map<string, number>();
  for (const { kind = "malformed" } of rejected) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [
    sample("wigglenet_ready", Number(moment.isReady)),
    sample("wigglenet_in_sync", Number(moment.isInSync)),
    sample("wigglenet_last_pass_age_seconds", moment.passAgeSeconds),
    sample("wigglenet_plan_changes", moment.changes),
    sample("wigglenet_waiting", moment.waiting),
    ...moment.failing.map((part) => sample("wigglenet_failing", 1, { part })),
    ...DRIFT_KINDS.map((kind) => sample("wigglenet_drift_repaired_total", drift[kind] ?? 0, { kind })),
    ...REJECTED_KINDS.map((reason) =>
      sample("wigglenet_rejected_claims", counts.get(reason) ?? 0, { reason })
    ),
  ];
}

function sourceSamples({ source: { objects, isComplete, problems, ageSeconds } }: Moment): Sample[] {
  return [
    sample("wigglenet_nodes", objects),
    sample("wigglenet_source_complete", Number(isComplete)),
    sample("wigglenet_source_problems", problems),
    ...(ageSeconds === undefined ? [] : [sample("wigglenet_watch_age_seconds", ageSeconds)]),
  ];
}

function processSamples({ process: { memoryBytes, cpuSeconds, startSeconds } }: Moment): Sample[] {
  return [
    sample("process_resident_memory_bytes", memoryBytes),
    sample("process_cpu_seconds_total", cpuSeconds),
    sample("process_start_time_seconds", startSeconds),
  ];
}
