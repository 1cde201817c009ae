// When to ask the Kubernetes API again: full jitter, so that the nodes of a cluster do not come back together.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** A server that asks for more is asked again then, and asks once more. */
const LONGEST_ASKED_MS = 60_000;

const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 600_000;

/** What a failure is followed by. */
export interface Retry {
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** 0 to 1, drawn by chance. */
  readonly chance: number;
  /** What the server asked for in Retry-After; 0: nothing. */
  readonly askedMs: number;
}

/** Milliseconds to wait: by chance up to a bound that doubles from half a second to half a minute, after what the server asked for. */
export function retryMs({ failures, chance, askedMs }: Retry): number {
  const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.round(Math.min(askedMs, LONGEST_ASKED_MS) + bound * chance);
}

/**
 * Milliseconds to leave alone what will not be different in a minute: who may not write is not asked all the time.
 * @param failures in a row, this one included
 */
export function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

/** Milliseconds of a Retry-After header in seconds; 0 where there is none, or a date. */
export function retryAfterMs(header: string | null): number {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : 0;
}
