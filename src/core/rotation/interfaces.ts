// What a turn asks of the two interfaces, each as if it were the only one.

import type { DesiredState, Peer } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { ASKING_SECONDS, hasLeft } from "./heard.ts";
import type { Turn } from "./turn.ts";

/** What is wanted of the second interface. */
export function secondDesired(
  desired: DesiredState,
  { second }: ObservedState,
  { members, keepalives, lingers }: Turn,
): DesiredState {
  const { rotation: { name, link, isOn } } = desired;
  const peers = members.map((peer): Peer => ({
    ...peer,
    keepaliveSeconds: keepalives.get(peer.publicKey) ?? ASKING_SECONDS,
  }));
  const { spared: _, ...rest } = desired;
  const isWanted = link !== undefined && (isOn || members.length > 0 || lingers);
  // By the key that it has somebody may still send here.
  const isInUse = [...second?.heard.values() ?? []].some((heard) => !hasLeft(heard));
  const wanted = isWanted ? { ...link, publicKey: isInUse ? undefined : link.publicKey } : undefined;
  return { ...rest, interfaceName: name, link: wanted, peers, routes: [] };
}

/** What the host has of the second interface. */
export function secondObserved(observed: ObservedState): ObservedState {
  const { link, wireguard, userspacePids = [] } = observed.second ?? {};
  return { ...observed, link, wireguard, userspacePids, routes: { 4: new Set(), 6: new Set() } };
}

/** What is wanted of the first interface and of all routes: who is carried has another way, and makes way for a new key. */
export function firstDesired(desired: DesiredState, observed: ObservedState, turn: Turn): DesiredState {
  const { members, carried, isSwapping } = turn;
  const first = asking(withoutContested(desired, turn), turn);
  if (carried.size === 0) return first;
  const peers = members.filter(({ publicKey }) => carried.has(publicKey));
  const detours = peers.flatMap(({ routes }) => routes);
  const taken = new Set(detours.map(({ destination }) => destination));
  const others = desired.routes.filter(({ type, destination }) =>
    type !== "tunnel" || !taken.has(destination)
  );
  const routes = [["tunnel", "clear"], ["unreachable"]].flatMap((types) =>
    ([4, 6] as const).flatMap((family) =>
      [...detours, ...others].filter((route) => types.includes(route.type) && route.family === family)
    )
  );
  if (!isSwapping) return { ...first, routes };
  const leaving = new Set<string>(peers.map(({ mainKey }) => mainKey));
  const isClear = ![...observed.wireguard?.peers.keys() ?? []].some((key) => leaving.has(key));
  const link = desired.link!;
  return {
    ...first,
    routes,
    peers: first.peers.filter(({ publicKey }) => !leaving.has(publicKey)),
    link: isClear ? link : { ...link, publicKey: undefined },
  };
}

/** What a new entry asks for ends when nobody answers for 90 s, and nothing is sent there that would ask again. */
function asking(desired: DesiredState, { returning }: Turn): DesiredState {
  if (returning.size === 0) return desired;
  const keepaliveSeconds = desired.link?.keepaliveSeconds || ASKING_SECONDS;
  const peers = desired.peers.map((peer) =>
    returning.has(peer.publicKey) ? { ...peer, keepaliveSeconds } : peer
  );
  return { ...desired, peers };
}

/** Nobody has on the first interface the key by which another one still sends on the second. */
function withoutContested(desired: DesiredState, { members }: Turn): DesiredState {
  const leaving = members.filter(({ isLeaving }) => isLeaving);
  if (leaving.length === 0) return desired;
  const nodes = new Map<string, string>(leaving.map(({ publicKey, node }) => [publicKey, node]));
  const peers = desired.peers.filter(({ publicKey, node }) => (nodes.get(publicKey) ?? node) === node);
  return peers.length === desired.peers.length ? desired : { ...desired, peers };
}
