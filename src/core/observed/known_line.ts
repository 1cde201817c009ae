// Whether a line of `wg show NAME dump` says of a peer what is known of it. Of thousands most do, poll after poll: to cut them
// into fields only to find that out was most of what an agent did at rest, and most of what it left to the collector.

import type { ObservedPeer } from "./observed_state.ts";

const NONE = "(none)";
const OFF = "off";
const TAB = 9;
const NEWLINE = 10;
const ZERO = 48;
const NINE = 57;

/**
 * Where the line of a peer ends that stands from `at` on, behind its newline.
 * @returns -1 when it says anything else, and where a read like the last one says something new: what moved is not its own
 * until more packets come (follow_peer.ts)
 */
export function endOfKnown(dump: string, at: number, last: ObservedPeer): number {
  if (last.hasPresharedKey || last.isRoamed !== last.isProven) return -1;
  let end = pastText(dump, at, last.publicKey);
  end = pastText(dump, end, NONE);
  end = pastText(dump, end, last.endpoint ?? NONE);
  end = pastText(dump, end, last.allowedIps || NONE);
  end = pastNumber(dump, end, last.handshakeSeconds);
  end = pastNumber(dump, end, last.receivedBytes);
  end = pastNumber(dump, end, last.sentBytes);
  end = last.keepaliveSeconds === 0 ? past(dump, end, OFF) : endOfNumber(dump, end, last.keepaliveSeconds);
  return end >= 0 && dump.charCodeAt(end) === NEWLINE ? end + 1 : -1;
}

function pastText(dump: string, at: number, text: string): number {
  return pastTab(dump, past(dump, at, text));
}

function pastNumber(dump: string, at: number, value: number): number {
  return pastTab(dump, endOfNumber(dump, at, value));
}

function past(dump: string, at: number, text: string): number {
  return at >= 0 && dump.startsWith(text, at) ? at + text.length : -1;
}

function pastTab(dump: string, at: number): number {
  return at >= 0 && dump.charCodeAt(at) === TAB ? at + 1 : -1;
}

function endOfNumber(dump: string, at: number, value: number): number {
  if (at < 0) return -1;
  let number = 0;
  let end = at;
  for (;; end++) {
    const code = dump.charCodeAt(end);
    if (!(code >= ZERO && code <= NINE)) break;
    number = number * 10 + code - ZERO;
  }
  return end > at && number === value ? end : -1;
}
