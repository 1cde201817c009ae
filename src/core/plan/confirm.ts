// What the host has after a step that succeeded: the last read plus what the kernel confirmed. Only a cache: an
// audit replaces it, and dropping it at any moment leads to the same end.

import type { ObservedPeer, ObservedState, ObservedWireguard } from "../observed/observed_state.ts";
import type { Confirmation, ConfirmedPeer } from "./plan.ts";

/** The observed state with confirmed steps in it, in their order; the input is left as it was. */
export function confirm(observed: ObservedState, confirmations: readonly Confirmation[]): ObservedState {
  let next = observed;
  const elements = confirmations.flatMap((confirmed) => confirmed.elements ?? []);
  if (elements.length > 0 && next.table !== undefined) {
    const sets = new Map(next.table.sets);
    for (const [name, deltas] of Map.groupBy(elements, ({ name }) => name)) {
      sets.set(name, changed(sets.get(name), deltas));
    }
    next = { ...next, table: { ...next.table, sets } };
  }
  const routes = confirmations.flatMap((confirmed) => confirmed.routes ?? []);
  for (const [family, deltas] of Map.groupBy(routes, ({ family }) => family)) {
    next = { ...next, routes: { ...next.routes, [family]: changed(next.routes[family], deltas) } };
  }
  const peers = confirmations.flatMap((confirmed) => confirmed.peers ?? []);
  if (peers.length > 0 && next.wireguard !== undefined) {
    next = { ...next, wireguard: { ...next.wireguard, peers: changedPeers(next.wireguard.peers, peers) } };
  }
  return next;
}

/** The same for WireGuard's side of an interface alone. */
export function confirmPeers(wireguard: ObservedWireguard, { peers }: Confirmation): ObservedWireguard {
  return peers === undefined ? wireguard : { ...wireguard, peers: changedPeers(wireguard.peers, [peers]) };
}

/** One copy for all: of thousands of members it is a third of a megabyte. */
function changed(
  set: ReadonlySet<string> = new Set(),
  deltas: readonly { readonly added: readonly string[]; readonly deleted: readonly string[] }[],
): Set<string> {
  const next = new Set(set);
  for (const { added, deleted } of deltas) {
    for (const text of deleted) next.delete(text);
    for (const text of added) next.add(text);
  }
  return next;
}

function changedPeers(
  peers: ReadonlyMap<string, ObservedPeer>,
  deltas: readonly NonNullable<Confirmation["peers"]>[],
): Map<string, ObservedPeer> {
  const next = new Map(peers);
  for (const { set, removed } of deltas) {
    for (const key of removed) next.delete(key);
    for (const peer of set) next.set(peer.publicKey, afterStep(next.get(peer.publicKey), peer));
  }
  return next;
}

function afterStep(
  last: ObservedPeer | undefined,
  { publicKey, endpoint, allowedIps, keepaliveSeconds, choice }: ConfirmedPeer,
): ObservedPeer {
  const stays = last !== undefined && (endpoint === undefined || last.endpoint === endpoint);
  return {
    publicKey,
    endpoint: endpoint ?? last?.endpoint,
    allowedIps,
    handshakeSeconds: last?.handshakeSeconds ?? 0,
    aliveSeconds: last?.aliveSeconds ?? -Infinity,
    receivedBytes: last?.receivedBytes ?? 0,
    sentBytes: last?.sentBytes ?? 0,
    keepaliveSeconds,
    hasPresharedKey: false,
    isRoamed: stays && last.isRoamed,
    isProven: stays && last.isProven,
    ...(last?.foundSeconds === undefined ? {} : { foundSeconds: last.foundSeconds }),
    silence: stays ? last.silence : undefined,
    choice: stays ? last.choice : choice,
  };
}
