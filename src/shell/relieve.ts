// Memory given back between two pieces of work. V8 collects beside the work, and for thousands of Nodes it comes late:
// what an audit reads and what a join leaves would add up to a peak that is 10 MB higher (2026-11-21).

/** Small clusters never have so much. */
const SMALL_BYTES = 30e6;
/** What may pile up since the last time; a collection takes 50 ms. */
const SLACK_BYTES = 4e6;

/** What the process may grow by outside of the heap, with what V8 does not hurry to collect (docs/decisions/0016). */
const OUTSIDE_BYTES = 8e6;

let leftBytes = 0;
let leftResidentBytes = Infinity;

/** Collects what is not needed any more if it is much, where the runtime was started with `--expose-gc`. */
export function relieve(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return;
  const { heapUsed, rss } = Deno.memoryUsage();
  leftResidentBytes = Math.min(leftResidentBytes, rss);
  const isMuch = heapUsed >= Math.max(SMALL_BYTES, leftBytes + SLACK_BYTES);
  if (!isMuch && rss < leftResidentBytes + OUTSIDE_BYTES) return;
  gc();
  ({ heapUsed: leftBytes, rss: leftResidentBytes } = Deno.memoryUsage());
}

/** Gives back megabytes outside of V8's heap, which it does not hurry to collect; whoever has taken them already keeps them. */
export function discard(buffer: ArrayBuffer): undefined {
  if (!buffer.detached) buffer.transfer(0);
}
