// Who sends by the second interface. WireGuard says how much came from a peer, and not why: what a host that does not send
// there lets through is the handshake, which has a stamp, and a keepalive ten seconds after data that it has not answered.

import { SESSION_SECONDS } from "../observed/follow_peer.ts";
import type { ObservedPeer } from "../observed/observed_state.ts";

/** What reads of a peer, one after the other, say together. */
export interface Heard extends Pick<ObservedPeer, "handshakeSeconds" | "receivedBytes"> {
  /** When something was last seen to have come, or the peer was first seen; of the clock that nobody sets. */
  readonly lastSeconds: number;
  /** When this host was last seen to tell the peer that it sends there (see SENDING_SECONDS); -Infinity: never. */
  readonly toldSeconds: number;
  /** When it was read last. */
  readonly readSeconds: number;
  /** How many times in a row; a session that is renewed says nothing by itself, and takes nothing back. */
  readonly times: number;
}

/** Less than the ten seconds between keepalives of one that only receives; reads of 5,000 peers are five apart. */
const RUN_SECONDS = 8;
const RUN_TIMES = 3;
/** Who sends there has a keepalive each second or two: so many of them were lost, or it has left. */
const SILENT_SECONDS = 6;
/** More than ANSWERING_SECONDS, and than the ten behind which one answers that only receives, seen by reads that are five apart. */
const ANSWER_SECONDS = 20;
/** Of whom nothing has come in that time nobody has a session: the key is another's, whoever says it. */
const UNMET_SECONDS = 20;
/** For as long as equal repairs are counted (docs/decisions/0045). */
const TOLD_SECONDS = 60;
/**
 * Seconds between keepalives to who is sent to by the second interface: it must hear that. Whatever is received puts the next keepalive
 * off: of two that send, and have nothing to say, the one that has to hear the other is the slower.
 */
export const SENDING_SECONDS = { heard: 1, hearing: 2 } as const;
/** To who is not sent to yet: who cannot be reached is asked again and again. */
export const ASKING_SECONDS = 25;
/** To who is to lead: he waits for more than a handshake, and it is no run (RUN_SECONDS). */
export const ANSWERING_SECONDS = 12;

/** Takes in a read. */
export function hear(
  last: ReadonlyMap<string, Heard> | undefined,
  peers: Iterable<ObservedPeer>,
  nowSeconds: number,
): Map<string, Heard> {
  const next = new Map<string, Heard>();
  for (const { publicKey, handshakeSeconds, receivedBytes, keepaliveSeconds } of peers) {
    const before = last?.get(publicKey);
    const isTold = keepaliveSeconds > 0 && keepaliveSeconds <= SENDING_SECONDS.hearing;
    const toldSeconds = isTold ? nowSeconds : before?.toldSeconds ?? -Infinity;
    const now = {
      ...{ handshakeSeconds, receivedBytes, toldSeconds },
      ...{ lastSeconds: nowSeconds, readSeconds: nowSeconds },
    };
    const isNew = before === undefined || before.receivedBytes > receivedBytes;
    const silentSeconds = isNew ? Infinity : nowSeconds - before.lastSeconds;
    const isRun = silentSeconds <= RUN_SECONDS;
    if (isNew) next.set(publicKey, { ...now, times: 0 });
    else if (before.handshakeSeconds !== handshakeSeconds) {
      // Tries of a handshake have come in its place where the last session is over.
      const isRenewed = handshakeSeconds - before.handshakeSeconds < SESSION_SECONDS;
      const most = !isRenewed || silentSeconds > ANSWER_SECONDS ? 0 : isRun ? Infinity : 1;
      next.set(publicKey, { ...now, times: Math.min(most, before.times) });
    } else if (before.receivedBytes === receivedBytes) {
      next.set(publicKey, { ...before, toldSeconds, readSeconds: nowSeconds });
    } else {
      next.set(publicKey, { ...now, times: isRun ? before.times + 1 : 1 });
    }
  }
  return next;
}

/** True when the peer certainly sends by this interface. */
export function isSending(heard: Heard | undefined): boolean {
  return heard !== undefined && heard.times >= RUN_TIMES &&
    heard.readSeconds - heard.lastSeconds <= RUN_SECONDS;
}

/** True when the peer is not cut off, and has this host as a peer for longer than a handshake takes. */
export function isAnswering(heard: Heard | undefined): boolean {
  return heard !== undefined && heard.times > 0 && heard.readSeconds - heard.lastSeconds <= ANSWER_SECONDS;
}

/** True when the peer does not send by this interface: nothing has come, although nothing of this host has put its keepalives off. */
export function hasLeft(heard: Heard | undefined): boolean {
  return quietSeconds(heard) > SILENT_SECONDS;
}

/** True when this host has told the peer so not long ago. */
export function wasTold(heard: Heard | undefined): boolean {
  return heard !== undefined && heard.readSeconds - heard.toldSeconds <= TOLD_SECONDS;
}

/** True when nothing has ever come, for so long that nobody there has a session by which he might begin to send. */
export function isUnmet(heard: Heard | undefined): boolean {
  return heard === undefined || heard.receivedBytes === 0 && quietSeconds(heard) > UNMET_SECONDS;
}

function quietSeconds(heard: Heard | undefined): number {
  return heard === undefined ? Infinity : heard.readSeconds - Math.max(heard.lastSeconds, heard.toldSeconds);
}
