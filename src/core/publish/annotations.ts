// What this host says of itself to the others: the annotations of its Node, and the patch that makes them so.

import type { HostFacts } from "../desired/host_facts.ts";
import { ownNode } from "../desired/own_node.ts";
import { comparePrefixes, summarise } from "../net/prefix.ts";
import { ANNOTATION, NO_NEXT_KEY, type Node, REQUIRED, type Stated } from "../nodes/node.ts";
import { rotationObstacle } from "../rotation/desire_rotation.ts";
import { ownWord, usesIpsec } from "../transport/own_transports.ts";
import { ipsecUdpPort, leavesIpsec } from "../transport/ipsec/names.ts";
import { transportsText } from "../transport/stated.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { type Settings, usesTunnel } from "../settings/settings.ts";

/** By annotation; undefined: it shall not be there. What is not among them is left alone. */
export type Wanted = ReadonlyMap<string, string | undefined>;

/**
 * The same without what would have others send in the clear to a host that does not take it yet. That it takes it no more is said at
 * once, but of IPsec, which stands until then.
 */
export function beforeStanding(wanted: Wanted, stated: Stated): Wanted {
  const [text, said] = [wanted, stated].map((it) => it.get(ANNOTATION.transport));
  if (text === said || text === undefined && !said?.includes("=ipsec")) return wanted;
  const isHeld = (key: string) =>
    key === ANNOTATION.transport || OF_IPSEC.includes(key) && wanted.get(key) === undefined;
  return new Map([...wanted].filter(([key]) => !isHeld(key)));
}

const OF_IPSEC: readonly string[] = [ANNOTATION.ipsecNonce, ANNOTATION.ipsecUdpPort];

/** What the Node of this host shall say. */
export function wantedAnnotations(settings: Settings, node: Node, facts: HostFacts): Wanted {
  const wanted = new Map<string, string | undefined>();
  // A key that cannot be read is no reason to take back what the others know.
  if (!usesTunnel(settings)) wanted.set(ANNOTATION.publicKey, undefined);
  else if (facts.publicKey !== undefined) wanted.set(ANNOTATION.publicKey, facts.publicKey);
  const obstacle = usesTunnel(settings) ? rotationObstacle(settings, facts) : undefined;
  const says = facts.nextKey ?? (obstacle === undefined ? NO_NEXT_KEY : undefined);
  wanted.set(ANNOTATION.nextKey, usesTunnel(settings) && !obstacle?.isHard ? says : undefined);
  const transports = ownWord(settings, node.transports);
  wanted.set(ANNOTATION.transport, transports && transportsText(transports));
  // Others take by it what is still sent so.
  const [usesIt, left] = [usesIpsec(settings), leavesIpsec(facts) ? node : undefined];
  wanted.set(ANNOTATION.ipsecNonce, usesIt ? facts.ipsecNonce : left?.ipsecNonce);
  const port = usesIt ? ipsecUdpPort(settings, facts) : left?.ipsecUdpPort;
  wanted.set(ANNOTATION.ipsecUdpPort, port?.toString());
  wanted.set(ANNOTATION.hostEncryption, encryptsHosts(settings) ? REQUIRED : undefined);
  const chosen = facts.interfaces.filter(({ name }) => settings.nodeIpInterfaces.includes(name));
  const addresses = chosen.flatMap(({ addresses }) => addresses).map(({ family, text }) =>
    `${family} ${text}`
  );
  const nodeIps = [...new Set(addresses)].sort().map((address) => address.slice(2));
  wanted.set(ANNOTATION.nodeIps, JSON.stringify(nodeIps));
  const own = ownNode(settings, node, facts).podCidrs.map(({ value }) => value);
  const podCidrs = [...summarise(own)].sort((a, b) => b.family - a.family || comparePrefixes(a, b));
  wanted.set(ANNOTATION.podCidrs, JSON.stringify(podCidrs.map(({ text }) => text)));
  return wanted;
}

/** A JSON merge patch (RFC 7386) of what differs; undefined: nothing does. */
export function annotationPatch(wanted: Wanted, stated: Stated): string | undefined {
  const differing = [...wanted].filter(([key, text]) => stated.get(key) !== text);
  if (differing.length === 0) return undefined;
  const annotations = Object.fromEntries(differing.map(([key, text]) => [key, text ?? null]));
  return JSON.stringify({ metadata: { annotations } });
}
