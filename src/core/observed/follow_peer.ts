// What two reads of a peer, one after the other, say together: whether it moved by itself, whether it answers.

import type { Choice, Now, ObservedPeer, Silence } from "./observed_state.ts";

/** A session is at most this old while both sides live (WireGuard's REJECT_AFTER_TIME). */
export const SESSION_SECONDS = 180;
/**
 * Who tries sends more often than this: handshakes go out every five seconds for ninety, and where packets are waiting
 * again fifteen seconds later.
 */
export const PAUSE_SECONDS = 20;

/** What one read shows. */
export type Sight = Pick<
  ObservedPeer,
  "endpoint" | "handshakeSeconds" | "receivedBytes" | "sentBytes"
>;

/** What is known by comparison. */
export type Followed = Pick<
  ObservedPeer,
  "aliveSeconds" | "isRoamed" | "foundSeconds" | "isProven" | "silence" | "choice"
>;

/** Compares a peer with what it was; `clocks` is when it was read. */
export function followPeer(last: ObservedPeer | undefined, now: Sight, clocks: Now): Followed {
  const { steadySeconds } = clocks;
  const aliveSeconds = aliveSince(last, now.handshakeSeconds, clocks);
  if (last === undefined) {
    // A session that lives is where it is for a good reason.
    const isAlive = steadySeconds - aliveSeconds < SESSION_SECONDS;
    return {
      aliveSeconds,
      isRoamed: isAlive,
      foundSeconds: steadySeconds,
      isProven: isAlive,
      silence: undefined,
      choice: undefined,
    };
  }
  const isHeard = now.receivedBytes > last.receivedBytes || now.handshakeSeconds !== last.handshakeSeconds;
  const isThere = last.endpoint === now.endpoint;
  return {
    aliveSeconds,
    ...(last.foundSeconds === undefined ? {} : { foundSeconds: last.foundSeconds }),
    ...roaming(last, now),
    silence: isHeard || !isThere ? undefined : silenceOf(last, now, steadySeconds),
    choice: isThere ? answered(last.choice, isHeard) : undefined,
  };
}

/** Of a handshake that was there at the first look its stamp alone tells; one from the future tells nothing. */
function aliveSince(last: ObservedPeer | undefined, handshakeSeconds: number, now: Now): number {
  if (handshakeSeconds === 0) return -Infinity;
  if (last === undefined) return now.steadySeconds - Math.max(0, now.wallSeconds - handshakeSeconds);
  return last.handshakeSeconds === handshakeSeconds ? last.aliveSeconds : now.steadySeconds;
}

/**
 * An endpoint that moved while packets came may have moved with them, or have been set by somebody in the same second.
 * Where it stays while more packets come it is the peer's own, for each of them would have moved it; a handshake says it at once.
 */
function roaming(last: ObservedPeer, now: Sight): Pick<ObservedPeer, "isRoamed" | "isProven"> {
  const isHeard = now.receivedBytes > last.receivedBytes;
  if (last.endpoint !== now.endpoint) {
    return { isRoamed: isHeard, isProven: isHeard && now.handshakeSeconds !== last.handshakeSeconds };
  }
  const isProven = last.isRoamed && (last.isProven || isHeard);
  return { isRoamed: isProven, isProven };
}

/** After a pause it begins anew: what was not answered long ago says nothing of now. */
function silenceOf(last: ObservedPeer, now: Sight, steadySeconds: number): Silence | undefined {
  if (now.sentBytes <= last.sentBytes) return last.silence;
  const isPause = last.silence === undefined || steadySeconds - last.silence.lastSeconds > PAUSE_SECONDS;
  return { sinceSeconds: isPause ? steadySeconds : last.silence!.sinceSeconds, lastSeconds: steadySeconds };
}

function answered(choice: Choice | undefined, isHeard: boolean): Choice | undefined {
  return choice === undefined || choice.isAnswered || !isHeard ? choice : { ...choice, isAnswered: true };
}
