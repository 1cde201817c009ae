// Which associations a host adds and takes away, from what its kernel has and which nonces are known now. Nothing is remembered but
// what must never be installed twice: the counters of the kernel say how far the other end is (docs/decisions/0060).

import { type Association, associationOf, type End, type Purpose } from "./association.ts";

/** An association as the kernel has it. */
export interface ObservedAssociation {
  readonly spi: number;
  readonly source: string;
  readonly destination: string;
  readonly purpose: Purpose;
  /** Sent, or received and proven. */
  readonly packets: number;
  /** Seconds since 1970. */
  readonly addedSeconds: number;
  /** When its first packet was; 0: never. */
  readonly usedSeconds: number;
  /** What is sent by it can be told, and go in UDP. */
  readonly isMarked?: true;
}

/** The host as its rollover sees it. */
export interface Standing {
  readonly associations: readonly ObservedAssociation[];
  /** Places ({@link placeOf}) that this agent has used since it started, or may have; forgotten at a draw beyond {@link MOST_USED}. */
  readonly used: ReadonlySet<string>;
  /** Those of them that it has emptied itself. */
  readonly retired: ReadonlySet<string>;
  /** Seconds since it last drew a nonce for another node's sake; Infinity: never. */
  readonly patientSeconds: number;
  /** Of the clock that the kernel stamps associations by. */
  readonly wallSeconds: number;
}

/** Two nodes as one of them knows them. */
export interface Pair {
  readonly own: End;
  readonly peer: End;
}

/** What is to be done for one other node. */
export interface Turn {
  readonly peer: End;
  /** In this order: what is received by before what is sent by. */
  readonly added: readonly Association[];
  readonly removed: readonly ObservedAssociation[];
  /** Tell it that it can send, until it does. */
  readonly isGreeted: boolean;
  /** Another nonce of ours is needed: what is missing has been there, or has carried all that it may. */
  readonly isSpent: boolean;
  /** Another one is drawn for its sake: by its words alone, so that is done now and then only. */
  readonly isObliged: boolean;
  /** It says a nonce of before, whose associations are over: it waits for another one. */
  readonly isRetired: boolean;
  /** And until then nothing is received from it, or nothing sent to it. */
  readonly isCut: boolean;
  /** Its associations would have the number of somebody else's: it waits for another nonce. */
  readonly isCrowded: boolean;
}

/** What the kernel knows an association by: SPIs of what is sent to different nodes may be equal. */
export function placeOf({ destination, spi }: Pick<ObservedAssociation, "destination" | "spi">): string {
  return `${destination} ${spi}`;
}

/** That of one that is to be. */
export function placeIn({ to, spi }: Association): string {
  return placeOf({ destination: to.address, spi });
}

/** An association carries so many packets, and another nonce is drawn: half of 2^31, for the other half is sent meanwhile. */
export const MOST_PACKETS = 2 ** 30;
/** Of nodes that are gone, or out of view, at most so many associations stay. */
const MOST_LINGERING = 1_000;
/** What was used is remembered: four for each nonce of each node. Another one is drawn beyond so many. */
export const MOST_USED = 250_000;
/** What was under way when the other end began to send by another one has arrived by then. */
export const GRACE_SECONDS = 15;
/** A Node's words have a nonce drawn at most so often: all others must follow each. */
export const OBLIGED_SECONDS = 600;
/** Of what nobody has sent by, what belongs to so many nonces is kept: a node that draws and draws is not followed beyond. */
export const MOST_GENERATIONS = 8;

/** All four between two ends, as one of them sees them. */
interface Four {
  readonly received: Association;
  readonly sent: Association;
  readonly heard: Association;
  readonly told: Association;
}

/** Four digests for each of thousands would else be in each pass. */
const FOURS = new WeakMap<Pair, Four>();

function fourOf(pair: Pair): Four {
  const { own, peer } = pair;
  const four = FOURS.get(pair) ?? {
    received: associationOf(peer, own, "data"),
    heard: associationOf(peer, own, "greeting"),
    told: associationOf(own, peer, "greeting"),
    sent: associationOf(own, peer, "data"),
  };
  FOURS.set(pair, four);
  return four;
}

/** For so long after one was added the other end is about to follow: greetings, the first packet, the grace. */
const LIVELY_SECONDS = 2 * GRACE_SECONDS;

/** True while counters are to be asked for often: keys roll over, or a node has just come. */
export function isLively({ associations, wallSeconds }: Standing): boolean {
  return associations.some(({ addedSeconds }) => Math.abs(wallSeconds - addedSeconds) < LIVELY_SECONDS);
}

/**
 * What is to be done now.
 * @param own of this host in the eyes of each peer: its address there may differ
 * @param pairs in an order in which the first one keeps a number that two would have
 */
export function rollOver(
  pairs: readonly Pair[],
  standing: Standing,
): { readonly turns: readonly Turn[]; readonly strays: readonly ObservedAssociation[] } {
  const byPair = Map.groupBy(standing.associations, ({ source, destination }) => `${source} ${destination}`);
  const taken = new Map<string, string>(
    standing.associations.map((it) => [placeOf(it), it.source]),
  );
  const turns = pairs.map((pair) => {
    const { own, peer } = pair;
    const [there, here] = [`${own.address} ${peer.address}`, `${peer.address} ${own.address}`];
    const found = [...byPair.get(here) ?? [], ...byPair.get(there) ?? []];
    byPair.delete(here);
    byPair.delete(there);
    const four = fourOf(pair);
    const isCrowded = Object.values(four).some((it) => {
      const holder = taken.get(placeIn(it));
      return holder !== undefined && holder !== it.from.address;
    });
    if (isCrowded) return { ...IDLE, peer, isCrowded, isObliged: mayOblige(standing) };
    for (const it of Object.values(four)) taken.set(placeIn(it), it.from.address);
    return turnOf({ own, peer, four, found }, standing);
  });
  return { turns, strays: lapsed([...byPair.values()].flat(), standing) };
}

/**
 * Who is out of view for a moment, be it by another Node's claim, goes on with the nonce that he has, of which nothing may be installed
 * again: what this process has made stays, as far as it is not too much. Without policies nothing leaves or comes in by it.
 */
function lapsed(
  strays: readonly ObservedAssociation[],
  { used }: Standing,
): readonly ObservedAssociation[] {
  const [ours, others] = [true, false].map((isOurs) =>
    strays.filter((it) => used.has(placeOf(it)) === isOurs)
  );
  const newest = ours!.toSorted((a, b) => b.addedSeconds - a.addedSeconds);
  return [...others!, ...newest.slice(MOST_LINGERING)];
}

function mayOblige({ patientSeconds }: Standing): boolean {
  return patientSeconds >= OBLIGED_SECONDS;
}

const IDLE = {
  added: [],
  removed: [],
  isGreeted: false,
  isSpent: false,
  isObliged: false,
  isRetired: false,
  isCut: false,
  isCrowded: false,
} as const;

interface Found extends Pair {
  readonly four: Four;
  readonly found: readonly ObservedAssociation[];
}

function turnOf({ own, peer, four, found }: Found, host: Standing): Turn {
  const { used, retired, wallSeconds } = host;
  const standing = new Map(found.map((it) => [it.spi, it]));
  const at = ({ spi }: Association) => standing.get(spi);
  const isOwn = ({ spi }: ObservedAssociation) => Object.values(four).some((it) => it.spi === spi);
  const received = at(four.received);
  // The other end sends by it, and needs no greeting any more.
  const isFollowed = (received?.packets ?? 0) > 0;
  const old = found.filter((it) => !isOwn(it));
  const oldSent = old.filter(({ purpose, source }) => purpose === "data" && source === own.address);
  const isAwaited = isFollowed || (at(four.heard)?.packets ?? 0) > 0;
  // Whoever has nothing else to send by loses nothing when the other end is not ready yet.
  const maySend = at(four.sent) !== undefined || isAwaited || oldSent.length === 0;
  const isSettled = isFollowed && at(four.sent) !== undefined;
  const wanted = [
    four.received,
    ...(isSettled ? [] : [four.heard, four.told]),
    ...(maySend ? [four.sent] : []),
  ];
  const missing = wanted.filter((it) => at(it) === undefined);
  const places = missing.map(placeIn);
  const isLost = places.some((place) => used.has(place) && !retired.has(place));
  if (!isLost && places.some((place) => used.has(place))) {
    // Not each word of a Node: this host would draw for it, and all others follow.
    const isCut = [own, peer].some(({ address }) =>
      !found.some(({ purpose, source }) => purpose === "data" && source === address)
    );
    return { ...IDLE, peer, isRetired: true, isCut, isObliged: isCut && mayOblige(host) };
  }
  const isFull = [four.received, four.sent].some((it) => (at(it)?.packets ?? 0) >= MOST_PACKETS);
  const added = isLost ? [] : missing;
  const sends = at(four.sent) !== undefined || added.includes(four.sent);
  const followedSeconds = isFollowed ? wallSeconds - received!.usedSeconds : 0;
  // Below 0: the clock was set back, and would keep the old ones for as long.
  const isOver = followedSeconds > GRACE_SECONDS || followedSeconds < 0;
  return {
    ...IDLE,
    peer,
    added,
    removed: [
      ...(sends ? oldSent : []),
      ...removable(old.filter((it) => !oldSent.includes(it)), isOver, peer),
      ...(isSettled ? found.filter((it) => isOwn(it) && it.purpose === "greeting") : []),
    ],
    isGreeted: !isFollowed,
    isSpent: isLost || isFull || isUnmarked(at(four.sent)),
  };
}

/** Made by this agent, it has been marked: somebody has changed it. */
function isUnmarked(sent: ObservedAssociation | undefined): boolean {
  return sent !== undefined && !sent.isMarked;
}

/** What is received by stays for whoever may still send by it: what he last began with always, which is older than what he never did. */
function removable(
  old: readonly ObservedAssociation[],
  isOver: boolean,
  peer: End,
): readonly ObservedAssociation[] {
  if (isOver) return old;
  const greetings = old.filter(({ purpose, source }) => purpose === "greeting" && source !== peer.address);
  const received = old.filter(({ source }) => source === peer.address)
    .sort((a, b) => b.addedSeconds - a.addedSeconds);
  const live = received.find(({ purpose, packets }) => purpose === "data" && packets > 0);
  return [...greetings, ...received.filter((it) => it !== live).slice(2 * MOST_GENERATIONS)];
}
