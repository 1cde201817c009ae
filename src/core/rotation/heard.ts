// Who sends by the second interface. WireGuard says how much came from a peer, and not why: what a host that does not send
// there lets through is the handshake, which has a stamp, and a keepalive ten seconds after data that it has not answered.

import type { ObservedPeer } from "../observed/observed_state.ts";

/** What reads of a peer, one after the other, say together. */
export interface Heard extends Pick<ObservedPeer, "handshakeSeconds" | "receivedBytes"> {
  /** When something was last seen to have come, or the peer was first seen; of the clock that nobody sets. */
  readonly lastSeconds: number;
  /** When it was read last. */
  readonly readSeconds: number;
  /** How many times in a row, in one session. */
  readonly times: number;
}

/** Less than the ten seconds between keepalives of one that only receives; reads of 5,000 peers are five apart. */
const RUN_SECONDS = 8;
const RUN_TIMES = 3;
/** Who sends there has a keepalive each second (see SENDING_SECONDS in turn.ts): so many of them were lost, or it has left. */
const SILENT_SECONDS = 6;
/** Behind that nobody goes by what he heard before this side fell silent in its turn (RUN_SECONDS). */
const FORGOTTEN_SECONDS = 20;

/** Takes in a read. */
export function hear(
  last: ReadonlyMap<string, Heard> | undefined,
  peers: Iterable<ObservedPeer>,
  nowSeconds: number,
): Map<string, Heard> {
  const next = new Map<string, Heard>();
  for (const { publicKey, handshakeSeconds, receivedBytes } of peers) {
    const before = last?.get(publicKey);
    const now = { handshakeSeconds, receivedBytes, lastSeconds: nowSeconds, readSeconds: nowSeconds };
    const isOneSession = before !== undefined && before.handshakeSeconds === handshakeSeconds &&
      before.receivedBytes <= receivedBytes;
    if (!isOneSession) next.set(publicKey, { ...now, times: 0 });
    else if (before.receivedBytes === receivedBytes) {
      next.set(publicKey, { ...before, readSeconds: nowSeconds });
    } else {
      const isRun = nowSeconds - before.lastSeconds <= RUN_SECONDS;
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

/** True when nothing has come for so long that the peer does not send by this interface. */
export function isSilent(heard: Heard | undefined): boolean {
  return silentSeconds(heard) > SILENT_SECONDS;
}

/** True when nothing has come for so long that the peer will not begin to send either, by what it has heard from here. */
export function isForgotten(heard: Heard | undefined): boolean {
  return silentSeconds(heard) > FORGOTTEN_SECONDS;
}

function silentSeconds(heard: Heard | undefined): number {
  return heard === undefined ? Infinity : heard.readSeconds - heard.lastSeconds;
}
