// Who still sends by the second interface when nobody wants it there any more: because another Node claims its next key, or this
// host has been told to take part no longer. What it sends is lost unless it stays a peer until it has heard the same and has left.

import type { DesiredState, RotationPeer } from "../desired/desired_state.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { detourOf, rotationPeer } from "./desire_rotation.ts";
import { hasLeft, isUnmet } from "./heard.ts";

/** The peers that are wanted on the second interface, but for those whose place somebody still has. */
export function withLeaving(desired: DesiredState, observed: ObservedState): readonly RotationPeer[] {
  // Whose key another one says keeps the entry that it has: to be dropped for a silence it would take no more than a Node.
  const isItsOwn = ({ publicKey, allowedIps }: RotationPeer) =>
    observed.second?.wireguard?.peers.get(publicKey)?.allowedIps === allowedIps;
  const peers = desired.rotation.peers.filter((peer) => !peer.isContested || isItsOwn(peer));
  const leaving = leavingPeers(desired, observed, peers);
  if (leaving.length === 0) return peers;
  const taken = new Set<string>(leaving.flatMap(({ publicKey, allowedIps }) => [publicKey, allowedIps]));
  return [
    ...peers.filter(({ publicKey, allowedIps }) => !taken.has(publicKey) && !taken.has(allowedIps)),
    ...leaving,
  ];
}

function leavingPeers(
  desired: DesiredState,
  { second }: ObservedState,
  peers: readonly RotationPeer[],
): RotationPeer[] {
  const { rotation } = desired;
  if (second?.wireguard === undefined) return [];
  const wanted = new Map<string, RotationPeer>(peers.map((peer) => [peer.publicKey, peer]));
  const surplus = [...second.wireguard.peers.values()].filter(({ publicKey, allowedIps }) =>
    wanted.get(publicKey)?.allowedIps !== allowedIps && !isUnmet(second.heard.get(publicKey))
  );
  if (surplus.length === 0) return [];
  const owners = new Map(desired.peers.map((peer) => [peer.allowedIps, peer]));
  const nodes = new Map(desired.settled.map((settled) => [settled.node.name as string, settled]));
  return surplus.flatMap(({ publicKey, allowedIps }: ObservedPeer): RotationPeer[] => {
    const peer = owners.get(allowedIps);
    const settled = peer && nodes.get(peer.node);
    if (peer === undefined || settled === undefined) return [];
    // Its own Node says the key, whoever else does: what somebody has written there for a moment stays for no longer.
    const nextKey = [settled.node.nextKey, peer.publicKey].find((key) => key === publicKey);
    if (nextKey === undefined || nextKey === "none") return [];
    // As his only key by now: then he has left, and has seen all others leave.
    if (settled.node.nextKey !== publicKey && hasLeft(second.heard.get(publicKey))) return [];
    return [{ ...rotationPeer(peer, { nextKey, routes: detourOf(rotation, settled) }), isLeaving: true }];
  });
}
