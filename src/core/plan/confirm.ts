// What the host has after a step that succeeded: the last read plus what the kernel confirmed. Only a cache: an
// audit replaces it, and dropping it at any moment leads to the same end.

import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import type { Confirmation } from "./plan.ts";

/** The observed state with a confirmed step in it; the input is left as it was. */
export function confirm(observed: ObservedState, { elements, routes, peers }: Confirmation): ObservedState {
  let next = observed;
  if (elements !== undefined && next.table !== undefined) {
    const sets = new Map(next.table.sets);
    for (const { name, added, deleted } of elements) sets.set(name, changed(sets.get(name), added, deleted));
    next = { ...next, table: { ...next.table, sets } };
  }
  if (routes !== undefined) {
    const { family, added, deleted } = routes;
    next = { ...next, routes: { ...next.routes, [family]: changed(next.routes[family], added, deleted) } };
  }
  if (peers !== undefined && next.wireguard !== undefined) {
    next = { ...next, wireguard: { ...next.wireguard, peers: changedPeers(next.wireguard.peers, peers) } };
  }
  return next;
}

function changed(
  set: ReadonlySet<string> = new Set(),
  added: readonly string[],
  deleted: readonly string[],
): Set<string> {
  const next = new Set(set);
  for (const text of deleted) next.delete(text);
  for (const text of added) next.add(text);
  return next;
}

function changedPeers(
  peers: ReadonlyMap<string, ObservedPeer>,
  { set, removed }: NonNullable<Confirmation["peers"]>,
): Map<string, ObservedPeer> {
  const next = new Map(peers);
  for (const key of removed) next.delete(key);
  for (const { publicKey, endpoint, allowedIps, keepaliveSeconds, choice } of set) {
    const last = next.get(publicKey);
    const stays = last !== undefined && (endpoint === undefined || last.endpoint === endpoint);
    next.set(publicKey, {
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
    });
  }
  return next;
}
