// What /healthz and /readyz say, and the file that a probe reads where no port is served.

import type { Waiting } from "../desired/desired_state.ts";

/** An answer to a probe. */
export interface Verdict {
  readonly isGood: boolean;
  /** One line for people. */
  readonly text: string;
  /** It is good, and yet there is something that somebody should see. */
  readonly hasRemarks?: true;
}

/**
 * An audit makes a pass every 30 s, and no command may take as long as this: a loop that finished none is stuck, and only
 * a new start helps.
 */
export const STUCK_SECONDS = 180;

/** Is the loop alive? A cluster that cannot be reached, or a host that refuses everything, is no reason to start anew. */
export function healthOf({ passAgeSeconds }: { readonly passAgeSeconds: number }): Verdict {
  if (passAgeSeconds < STUCK_SECONDS) return { isGood: true, text: "ok" };
  return { isGood: false, text: `the loop has finished no pass for ${Math.round(passAgeSeconds)} s` };
}

/** What readiness depends on. */
export interface Advance {
  /** True after the first complete apply, and from then on. */
  readonly isReady: boolean;
  readonly waiting: readonly Waiting[];
  readonly failing: Readonly<Record<string, { readonly error: string }>>;
}

const SHOWN = 5;
const CHARACTERS = 900;

/**
 * May pods be sent here? From the first complete apply on, for the data plane stands from then on, whoever fails. What of
 * the host keeps pods from their network is told then too: it comes and goes, and no rolling update may stand still for it.
 */
export function readinessOf({ isReady, waiting, failing }: Advance): Verdict {
  if (isReady) {
    const remarks = waiting.filter(({ isTrouble, isRemark }) => isTrouble || isRemark).map(reasonOf);
    if (remarks.length === 0) return { isGood: true, text: "ready" };
    return { isGood: true, text: `ready, but ${listed(remarks)}`, hasRemarks: true };
  }
  const reasons = [
    ...Object.entries(failing).map(([part, { error }]) => `${part}: ${error}`),
    ...waiting.map((one) => `waiting for ${reasonOf(one)}`),
  ];
  return {
    isGood: false,
    text: `not ready: ${reasons.length === 0 ? "the first apply is under way" : listed(reasons)}`,
  };
}

/** Something that is waited for, in words. */
export function reasonOf({ what, why, next }: Waiting): string {
  return `${what}: ${why}; ${next}`;
}

/** One line of printable ASCII: five of the reasons, and how many more there are. */
export function listed(reasons: readonly string[]): string {
  const left = reasons.length - SHOWN;
  return oneLine(reasons.slice(0, SHOWN).join("; ") + (left > 0 ? `; and ${left} more` : ""));
}

/** Of a probe's message kubelet keeps 1,024 bytes, which kubectl shows on one line. */
function oneLine(text: string): string {
  const line = text.replace(/[^ -~]+/g, " ");
  return line.length > CHARACTERS ? `${line.slice(0, CHARACTERS)}...` : line;
}
