// While a key rotates, this host's own or another's: the second interface, and who is a peer there (docs/decisions/0050).

import type {
  DesiredLink,
  DesiredRotation,
  Peer,
  RotationObstacle,
  RotationPeer,
  Route,
} from "../desired/desired_state.ts";
import { ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import { widthOf } from "../net/address.ts";
import { type Prefix, subnetOf } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import { nextEndpoint, nextInterface, nextKeyPath, nextPort } from "./names.ts";

/** What a rotation is made of. */
export interface RotationParts {
  readonly others: readonly SettledNode[];
  /** Of the first interface, in order of their Nodes' names. */
  readonly peers: readonly Peer[];
  readonly link: DesiredLink;
  readonly facts: HostFacts;
}

/** Undefined: nobody's key rotates, as far as this host knows. */
export function desireRotation(settings: Settings, parts: RotationParts): DesiredRotation | undefined {
  const { others, link, facts } = parts;
  const { nextKey } = facts;
  if (rotationObstacle(settings, link) !== undefined) return undefined;
  const isConcerned = (settled: SettledNode) =>
    nextKey === undefined ? settled.nextKey !== undefined : takesPart(settled, facts);
  if (nextKey === undefined && !others.some(isConcerned)) return undefined;
  const byNode = new Map(parts.peers.map((peer) => [peer.node, peer]));
  const peers = others.filter(isConcerned).flatMap((settled): RotationPeer[] => {
    const peer = byNode.get(settled.node.name);
    const routes = detourOf(settings, settled.podCidrs);
    return peer === undefined || routes.length === 0 ? [] : [rotationPeer(peer, { settled, routes })];
  });
  return {
    link: {
      ...link,
      name: nextInterface(link.name),
      port: nextPort(link.port),
      publicKey: nextKey ?? facts.publicKey,
      publishedKey: undefined,
      privateKeyPath: nextKey === undefined ? link.privateKeyPath : nextKeyPath(link.privateKeyPath),
    },
    nextKey,
    peers,
  };
}

/** Why this node takes part in no rotation; undefined: it does. */
export function rotationObstacle(
  { keyRotation, hostEncryption }: Pick<Settings, "keyRotation" | "hostEncryption">,
  { implementation, server }: Pick<DesiredLink, "implementation" | "server">,
): RotationObstacle | undefined {
  if (keyRotation === "off") {
    return { why: "KEY_ROTATION is off", next: "set it to manual, or to an age, on all nodes" };
  }
  if (encryptsHosts({ hostEncryption })) {
    return {
      why: "HOST_ENCRYPTION is require, whose routes know one interface only",
      next: "set it to off on all nodes for as long as keys rotate",
    };
  }
  if (implementation === "kernel" || server === "started") return undefined;
  return {
    why: "wireguard-go is awaited (WIREGUARD_GO), and nobody would serve a second interface",
    next: "replace the key by hand, which costs some seconds of packets: docs/decisions/0019-key-recovery.md",
  };
}

/** The original's agents say nothing of it, and take the new key when it is the only one. Files hold none of its Nodes. */
function takesPart({ node }: SettledNode, { isPublished }: HostFacts): boolean {
  return node.nextKey !== undefined || isPublished !== true;
}

function rotationPeer(
  peer: Peer,
  { settled: { nextKey }, routes }: { readonly settled: SettledNode; readonly routes: readonly Route[] },
): RotationPeer {
  const candidates = peer.candidates.map(nextEndpoint);
  return {
    ...peer,
    publicKey: nextKey ?? peer.publicKey,
    endpoint: candidates[0],
    candidates,
    ...(peer.excluded === undefined ? {} : { excluded: peer.excluded.map(nextEndpoint) }),
    mainKey: peer.publicKey,
    isAnnounced: nextKey !== undefined && nextKey !== peer.publicKey,
    routes,
  };
}

/**
 * Routes that win over those of the first interface and take nothing from them: each prefix in two halves. None where
 * nothing goes through the tunnel, or one cannot be halved.
 */
function detourOf(settings: Settings, podCidrs: readonly Prefix[]): readonly Route[] {
  const dev = nextInterface(settings.interfaceName);
  const routes: Route[] = [];
  for (const prefix of podCidrs) {
    const { family, length } = prefix;
    if (!familySettings(settings, family).isTunnelled) continue;
    if (length === widthOf(family)) return [];
    for (const index of [0n, 1n]) {
      const half = subnetOf(prefix, BigInt(length + 1), index);
      if (refused(half)) return [];
      const text = `${half.text} dev ${dev} proto ${ROUTE_PROTOCOL}`;
      routes.push({ family, destination: half.text, type: "tunnel", text });
    }
  }
  return routes;
}
