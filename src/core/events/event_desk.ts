// Which Event this node writes next, and whether it needs the Lease for it. All times are of a clock that nobody sets.

import type { Rejected, RejectedKind } from "../nodes/node.ts";
import { type RefusalEvent, refusalEvent } from "./refusal_event.ts";

/** What is remembered of Events. Only of claims that are refused still. */
export interface Memory {
  readonly seen: ReadonlyMap<string, Known>;
  /** When the last one of a kind was written. */
  readonly writtenMs: ReadonlyMap<RejectedKind, number>;
}

interface Known {
  readonly event: RefusalEvent;
  readonly sinceMs: number;
  /** It stands, whoever wrote it. */
  readonly isTold: boolean;
}

/** Nothing was ever refused. */
export const NOTHING_SEEN: Memory = { seen: new Map(), writtenMs: new Map() };

/** What the decision is made from. */
export interface Sight {
  readonly rejected: readonly Rejected[];
  /** Name of this node. */
  readonly own: string;
  /** Place of this node among the names of all, from 0. */
  readonly rank: number;
  readonly isHolder: boolean;
  readonly nowMs: number;
}

/** What is to be done. */
export interface Decision {
  readonly memory: Memory;
  /** To be written now. */
  readonly due: RefusalEvent | undefined;
  /** Something is to be told of others, and it is this node's turn to ask for the Lease. */
  readonly isLeaseWanted: boolean;
}

/** At most so often an Event of one reason. */
const PACE_MS = 60_000;
/** A cluster in which each Node loses something is told of by a hundred writers a second, not by 5,000. */
const OWN_TURN_MS = 10;
/** Who has an agent of ours has told it itself by then. */
const GRACE_MS = 60_000;
/** So 5,000 nodes are one that asks for the Lease every two seconds. */
const LEASE_TURN_MS = 2_000;
/** Whoever holds the Lease has told it by now. */
const LONGEST_MS = 6 * 3_600_000;
const MOST = 1_000;

/** Decides. */
export function decideEvents(memory: Memory, sight: Sight): Decision {
  const seen = look(memory.seen, sight);
  const pending = [...seen.values()].filter(({ isTold }) => !isTold);
  const isPaced = ({ event: { kind } }: Known) =>
    sight.nowMs - (memory.writtenMs.get(kind) ?? -Infinity) >= PACE_MS;
  const age = ({ sinceMs }: Known) => sight.nowMs - sinceMs;
  const isOwn = ({ event: { node } }: Known) => node === sight.own;
  const own = pending.filter((known) => isOwn(known) && age(known) >= sight.rank * OWN_TURN_MS);
  const others = pending.filter((known) => !isOwn(known) && age(known) >= GRACE_MS);
  const due = [...own, ...(sight.isHolder ? others : [])].find(isPaced);
  return {
    memory: { seen, writtenMs: memory.writtenMs },
    due: due?.event,
    isLeaseWanted: others.some((known) =>
      sight.isHolder || age(known) >= GRACE_MS + sight.rank * LEASE_TURN_MS && age(known) < LONGEST_MS
    ),
  };
}

/** What is refused now, with what was known of it; what this node itself has lost comes first. */
function look(last: Memory["seen"], { rejected, own, nowMs }: Sight): Map<string, Known> {
  const ofOwn = rejected.filter(({ node }) => node === own);
  const seen = new Map<string, Known>();
  for (const refusal of [...ofOwn, ...rejected]) {
    if (seen.size >= MOST) break;
    const event = refusalEvent(refusal);
    if (event !== undefined && !seen.has(event.name)) {
      seen.set(event.name, last.get(event.name) ?? { event, sinceMs: nowMs, isTold: false });
    }
  }
  return seen;
}

/**
 * After an Event was written, or found to be there.
 * @param isOurs false: somebody had written it before, which counts for nobody's pace
 */
export function toldOf(
  { seen, writtenMs }: Memory,
  { name, kind }: RefusalEvent,
  { isOurs, nowMs }: { readonly isOurs: boolean; readonly nowMs: number },
): Memory {
  const known = seen.get(name);
  return {
    seen: known === undefined ? seen : new Map(seen).set(name, { ...known, isTold: true }),
    writtenMs: isOurs ? new Map(writtenMs).set(kind, nowMs) : writtenMs,
  };
}
