// What a running agent answers to `wigglenet status`, put together from its parts.

import type { ParsedNode } from "../core/nodes/node.ts";
import { lackingOverlay } from "../core/plan/diff_overlay.ts";
import { clearStatuses, peerStatuses, type Status } from "../core/plan/status.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import type { DeclaredKeeper } from "../shell/declared/declared_keeper.ts";
import type { PolicyProgress } from "../shell/policy/policy_progress.ts";
import type { Publisher } from "../shell/publish.ts";
import type { Progress } from "../shell/progress.ts";
import type { NodeSource } from "../shell/sources/node_source.ts";
import type { Telemetry } from "../shell/telemetry.ts";
import { VERSION } from "./version.ts";

/** The parts that know. */
export interface Parts {
  readonly settings: GivenSettings;
  readonly source: NodeSource<ParsedNode>;
  readonly progress: () => Progress;
  readonly publisher: Publisher | undefined;
  readonly telemetry: Telemetry;
  readonly policies?: PolicyProgress | undefined;
  /** Undefined: this host's name is not known yet. */
  readonly declared?: DeclaredKeeper;
}

/** The status of this moment. */
export async function statusOf(
  { settings, source, progress: now, publisher, telemetry, policies, declared }: Parts,
): Promise<Status> {
  await policies?.counted();
  const progress = now();
  const { link, podMtu, clear } = progress.desired ?? {};
  const { items, complete, problems } = source.state();
  return {
    node: settings.nodeName,
    version: VERSION,
    podCidrs: progress.desired?.cni?.podCidrs ?? [],
    mtu: podMtu ?? (link && { bytes: link.mtuBytes, why: link.mtuReason }),
    source: {
      paths: source.places,
      isComplete: complete,
      objects: items.length,
      problems,
      heardMs: source.liveness?.().heardMs,
    },
    policies: policies?.status(),
    ...(progress.ownTurn && { rotation: progress.ownTurn }),
    peers: peerStatuses(progress.desired, progress.observed),
    ...(declared?.report && { declared: declared.report }),
    ...(clear && { clear: clearStatuses(progress.desired!, progress.observed) }),
    applied: {
      isInSync: progress.isInSync,
      steps: progress.appliedSteps,
      lastMs: progress.lastApplyMs,
      failing: progress.failing,
    },
    rejected: progress.desired?.rejected ?? items.flatMap(({ rejected }) => rejected),
    waiting: [
      ...progress.waiting,
      ...(progress.desired === undefined ? [] : lackingOverlay(progress.desired, progress.failing)),
      ...publisher?.waiting() ?? [],
      ...telemetry.waiting,
      ...declared?.waiting ?? [],
    ],
    unguarded: progress.desired?.unguarded ?? [],
    drift: progress.drift,
  };
}
