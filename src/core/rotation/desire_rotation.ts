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
import type { Family } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import { withoutNested } from "../net/prefix.ts";
import { ANNOTATION, announces, type Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { familySettings, type GivenSettings, type Settings } from "../settings/settings.ts";
import { ownTransports } from "../transport/own_transports.ts";
import { NEXT_GROUP, nextEndpoint, nextInterface, nextKeyPath, nextPort } from "./names.ts";

/** What a rotation is made of. */
export interface RotationParts {
  readonly own: SettledNode;
  readonly others: readonly SettledNode[];
  /** Of the first interface, in order of their Nodes' names. */
  readonly peers: readonly Peer[];
  readonly link: DesiredLink | undefined;
  readonly facts: HostFacts;
  /** Claims that lost. */
  readonly refused: readonly Rejected[];
}

/** What is wanted, also where no key rotates as far as this host knows. */
export function desireRotation(settings: Settings, parts: RotationParts): DesiredRotation {
  const { own, link, facts } = parts;
  const { nextKey, second, isRotationDue = false, isPublished = false } = facts;
  const name = nextInterface(settings.interfaceName);
  const families = ([4, 6] as const).filter((family) => familySettings(settings, family).isRouted);
  const obstacle = rotationObstacle(settings, facts) ?? ownObstacle(own);
  // What has begun is brought to its end, if it can be.
  const takesPart = obstacle === undefined || nextKey !== undefined && !obstacle.isHard;
  const members = link === undefined || !takesPart ? [] : membersOf(parts);
  const peers = members.map(({ settled, peer, isContested }): RotationPeer => ({
    ...rotationPeer(peer, { nextKey: settled.nextKey, routes: detourOf({ name, families }, settled) }),
    ...(isContested && { isContested }),
  }));
  return {
    name,
    link: link && secondLink(link, facts),
    isOn: link !== undefined && takesPart && (nextKey !== undefined || peers.length > 0),
    isStanding: second === "ours",
    peers,
    families,
    nextKey,
    disbelief: disbeliefIn(parts),
    isDue: isRotationDue,
    obstacle,
    isPublished,
  };
}

/** Like the first one, but for what must be another. */
function secondLink(link: DesiredLink, { nextKey, publicKey }: HostFacts): DesiredLink {
  return {
    ...link,
    name: nextInterface(link.name),
    port: nextPort(link.port),
    publicKey: nextKey ?? publicKey,
    publishedKey: undefined,
    privateKeyPath: nextKey === undefined ? link.privateKeyPath : nextKeyPath(link.privateKeyPath),
    group: NEXT_GROUP,
  };
}

/** Why a host takes part in no rotation. */
interface Obstacle extends RotationObstacle {
  /** It cannot have a second interface; else it merely shall not, and has its own rotation, if one goes on, come to its end. */
  readonly isHard?: true;
}

/** Undefined: it takes part. */
export function rotationObstacle(
  settings: GivenSettings,
  { wireguard, second }: Pick<HostFacts, "wireguard" | "second">,
): Obstacle | undefined {
  const { keyRotation, hostEncryption, wireguardGo, interfaceName } = settings;
  if (second === "foreign") {
    const name = nextInterface(interfaceName);
    return {
      why: `there is an interface ${name} that is not ours: this host takes part in no key rotation`,
      next: `remove it (ip link del ${name}), give it another name, or choose another WIGGLENET_IFACE_NAME`,
      isHard: true,
      ...(keyRotation !== "off" && { isRemarkable: true }),
    };
  }
  if (wireguard === "userspace" && wireguardGo === "awaited") {
    return {
      why: "wireguard-go is awaited (WIREGUARD_GO), and nobody would serve a second interface",
      next:
        "replace the key by hand, which costs some seconds of packets: docs/decisions/0019-key-recovery.md",
      isHard: true,
    };
  }
  if (ownTransports(settings) !== undefined) {
    return {
      why:
        "packets of pods leave beside the tunnel here (TRANSPORT_IPV4, TRANSPORT_IPV6), by routes that know no second interface",
      next: "set them to wireguard on all nodes for as long as keys rotate",
      isHard: true,
    };
  }
  if (encryptsHosts({ hostEncryption })) {
    return {
      why: "HOST_ENCRYPTION is require, whose routes know one interface only",
      next: "set it to off on all nodes for as long as keys rotate",
    };
  }
  if (keyRotation !== "off") return undefined;
  return { why: "KEY_ROTATION is off", next: "set it to manual, or to an age, on all nodes" };
}

/** Nobody's peer would announce to nobody. */
function ownObstacle({ node, podCidrs }: SettledNode): Obstacle | undefined {
  if (podCidrs.length > 0) return undefined;
  return { why: `Node ${node.name} has no pod CIDR, and is nobody's peer`, next: "give it one" };
}

/** What the others make of this host's next key, by the same Nodes: one who is not believed must not send by it. */
function disbeliefIn({ own, facts: { nextKey }, refused }: RotationParts): string | undefined {
  if (nextKey === undefined || own.nextKey === nextKey) return undefined;
  const { name, nextKey: said } = own.node;
  if (said !== nextKey) return `Node ${name} does not say it`;
  const claim = `${ANNOTATION.nextKey} ${nextKey}`;
  const loss = refused.find((rejected) => rejected.node === name && rejected.claim === claim);
  return loss?.reason ?? `Node ${name} has no key`;
}

interface Member {
  readonly settled: SettledNode;
  readonly peer: Peer;
  readonly isContested: boolean;
}

/** Who announces; where this host does, all who take part. Nobody is a peer there who is none on the first interface. */
function membersOf({ own, others, peers, facts }: RotationParts): Member[] {
  const { nextKey, publicKey } = facts;
  const isMember = (settled: SettledNode) =>
    nextKey === undefined ? settled.nextKey !== undefined : takesPart(settled, facts);
  const members = others.filter(isMember);
  if (members.length === 0) return [];
  const byNode = new Map(peers.map((peer) => [peer.node, peer]));
  const saying = Map.groupBy(
    [own, ...others].filter(({ node }) => announces(node)),
    ({ node }) => node.nextKey,
  );
  return members.flatMap((settled): Member[] => {
    const peer = byNode.get(settled.node.name);
    const key = settled.nextKey ?? settled.publicKey!;
    // WireGuard takes no peer with the interface's own key, without a word: it would be missing for ever.
    const isTwin = key === (nextKey ?? publicKey);
    const isContested = saying.get(key)?.some(({ node }) => node !== settled.node) === true;
    return peer === undefined || isTwin ? [] : [{ settled, peer, isContested }];
  });
}

/** The original's agents say nothing of it, and take the new key when it is the only one. Files hold none of its Nodes. */
function takesPart({ node }: SettledNode, { isPublished }: HostFacts): boolean {
  return node.nextKey !== undefined || isPublished !== true;
}

/** A peer of the first interface as it is on the second one. */
export function rotationPeer(
  peer: Peer,
  { nextKey, routes }: { readonly nextKey: PublicKey | undefined; readonly routes: readonly Route[] },
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

/** To its pods by the second interface. None where nothing goes through the tunnel. */
export function detourOf(
  { name, families }: { readonly name: string; readonly families: readonly Family[] },
  { podCidrs }: SettledNode,
): readonly Route[] {
  return withoutNested(podCidrs).filter(({ family }) => families.includes(family)).map((
    { family, text },
  ): Route => ({
    family,
    destination: text,
    type: "tunnel",
    text: `${text} dev ${name} proto ${ROUTE_PROTOCOL}`,
  }));
}
