// Which way goes to whom while keys rotate, and what this host's own rotation does next. All is read off the host: key files,
// both interfaces, routes; an agent that starts anew decides alike (docs/decisions/0050).

import type { DesiredRotation, DesiredState, RotationPeer, Waiting } from "../desired/desired_state.ts";
import type { Family } from "../net/address.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { isFresh } from "../plan/choose_endpoint.ts";
import {
  ANSWERING_SECONDS,
  ASKING_SECONDS,
  hasLeft,
  type Heard,
  isAnswering,
  isSending,
  SENDING_SECONDS,
} from "./heard.ts";
import { withLeaving } from "./leaving.ts";
import { nextEndpoint } from "./names.ts";
import { waitingOf } from "./turn_waiting.ts";

/** What the key files are moved on to. */
export type KeyMove = "begin" | "takeOver" | "end";

/** Where a rotation of this host's own key stands. */
export interface OwnTurn {
  /** `announced`: the others come over to the next key; `returning`: it is this host's key, and they go back with it. */
  readonly stage: "announced" | "returning";
  readonly nextKey: string;
  /** Names of Nodes that have not come along yet, in order. */
  readonly awaited: readonly string[];
}

/** What is to be done about rotations now. */
export interface Turn {
  /** Who is a peer on the second interface; nobody, and none is wanted: it goes, unless it lingers. */
  readonly members: readonly RotationPeer[];
  /** It stays although nobody is a peer there, unless this host's key is to rotate next: it has one key. */
  readonly lingers: boolean;
  /** Peers, by the key of the second interface, that this host sends to by it. */
  readonly carried: ReadonlySet<string>;
  /** Seconds between keepalives on the second interface, by its keys. */
  readonly keepalives: ReadonlyMap<string, number>;
  /** Peers, by the key of the first interface, that go back to it once it has a session with them. */
  readonly returning: ReadonlySet<string>;
  /** The first interface is about to have the next key: who is carried must leave it before. */
  readonly isSwapping: boolean;
  readonly own: OwnTurn | undefined;
  readonly move: KeyMove | undefined;
  readonly waiting: readonly Waiting[];
}

const NOBODY: ReadonlySet<string> = new Set();
const AT_REST = {
  carried: NOBODY,
  keepalives: new Map<string, number>(),
  returning: NOBODY,
  lingers: false,
  isSwapping: false,
  own: undefined,
  move: undefined,
};
/** A Node that announces now and then would have all others make the second interface each time: so long each one stands. */
const SHORTEST_LIFE_SECONDS = 30;

/** What is known when it is decided. */
interface Scene {
  readonly rotation: DesiredRotation;
  readonly observed: ObservedState;
  readonly living: ReadonlySet<Family>;
  readonly nowSeconds: number;
  /** Our rules are those that know the second interface: another's table, or an older agent's, drops what goes by it. */
  readonly isLetThrough: boolean;
  /** Of the first interface; undefined: it has none yet. */
  readonly mainKey: string | undefined;
  /** This host's next key is not its key yet, and the others know it. */
  readonly isAnnounced: boolean;
  /** They do not: then it goes back to the first interface, and nobody's session on the second one says anything. */
  readonly isDisbelieved: boolean;
}

/** Decides. */
export function turnOf(desired: DesiredState, observed: ObservedState, nowSeconds: number): Turn {
  const { rotation, link } = desired;
  const members = withLeaving(desired, observed);
  if (link === undefined || !rotation.isOn && members.length === 0) {
    const move = mayBegin(desired, observed) ? "begin" : undefined;
    const lingers = link !== undefined && !rotation.isDue && isYoung(observed, nowSeconds);
    return { ...AT_REST, members, lingers, move, waiting: waitingOf(desired, { members }) };
  }
  const { nextKey, disbelief } = rotation;
  const mainKey = observed.link === undefined ? undefined : observed.wireguard?.publicKey;
  const isOver = link.publicKey === nextKey;
  // Once it is in the key file there is no way back: who does not believe it yet is about to hear it.
  const isDisbelieved = disbelief !== undefined && !isOver;
  const isAnnounced = nextKey !== undefined && mainKey !== nextKey && !isDisbelieved;
  const living = livingFamilies(observed);
  const isLetThrough = observed.table !== undefined && observed.table.structure === observed.reference;
  const scene: Scene = {
    ...{ rotation, observed, living, nowSeconds, isLetThrough },
    ...{ mainKey, isAnnounced, isDisbelieved },
  };
  const sentTo = members.filter((peer) => isCarried(peer, scene));
  const carried = new Set<string>(sentTo.map(({ publicKey }) => publicKey));
  const keepalives = new Map<string, number>(
    members.map((peer) => [peer.publicKey, keepaliveTo(peer, carried, scene)]),
  );
  const returning = new Set<string>(
    sentTo.filter((peer) => isGoingBack(peer, scene)).map(({ mainKey }) => mainKey),
  );
  const isSwapping = isAnnounced && isOver && isTold(desired);
  if (nextKey === undefined) {
    return { ...AT_REST, members, carried, keepalives, returning, waiting: waitingOf(desired, { members }) };
  }
  const test = mainKey === nextKey ? hasReturned : hasCome;
  const awaited = rotation.peers.filter((peer) => !members.includes(peer) || !test(peer, carried, scene));
  const own: OwnTurn = {
    stage: isOver ? "returning" : "announced",
    nextKey,
    awaited: awaited.map(({ node }) => node),
  };
  const isComplete = awaited.length === 0 && desired.spared === undefined;
  const move = isComplete ? moveOf(desired, { isAnnounced, isOver }) : undefined;
  return {
    ...{ members, carried, keepalives, returning, lingers: false, isSwapping, own, move },
    waiting: waitingOf(desired, { members, own }),
  };
}

function moveOf(
  desired: DesiredState,
  { isAnnounced, isOver }: Pick<Scene, "isAnnounced"> & { readonly isOver: boolean },
): KeyMove | undefined {
  if (!isOver) return isAnnounced ? "takeOver" : undefined;
  return !isAnnounced && isTold(desired) ? "end" : undefined;
}

/** Our Node says the key that the file has. */
function isTold({ link }: DesiredState): boolean {
  return link?.publicKey !== undefined && link.publishedKey === link.publicKey;
}

/** Only where nobody else is known to rotate, and nothing is left of it: the second interface has one key. */
function mayBegin(desired: DesiredState, { wireguard, second }: ObservedState): boolean {
  const { link, rotation, spared } = desired;
  return rotation.isDue && rotation.obstacle === undefined && !rotation.isStanding && second === undefined &&
    spared === undefined && isTold(desired) && wireguard?.publicKey === link?.publicKey;
}

function isYoung({ second }: ObservedState, nowSeconds: number): boolean {
  return second?.link?.isNext === true && nowSeconds - second.sinceSeconds < SHORTEST_LIFE_SECONDS;
}

/**
 * A session there says that the other side has this host as a peer there: it takes what comes by it. Not where somebody has taken
 * the interface out of our group: rules do not know it any more.
 */
function hasSession(peer: RotationPeer, { observed: { second }, rotation, nowSeconds }: Scene): boolean {
  const wireguard = second?.wireguard;
  const { link } = second ?? {};
  if (link?.isUp !== true || link.isNext !== true) return false;
  if (wireguard?.publicKey !== rotation.link?.publicKey) return false;
  const has = wireguard?.peers.get(peer.publicKey);
  return has !== undefined && has.allowedIps === peer.allowedIps && !isOfFirst(peer, has) &&
    has.handshakeSeconds !== 0 && isFresh(has, nowSeconds);
}

/** It was the other side's first interface that somebody has led here: there this host's next key is another's, or nobody's. */
function isOfFirst({ candidates }: RotationPeer, { endpoint }: ObservedPeer): boolean {
  return endpoint !== undefined && candidates.includes(nextEndpoint(endpoint));
}

/**
 * By its entry with the key of now; both are new when a key is, so that its handshake is of these keys. Nothing keeps a session by which
 * nothing is sent: who is sent to by the second interface waits for another one.
 */
function hasWayBack(peer: RotationPeer, scene: Scene): boolean {
  const has = scene.observed.wireguard?.peers.get(peer.mainKey);
  if (has === undefined || has.handshakeSeconds === 0) return false;
  const { living, observed, nowSeconds } = scene;
  return isFresh(has, nowSeconds) || !waysTo(peer, living).some((way) => areTaken([way], observed));
}

function isCarried(peer: RotationPeer, scene: Scene): boolean {
  if (!hasSession(peer, scene)) return false;
  const { isDisbelieved } = scene;
  if (hasGoneBack(peer, scene)) return false;
  // Whatever is said or heard meanwhile: who rotates counts on it.
  if (isOnItsWay(peer, scene)) return true;
  if (isDisbelieved || peer.isLeaving || !scene.isLetThrough) return false;
  // Of who leads too: his first handshake may have met an entry that was about to go.
  const heard = heardOf(peer, scene);
  return leads(peer, scene) ? isAnswering(heard) : isSending(heard);
}

/** Neither side has a key to give up any more. */
function isGoingBack(peer: RotationPeer, { isAnnounced }: Scene): boolean {
  return !isAnnounced && !peer.isAnnounced;
}

/** And it need not be sent to by the second interface any more. */
function hasGoneBack(peer: RotationPeer, scene: Scene): boolean {
  return isGoingBack(peer, scene) && hasWayBack(peer, scene);
}

/** Who has nothing to give up goes first, of two that rotate the one of the lower key; the other follows when it hears that. */
function leads(peer: RotationPeer, { isAnnounced, mainKey }: Scene): boolean {
  return !isAnnounced || peer.isAnnounced && mainKey !== undefined && mainKey < peer.mainKey;
}

/**
 * Who is sent to hears it once no family goes by the first interface any more; who is to lead hears that this host is there. Behind
 * all that nobody keeps the session: of many one would always be heard.
 */
function keepaliveTo(peer: RotationPeer, carried: ReadonlySet<string>, scene: Scene): number {
  if (hasGoneBack(peer, scene)) return 0;
  const { isAnnounced, living, observed } = scene;
  const isLeading = leads(peer, scene);
  if (!carried.has(peer.publicKey) || !areTaken(waysTo(peer, living), observed)) {
    return isLeading ? ASKING_SECONDS : ANSWERING_SECONDS;
  }
  const isHearing = isAnnounced && (!peer.isAnnounced || isLeading);
  return isHearing ? SENDING_SECONDS.hearing : SENDING_SECONDS.heard;
}

function heardOf({ publicKey }: RotationPeer, { observed: { second } }: Scene): Heard | undefined {
  return second?.heard.get(publicKey);
}

/** What is sent to it goes by the second interface already. */
function isOnItsWay(peer: RotationPeer, { observed, living }: Scene): boolean {
  const ways = waysTo(peer, living);
  return ways.length > 0 && areTaken(ways, observed);
}

function areTaken(ways: RotationPeer["routes"], { routes }: ObservedState): boolean {
  return ways.every(({ family, text }) => routes[family].has(text));
}

/** Without a family that is switched off: nothing is sent. */
function waysTo({ routes }: RotationPeer, living: ReadonlySet<Family>): RotationPeer["routes"] {
  return routes.filter(({ family }) => living.has(family));
}

/** Those of which the host has any route at all. Once a turn: of 5,000 nodes it has 20,000. */
function livingFamilies({ routes }: ObservedState): ReadonlySet<Family> {
  const leads = (text: string) => !text.startsWith("unreachable ");
  return new Set(([4, 6] as const).filter((family) => routes[family].values().some(leads)));
}

/** Nothing comes from it by the key that is to go, nor is anything sent to it there. */
function hasCome(peer: RotationPeer, carried: ReadonlySet<string>, scene: Scene): boolean {
  if (!carried.has(peer.publicKey)) return false;
  const isSentTo = isOnItsWay(peer, scene);
  const isIdle = waysTo(peer, scene.living).length === 0;
  // Who follows has heard it before; another that rotates says nothing that it does not put off by what it says itself.
  if (isSentTo && !leads(peer, scene)) return peer.isAnnounced || isAnswering(heardOf(peer, scene));
  return (isSentTo || isIdle) && isSending(heardOf(peer, scene));
}

/** Nothing goes by the second interface any more, in either direction; who is not there any more is not waited for. */
function hasReturned(peer: RotationPeer, carried: ReadonlySet<string>, scene: Scene): boolean {
  if (carried.has(peer.publicKey) || !hasLeft(heardOf(peer, scene))) return false;
  return hasWayBack(peer, scene) || !hasSession(peer, scene);
}
