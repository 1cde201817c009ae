// Where a peer's packets shall go. Decided from what is observed: no write without a reason that shows on the host, and
// none at all where a session lives. docs/decisions/0017 has the reasons.

import type { Peer } from "../desired/desired_state.ts";
import { PAUSE_SECONDS, SESSION_SECONDS } from "../observed/follow_peer.ts";
import type { ObservedPeer } from "../observed/observed_state.ts";

/** Three handshakes that nobody answers: they are 5.0 to 5.4 s apart, and the first is seen up to two seconds late. */
const UNANSWERED_SECONDS = 8;
/** Where a session lives, packets without answer are answered by a keepalive ten seconds later. */
const UNANSWERED_IN_SESSION_SECONDS = 15;
/** Most NATs forget UDP that is silent for 30 s (RFC 4787 asks for two minutes, at least). */
export const NAT_KEEPALIVE_SECONDS = 25;

/** A packet of the peer that is on its way takes an endpoint back; a peer that is to send from there does it for good. */
const INSISTENCE_SECONDS = 30;

/** True while a session lives. */
export function isFresh({ aliveSeconds }: ObservedPeer, steadySeconds: number): boolean {
  return steadySeconds - aliveSeconds < SESSION_SECONDS;
}

/** True when this host sends, and nothing comes back. */
function isUnanswered(has: ObservedPeer, steadySeconds: number): boolean {
  const { silence } = has;
  if (silence === undefined || steadySeconds - silence.lastSeconds > PAUSE_SECONDS) return false;
  const limit = isFresh(has, steadySeconds) ? UNANSWERED_IN_SESSION_SECONDS : UNANSWERED_SECONDS;
  return silence.lastSeconds - silence.sinceSeconds >= limit;
}

/** The endpoint that a peer shall have; the one that it has where nothing speaks against it. */
export function endpointFor(peer: Peer, has: ObservedPeer, steadySeconds: number): string | undefined {
  const { candidates } = peer;
  const [first] = candidates;
  if (first === undefined || has.endpoint === undefined) return has.endpoint ?? first;
  if (isOutdated(peer, has, steadySeconds)) return first;
  const place = candidates.indexOf(has.endpoint);
  if (place < 0) {
    const stays = has.choice?.preferred === first
      ? isBelieved(has, steadySeconds)
      : isElsewhere(peer, has, steadySeconds);
    return stays ? has.endpoint : first;
  }
  const isSessionAlive = isFresh(has, steadySeconds);
  if (has.choice === undefined ? place > 0 && has.handshakeSeconds === 0 : has.choice.preferred !== first) {
    return first;
  }
  const isOnTrial = has.choice?.isAnswered === false;
  if (isUnanswered(has, steadySeconds) && (!isSessionAlive || isOnTrial)) {
    return candidates[(place + 1) % candidates.length];
  }
  return isForsaken(has, steadySeconds) ? first : has.endpoint;
}

/** An endpoint that was set under another WG_IP_FAMILY, before this agent began. */
function isOutdated({ excluded = [] }: Peer, has: ObservedPeer, steadySeconds: number): boolean {
  const { endpoint, foundSeconds = -Infinity } = has;
  return excluded.includes(endpoint!) && steadySeconds - foundSeconds < INSISTENCE_SECONDS;
}

/**
 * A peer that was seen where its Node does not say: it moved by itself, or a name tells where and is not resolved. It
 * stays while it lives, and also when it is only idle.
 */
function isElsewhere({ isUnresolved }: Peer, has: ObservedPeer, steadySeconds: number): boolean {
  if (has.handshakeSeconds === 0 || !has.isRoamed && isUnresolved !== true) return false;
  return isFresh(has, steadySeconds) || !isUnanswered(has, steadySeconds);
}

/** Where a peer was seen, and where it was put again when the interface was made anew. */
function isBelieved(has: ObservedPeer, steadySeconds: number): boolean {
  return !isUnanswered(has, steadySeconds) && !isForsaken(has, steadySeconds);
}

/** An endpoint on trial at which nothing was heard and to which nothing is sent any more, or cannot be sent at all. */
function isForsaken({ choice, silence }: ObservedPeer, steadySeconds: number): boolean {
  if (choice === undefined || choice.isAnswered) return false;
  return steadySeconds - Math.max(choice.sinceSeconds, silence?.lastSeconds ?? -Infinity) > PAUSE_SECONDS;
}

/**
 * The second behind which the passing of time alone changes nothing of what is chosen here for a peer: all limits of this
 * file lie behind it.
 */
export function settledFrom(
  { aliveSeconds, foundSeconds = -Infinity, silence, choice }: ObservedPeer,
): number {
  const triedSeconds = choice === undefined || choice.isAnswered ? -Infinity : choice.sinceSeconds;
  return Math.max(
    aliveSeconds + SESSION_SECONDS,
    foundSeconds + INSISTENCE_SECONDS,
    Math.max(triedSeconds, silence?.lastSeconds ?? -Infinity) + PAUSE_SECONDS,
  );
}

/**
 * How often to send to a peer, in seconds; 0: never by itself.
 * @param own what this host's own Node says: it is the one behind a NAT then
 * @param endpoint the one that the peer is to have
 */
export function keepaliveFor(
  peer: Peer,
  has: ObservedPeer,
  { own, endpoint }: { readonly own: number | undefined; readonly endpoint: string | undefined },
): number {
  if (own !== undefined) return own;
  const isMoved = endpoint !== undefined && endpoint === has.endpoint && !peer.candidates.includes(endpoint);
  const isAnswered = has.choice?.isAnswered === true;
  if (!isMoved || !(has.isRoamed || isAnswered) || has.handshakeSeconds === 0) return 0;
  // While it is not certain, nothing is changed.
  const isCertain = (has.isProven || isAnswered) && peer.isUnresolved !== true;
  return isCertain || has.keepaliveSeconds === NAT_KEEPALIVE_SECONDS ? NAT_KEEPALIVE_SECONDS : 0;
}
