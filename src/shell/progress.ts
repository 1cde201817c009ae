// What the loop says of itself, and to whom.

import type { DesiredState, Waiting } from "../core/desired/desired_state.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import type { OwnTurn } from "../core/rotation/turn.ts";
import type { Outcome } from "./apply.ts";

/** What `status`, metrics and probes show of the loop. */
export interface Progress {
  readonly desired: DesiredState | undefined;
  readonly observed: ObservedState | undefined;
  readonly waiting: readonly Waiting[];
  /** Differences in the last plan; 0 before the first. */
  readonly changes: number;
  readonly isInSync: boolean;
  /** The same, but for the second interface: without it no key rotates, and pods have their network. */
  readonly isStanding: boolean;
  /** Where the rotation of this host's key stands. */
  readonly ownTurn?: OwnTurn | undefined;
  readonly appliedSteps: number;
  readonly lastApplyMs: number | undefined;
  /** Repaired differences by kind, since the start. */
  readonly drift: Readonly<Record<string, number>>;
  readonly failing: Readonly<Record<string, { error: string; retryAtMs: number }>>;
}

/** Of a loop that has not begun. */
export const NO_PROGRESS: Progress = {
  desired: undefined,
  observed: undefined,
  waiting: [],
  changes: 0,
  isInSync: false,
  isStanding: false,
  appliedSteps: 0,
  lastApplyMs: undefined,
  drift: {},
  failing: {},
};

/** Hears of the loop's work; must not throw, and is not waited for. */
export interface Onlooker {
  /** A pass has ended, whatever came of it. */
  passed(): void;
  applied(outcomes: readonly Outcome[], durationMs: number): void;
}
