// `wg show NAME dump`, poll after poll. Of thousands of lines most say what they said before, in another order each time
// (wireguard-go): they are known by their fingerprints, and no text is made of them. To cut them all into fields only to
// find that out was most of what an agent did at rest, and most of what it left to the collector.

import { Fingerprinter, type Seed } from "../kubernetes/fingerprint.ts";
import type { Now, ObservedPeer, ObservedWireguard } from "./observed_state.ts";
import { parseInterface, parsePeer } from "./parse_network.ts";

const NEWLINE = 10;
const decoder = new TextDecoder();

/** Reads the dumps of one interface, one after the other. What it gives is what `parseWireguard` gives. */
export class DumpReader {
  #value: ObservedWireguard | undefined;
  /** Of the first line of what was read last. */
  #head = NaN;
  /** The peers in it by the fingerprints of their lines. */
  #known: ReadonlyMap<number, ObservedPeer> = new Map();

  readonly #prints: Fingerprinter;

  constructor(seed: Seed) {
    this.#prints = new Fingerprinter(seed);
  }

  /**
   * Reads a dump, in which no peer stands twice.
   * @param last the previous state; the identical one is returned where the dump says nothing new
   * @throws SyntaxError when a line has not the fields that wg prints
   */
  read(dump: Uint8Array, last: ObservedWireguard | undefined, now: Now): ObservedWireguard {
    if (last !== undefined && last === this.#value && this.#isKnown(dump, last.peers.size)) return last;
    const head = endOfLine(dump, 0);
    const peers = new Map<string, ObservedPeer>();
    const known = new Map<number, ObservedPeer>();
    for (let at = head + 1, end = at; at < dump.length; at = end + 1) {
      end = endOfLine(dump, at);
      if (end === at) continue;
      const print = this.#prints.of(dump, at, end);
      const before = this.#known.get(print);
      // A step of ours may have changed since what is known of it.
      const isKnown = before !== undefined && last?.peers.get(before.publicKey) === before;
      const peer = isKnown ? before : parsePeer(textOf(dump, at, end), last, now);
      peers.set(peer.publicKey, peer);
      if (isFinal(peer)) known.set(print, peer);
    }
    this.#value = { ...parseInterface(textOf(dump, 0, head)), peers };
    this.#head = this.#prints.of(dump, 0, head);
    this.#known = known;
    return this.#value;
  }

  /** True when the dump says what the last one said, in whatever order, of so many peers. Makes nothing. */
  #isKnown(dump: Uint8Array, count: number): boolean {
    const head = endOfLine(dump, 0);
    if (this.#prints.of(dump, 0, head) !== this.#head) return false;
    let lines = 0;
    for (let at = head + 1, end = at; at < dump.length; at = end + 1, lines++) {
      end = endOfLine(dump, at);
      if (!this.#known.has(this.#prints.of(dump, at, end))) return false;
    }
    return lines === count;
  }
}

/** The same line says nothing new of it. Else: what moved is not its own until more packets come (follow_peer.ts). */
function isFinal({ isRoamed, isProven }: ObservedPeer): boolean {
  return isRoamed === isProven;
}

function endOfLine(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(NEWLINE, from);
  return end < 0 ? bytes.length : end;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}
