// Handshakes that met on the way. WireGuard has one handshake per peer: who is asked while it waits for an answer forgets
// its own question, so that two who ask at once both get an answer to what they have forgotten, and ask again 5 s later.

import { parseWireguard } from "./parse_network.ts";
import type { ObservedPeer } from "./observed_state.ts";

const EVER = { wallSeconds: 0, steadySeconds: 0 };

/**
 * Peers that have asked, and with which there is no session yet, or one that hears nothing: each is to be forgotten and
 * added anew, which begins a handshake at once. One side does it, that of the lower key, or the new ones would cross as well.
 * @param dump of `wg show NAME dump`, a while after the handshakes were begun
 * @returns for each peer, in order of the dump, arguments of `wg set NAME`
 * @throws SyntaxError when a line has not the fields that wg prints
 */
export function renewalsOf(dump: string, greeted: ReadonlySet<string>): string[][] {
  const { publicKey: own, peers } = parseWireguard(dump, undefined, EVER);
  return [...peers.values()]
    .filter((peer) =>
      greeted.has(peer.publicKey) && own < peer.publicKey && isRenewable(peer) &&
      (isCrossed(peer) || isDeaf(peer))
    )
    .map(renewal);
}

/** The same of those alone with which there is a session that hears nothing, by whichever side: the other may know nothing of it. */
export function deafRenewalsOf(dump: string, greeted: ReadonlySet<string>): string[][] {
  const { peers } = parseWireguard(dump, undefined, EVER);
  return [...peers.values()]
    .filter((peer) => greeted.has(peer.publicKey) && isRenewable(peer) && isDeaf(peer))
    .map(renewal);
}

/** Anew it would stand without its preshared key, for whoever has the private one alone: WireGuard's own 5 s end it, or 15. */
function isRenewable({ hasPresharedKey }: ObservedPeer): boolean {
  return !hasPresharedKey;
}

/** What came was a valid handshake: nothing else is counted before there is a session. */
function isCrossed({ handshakeSeconds, receivedBytes, endpoint }: ObservedPeer): boolean {
  return handshakeSeconds === 0 && receivedBytes > 0 && endpoint !== undefined;
}

const QUESTION_BYTES = 148;
const ANSWER_BYTES = 92;

/**
 * A question and an answer came, and nothing more: wireguard-go (all versions to 2026) looks at an answer while it takes in a
 * question, forgets by the one under which number it is to be reached, and keeps the session of the other. It sends by that,
 * and what is sent to it finds nobody, for the 15 s after which it asks again.
 */
function isDeaf({ handshakeSeconds, receivedBytes, endpoint }: ObservedPeer): boolean {
  return handshakeSeconds !== 0 && receivedBytes === QUESTION_BYTES + ANSWER_BYTES && endpoint !== undefined;
}

/** As it is. A keepalive that is turned on sends a packet at once. */
function renewal({ publicKey, endpoint, allowedIps, keepaliveSeconds }: ObservedPeer): string[] {
  const peer = ["peer", publicKey];
  const place = ["endpoint", endpoint!, "allowed-ips", allowedIps];
  const keepalive = (value: string | number) => ["persistent-keepalive", String(value)];
  return [
    ...peer,
    "remove",
    ...peer,
    ...place,
    ...keepalive(keepaliveSeconds || 25),
    ...(keepaliveSeconds === 0 ? [...peer, ...keepalive("off")] : []),
  ];
}
