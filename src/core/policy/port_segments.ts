// Port ranges of several rules, which may overlap, cut at their ends into disjoint segments: behind each stands who may
// use it, so that the ports of one rule are never open to the peers of another (R11).

import type { PortRange, Protocol } from "./objects.ts";

/** Ports from `first` to `last` of one protocol, and what is said of them. */
export interface Cut<T> {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
  /** Of each range that covers the segment, without repeats, in order of the input. */
  readonly covered: readonly T[];
}

/** In the order of segments. */
const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

/**
 * Disjoint, sorted; what no range covers is left out. Segments that touch may be covered by the same.
 * One at a time, because they may be as many as the square of the ranges: who has enough stops asking.
 */
export function* cutRanges<T>(ranges: readonly (readonly [PortRange, T])[]): Iterable<Cut<T>> {
  for (const protocol of PROTOCOLS) yield* sweep(ranges.filter(([range]) => range.protocol === protocol));
}

/** From one end of a range to the next, with the ranges that are open there. */
function* sweep<T>(ranges: readonly (readonly [PortRange, T])[]): Iterable<Cut<T>> {
  const opening = new Map<number, T[]>();
  const closing = new Map<number, T[]>();
  const order = new Map<T, number>();
  for (const [{ first, last }, value] of ranges) {
    push(opening, first, value);
    push(closing, last + 1, value);
    if (!order.has(value)) order.set(value, order.size);
  }
  const ends = [...new Set([...opening.keys(), ...closing.keys()])].sort((a, b) => a - b);
  const open = new Map<T, number>();
  for (const [i, first] of ends.entries()) {
    for (const value of opening.get(first) ?? []) open.set(value, (open.get(value) ?? 0) + 1);
    for (const value of closing.get(first) ?? []) {
      const left = open.get(value)! - 1;
      if (left === 0) open.delete(value);
      else open.set(value, left);
    }
    if (open.size === 0) continue;
    const covered = [...open.keys()].sort((a, b) => order.get(a)! - order.get(b)!);
    yield { protocol: ranges[0]![0].protocol, first, last: ends[i + 1]! - 1, covered };
  }
}

function push<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
