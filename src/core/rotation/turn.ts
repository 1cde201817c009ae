// Which way goes to whom while keys rotate, and what this host's own rotation does next. All is read off the host: key files,
// both interfaces, routes; an agent that starts anew decides alike (docs/decisions/0050).

import type { DesiredRotation, DesiredState, Peer, RotationPeer, Waiting } from "../desired/desired_state.ts";
import { ANNOTATION } from "../nodes/node.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { isFresh } from "../plan/choose_endpoint.ts";
import { isSending, isSilent } from "./heard.ts";

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
  /** Peers, by the key of the second interface, that this host sends to by it. */
  readonly carried: ReadonlySet<string>;
  /** The first interface is about to have the next key: who is carried must leave it before. */
  readonly isSwapping: boolean;
  readonly own: OwnTurn | undefined;
  readonly move: KeyMove | undefined;
  readonly waiting: readonly Waiting[];
}

/** Seconds between keepalives to a peer that is sent to by the second interface: it must hear that. */
const SENDING_SECONDS = 1;
/** To any other peer there: who cannot be reached yet is asked again and again. */
const ASKING_SECONDS = 25;

const NOBODY: ReadonlySet<string> = new Set();

/** What is known when it is decided. */
interface Scene {
  readonly rotation: DesiredRotation;
  readonly observed: ObservedState;
  readonly nowSeconds: number;
  /** Of the first interface; undefined: it has none yet. */
  readonly mainKey: string | undefined;
  /** This host's next key is not its key yet. */
  readonly isAnnounced: boolean;
}

/** Decides. */
export function turnOf(desired: DesiredState, observed: ObservedState, nowSeconds: number): Turn {
  const { rotation, link, spared } = desired;
  const mainKey = observed.link === undefined ? undefined : observed.wireguard?.publicKey;
  if (rotation === undefined || link === undefined) {
    const move = mayBegin(desired, observed) ? "begin" : undefined;
    return { carried: NOBODY, isSwapping: false, own: undefined, move, waiting: impossible(desired) };
  }
  const { nextKey } = rotation;
  const isAnnounced = nextKey !== undefined && mainKey !== nextKey;
  const scene: Scene = { rotation, observed, nowSeconds, mainKey, isAnnounced };
  const carried = new Set(
    rotation.peers.filter((peer) => isCarried(peer, scene)).map(({ publicKey }) => publicKey as string),
  );
  const others = { carried, isSwapping: isAnnounced && link.publicKey === nextKey && isTold(desired) };
  if (nextKey === undefined) return { ...others, own: undefined, move: undefined, waiting: [] };
  const isOver = link.publicKey === nextKey;
  const test = isAnnounced
    ? (peer: RotationPeer) => hasCome(peer, carried, scene)
    : (peer: RotationPeer) => hasReturned(peer, carried, scene);
  const awaited = rotation.peers.filter((peer) => !test(peer)).map(({ node }) => node);
  const isComplete = awaited.length === 0 && spared === undefined;
  const move = !isComplete
    ? undefined
    : isAnnounced
    ? isOver ? undefined : "takeOver"
    : isTold(desired)
    ? "end"
    : undefined;
  const own: OwnTurn = { stage: isOver ? "returning" : "announced", nextKey, awaited };
  return { ...others, own, move, waiting: waitingOf(desired, own) };
}

/** Our Node says the key that the file has. */
function isTold({ link }: DesiredState): boolean {
  return link?.publicKey !== undefined && link.publishedKey === link.publicKey;
}

/** Only where nobody else is known to rotate: the second interface has one key. */
function mayBegin(
  { link, isRotationDue, rotationObstacle, spared }: DesiredState,
  observed: ObservedState,
): boolean {
  return isRotationDue === true && rotationObstacle === undefined && link?.publicKey !== undefined &&
    spared === undefined &&
    link.publishedKey === link.publicKey && observed.wireguard?.publicKey === link.publicKey;
}

function impossible({ node, link, isRotationDue, rotationObstacle }: DesiredState): Waiting[] {
  if (isRotationDue !== true || link === undefined || rotationObstacle === undefined) return [];
  return [{ what: `key rotation of ${node}`, ...rotationObstacle }];
}

/** A session there says that the other side has this host as a peer there: it takes what comes by it. */
function hasSession(peer: RotationPeer, { observed: { second }, rotation, nowSeconds }: Scene): boolean {
  const wireguard = second?.wireguard;
  if (second?.link?.isUp !== true || wireguard?.publicKey !== rotation.link.publicKey) return false;
  const has = wireguard?.peers.get(peer.publicKey);
  return has !== undefined && has.allowedIps === peer.allowedIps && isOfUse(has, nowSeconds);
}

function isOfUse(has: ObservedPeer, nowSeconds: number): boolean {
  return has.handshakeSeconds !== 0 && isFresh(has, nowSeconds);
}

/** By its entry with the key of now; both are new when a key is, so that its handshake is of these keys. */
function mainPeer({ mainKey }: RotationPeer, { observed: { wireguard } }: Scene): ObservedPeer | undefined {
  return wireguard?.peers.get(mainKey);
}

function isCarried(peer: RotationPeer, scene: Scene): boolean {
  if (!hasSession(peer, scene)) return false;
  const { isAnnounced, observed, nowSeconds } = scene;
  if (!isAnnounced && !peer.isAnnounced) return (mainPeer(peer, scene)?.handshakeSeconds ?? 0) === 0;
  return leads(peer, scene) || isOnItsWay(peer, observed) ||
    isSending(observed.second?.heard.get(peer.publicKey), nowSeconds);
}

/** Who has nothing to give up goes first, of two that rotate the one of the lower key; the other follows when it hears that. */
function leads(peer: RotationPeer, { isAnnounced, mainKey }: Scene): boolean {
  return !isAnnounced || peer.isAnnounced && mainKey !== undefined && mainKey < peer.mainKey;
}

/** What is sent to it goes by the second interface already. */
function isOnItsWay({ routes }: RotationPeer, observed: ObservedState): boolean {
  return routes.length > 0 && routes.every(({ family, text }) => observed.routes[family].has(text));
}

/** Nothing comes from it by the key that is to go, nor is anything sent to it there. */
function hasCome(peer: RotationPeer, carried: ReadonlySet<string>, scene: Scene): boolean {
  const { observed, nowSeconds } = scene;
  if (!carried.has(peer.publicKey) || !isOnItsWay(peer, observed)) return false;
  return !leads(peer, scene) || isSending(observed.second?.heard.get(peer.publicKey), nowSeconds);
}

/** Nothing goes by the second interface any more, in either direction; who is not there any more is not waited for. */
function hasReturned(peer: RotationPeer, carried: ReadonlySet<string>, scene: Scene): boolean {
  const { observed, nowSeconds } = scene;
  if (carried.has(peer.publicKey) || !isSilent(observed.second?.heard.get(peer.publicKey), nowSeconds)) {
    return false;
  }
  return (mainPeer(peer, scene)?.handshakeSeconds ?? 0) !== 0 || !hasSession(peer, scene);
}

const SHOWN = 5;

function waitingOf(
  { node, rotation, isPublished }: DesiredState,
  { stage, nextKey, awaited }: OwnTurn,
): Waiting[] {
  if (awaited.length === 0) return [];
  const more = awaited.length > SHOWN ? ` and ${awaited.length - SHOWN} more` : "";
  const names = awaited.slice(0, SHOWN).join(", ") + more;
  const { port } = rotation!.link;
  return [{
    what: `key rotation of ${node}`,
    why: stage === "announced"
      ? `${names} cannot be reached with the next key yet`
      : `${names} have not gone back to the first interface yet`,
    next: isPublished
      ? `their agents must run, and UDP port ${port} be open; a Node that is off is no longer waited for without ` +
        `its annotation: kubectl annotate node NAME ${ANNOTATION.nextKey}-`
      : `their agents must run and know ${ANNOTATION.nextKey} ${nextKey}, and UDP port ${port} be open; take the ` +
        "manifest of a node that is gone away",
  }];
}

/** What is wanted of the second interface, as if it were the first. */
export function secondDesired(desired: DesiredState, { carried }: Turn): DesiredState {
  const { rotation, nextName } = desired;
  const peers = (rotation?.peers ?? []).map((peer): Peer => ({
    ...peer,
    keepaliveSeconds: carried.has(peer.publicKey) ? SENDING_SECONDS : ASKING_SECONDS,
  }));
  const { spared: _, ...rest } = desired;
  return { ...rest, interfaceName: nextName, link: rotation?.link, peers, routes: [] };
}

/** What the host has of the second interface, as if it were the first. */
export function secondObserved(observed: ObservedState): ObservedState {
  const { link, wireguard, userspacePids = [] } = observed.second ?? {};
  return { ...observed, link, wireguard, userspacePids, routes: { 4: new Set(), 6: new Set() } };
}

/** What is wanted of the first interface and of all routes: who is carried has a detour, and makes way for a new key. */
export function firstDesired(desired: DesiredState, observed: ObservedState, turn: Turn): DesiredState {
  const { carried, isSwapping } = turn;
  if (carried.size === 0) return desired;
  const peers = desired.rotation!.peers.filter(({ publicKey }) => carried.has(publicKey));
  const detours = peers.flatMap(({ routes }) => routes);
  const routes = (["tunnel", "unreachable"] as const).flatMap((type) =>
    ([4, 6] as const).flatMap((family) =>
      [...desired.routes, ...detours].filter((route) => route.type === type && route.family === family)
    )
  );
  if (!isSwapping) return { ...desired, routes };
  const leaving = new Set<string>(peers.map(({ mainKey }) => mainKey));
  const isClear = ![...observed.wireguard?.peers.keys() ?? []].some((key) => leaving.has(key));
  const link = desired.link!;
  return {
    ...desired,
    routes,
    peers: desired.peers.filter(({ publicKey }) => !leaving.has(publicKey)),
    link: isClear ? link : { ...link, publicKey: undefined },
  };
}
