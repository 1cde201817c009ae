// When the loop may look at the host again.

const MIN_APPLY_INTERVAL_MS = 100;
const MOST_REST_MS = 1_000;

/**
 * The moment before which no pass begins after one that has changed the host. After the first one the loop rests for as
 * long as that took: what boots beside it needs the processor, too, the tunnel's other end and the pods among it.
 */
export function restUntil(startMs: number, isFirst: boolean): number {
  const tookMs = performance.now() - startMs;
  return startMs + Math.max(MIN_APPLY_INTERVAL_MS, isFirst ? tookMs + Math.min(tookMs, MOST_REST_MS) : 0);
}
