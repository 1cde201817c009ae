// Memory given back between two pieces of work. V8 collects beside the work, and for thousands of Nodes it comes late:
// what an audit reads and what a join leaves would add up to a peak that is 10 MB higher (2026-11-21).

/** Small clusters never have so much. */
const SMALL_BYTES = 30e6;
/** What may pile up since the last time; a collection takes 50 ms. */
const SLACK_BYTES = 4e6;

let leftBytes = 0;

/** Collects what is not needed any more if it is much, where the runtime was started with `--expose-gc`. */
export function relieve(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return;
  const usedBytes = Deno.memoryUsage().heapUsed;
  if (usedBytes < Math.max(SMALL_BYTES, leftBytes + SLACK_BYTES)) return;
  gc();
  leftBytes = Deno.memoryUsage().heapUsed;
}

/** Gives back megabytes outside of V8's heap, which it does not hurry to collect; whoever has taken them already keeps them. */
export function discard(buffer: ArrayBuffer): undefined {
  if (!buffer.detached) buffer.transfer(0);
}
