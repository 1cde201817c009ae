// Waiting for a condition with a deadline, in place of sleeping and hoping.

/** How many times slower than a real one this machine is: the virtual one, in software emulation, says so. */
export const PATIENCE = Number(Deno.env.get("WIGGLENET_LAB_PATIENCE") ?? 1);

/** Limits of {@link until}. */
export interface Deadline {
  /** Default 10,000. */
  readonly deadlineMs?: number;
  /** Pause between two looks, default 20 and a twentieth of what was waited; at least as long as a look took. */
  readonly pauseMs?: number;
  /** What to print of the world when the deadline passes. */
  readonly seen?: () => Promise<string> | string;
}

/** Thrown by a look: what is waited for cannot come any more. */
export class Hopeless extends Error {}

/**
 * Looks until the look returns something other than undefined or false, and returns that.
 * Throws "Waited 10000 ms for <what>" with the last error of a look and what `seen` tells.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = 10_000, pauseMs, seen }: Deadline = {},
): Promise<T> {
  const begin = performance.now();
  const end = begin + deadlineMs * PATIENCE;
  let trouble = "";
  let isHopeless = false;
  do {
    const startMs = performance.now();
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      trouble = "";
    } catch (error) {
      trouble = `\nlast look: ${error instanceof Error ? error.message : error}`;
      isHopeless = error instanceof Hopeless;
    }
    if (isHopeless) break;
    // A machine must not spend itself on looking: what is waited for needs it. The last look is just before the end.
    const now = performance.now();
    const leastMs = pauseMs === undefined ? Math.max(20 * PATIENCE, (now - begin) / 20) : pauseMs * PATIENCE;
    const restMs = Math.min(Math.max(leastMs, now - startMs), Math.max(20, end - now - 20));
    await new Promise((resolve) => setTimeout(resolve, restMs));
  } while (performance.now() < end);
  const world = seen === undefined ? "" : `\n${await seen()}`;
  throw new Error(
    `Waited ${isHopeless ? "in vain" : `${deadlineMs * PATIENCE} ms`} for ${what}${trouble}${world}`,
  );
}

/** A promise that fails after the deadline unless the other one settles before. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Waited ${deadlineMs * PATIENCE} ms for ${what}`)),
      deadlineMs * PATIENCE,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
