// The time of CI: who overruns it is ended from outside, and has nothing to show.

/**
 * Seconds that are left to run tests in, never below 0; Infinity where nobody counts.
 * @param env of which WIGGLENET_UNTIL says when the time is up, in seconds since the epoch: .ci/run sets it
 */
export function secondsLeft(
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
  now = Date.now(),
): number {
  const { WIGGLENET_UNTIL: until } = env;
  return until === undefined ? Infinity : Math.max(0, Number(until) - now / 1000);
}
