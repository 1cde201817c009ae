// Peers that were found to be as they are wanted, of thousands the most, each few seconds. Where nothing has changed since,
// the same value was read: then it need not be found out again, unless the time that has passed is a reason to change something.

import type { Peer } from "../desired/desired_state.ts";
import type { ObservedPeer } from "../observed/observed_state.ts";
import { settledFrom } from "./choose_endpoint.ts";

type Found = ReadonlyMap<string, ObservedPeer>;

/** What decides over peers, beside what they are. */
export interface Moment {
  /** How often this host's own Node says that it sends, in seconds. */
  readonly own: number | undefined;
  readonly steadySeconds: number;
}

interface Finding {
  readonly peers: readonly Peer[];
  readonly own: number | undefined;
  /** So long it holds. */
  readonly untilSeconds: number;
}

const FINDINGS = new WeakMap<Found, Finding>();
/** Less than from one read to the next, of up to so many peers; of more in proportion (watch_host.ts). */
const MOMENT_SECONDS = 0.9;
const PEERS_PER_MOMENT = 1_000;
const NOBODY: readonly Peer[] = [];

/** The peers that were found to be as wanted in the same value, where that still holds. */
export function foundAsWanted(found: Found, { own, steadySeconds }: Moment): readonly Peer[] {
  const finding = FINDINGS.get(found);
  return finding !== undefined && finding.own === own && steadySeconds < finding.untilSeconds
    ? finding.peers
    : NOBODY;
}

/** Notes that these peers, and no others, are there as they are wanted. */
export function noteAsWanted(found: Found, peers: readonly Peer[], { own, steadySeconds }: Moment): void {
  const isForGood = found.values().every((has) => steadySeconds > settledFrom(has));
  const momentSeconds = MOMENT_SECONDS * Math.max(1, found.size / PEERS_PER_MOMENT);
  const untilSeconds = isForGood ? Infinity : steadySeconds + momentSeconds;
  FINDINGS.set(found, { peers, own, untilSeconds });
}
