// Outages in a row of numbered packets: when nothing arrived, for how long, and how many were lost. Pure.

/** Arrival of one numbered packet, in milliseconds since 1970. */
export interface Arrival {
  readonly number: number;
  readonly timeMs: number;
}

/** A time without a packet. */
export interface Gap {
  /** Arrival of the last packet before. */
  readonly startMs: number;
  /** Arrival of the first packet after. */
  readonly endMs: number;
  readonly lengthMs: number;
  /** Packets sent in between that never came. */
  readonly lost: number;
}

/** The gaps of at least `minMs` between arrivals, in order of time; repeated and reordered packets are no gaps. */
export function gapsOf(arrivals: readonly Arrival[], minMs: number): Gap[] {
  const gaps: Gap[] = [];
  let highest = arrivals[0]?.number ?? 0;
  for (const [i, { number, timeMs }] of arrivals.entries()) {
    const startMs = arrivals[i - 1]?.timeMs ?? timeMs;
    const lengthMs = timeMs - startMs;
    if (lengthMs >= minMs) {
      gaps.push({ startMs, endMs: timeMs, lengthMs, lost: Math.max(0, number - highest - 1) });
    }
    highest = Math.max(highest, number);
  }
  return gaps;
}
