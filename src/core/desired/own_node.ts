// Our own Node: as this host wants it, and what its object does not say.

import type { Address, Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { ANNOTATION, type Claim, NO_NEXT_KEY, type Node } from "../nodes/node.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { Waiting } from "./desired_state.ts";
import type { HostFacts } from "./host_facts.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** The Node as its object says it, by the Node as we want it. */
const STATED = new WeakMap<Node, Node>();
type OwnFacts = Pick<HostFacts, "interfaces" | "podCidrFile" | "podCidrExpression" | "isPublished">;
const OWN = new WeakMap<Node, { node: Node; settings: Settings; facts: OwnFacts }>();

/** Our own Node as the settings want it: pod CIDR sources applied, addresses of NODE_IP_INTERFACES added. */
export function ownNode(settings: Settings, node: Node, facts: OwnFacts): Node {
  const known = OWN.get(node);
  const isSame = known?.facts.interfaces === facts.interfaces &&
    known.facts.podCidrFile === facts.podCidrFile &&
    known.facts.podCidrExpression === facts.podCidrExpression;
  if (isSame && known.settings === settings) return known.node;
  const podCidrs = FAMILIES.flatMap((family): Claim<Prefix>[] => {
    const source = settings.isFirewallOnly ? "spec" : familySettings(settings, family).podCidrSource;
    if (source === "none") return [];
    const ofFamily = (claims: readonly Claim<Prefix>[]) =>
      claims.filter(({ value }) => value.family === family);
    const assigned = ofFamily(node.assignedPodCidrs);
    if (source === "spec" && (assigned.length > 0 || facts.isPublished)) return assigned;
    if (source === "spec") return ofFamily(node.podCidrs);
    // What its Node says too has the weight that it has for all other nodes.
    const stated = new Map(ofFamily(node.podCidrs).map((claim) => [claim.value.text, claim]));
    const found = source === "file" ? facts.podCidrFile : facts.podCidrExpression;
    return found.filter((prefix) => prefix.family === family).map((value) =>
      stated.get(value.text) ?? { value, origin: "annotation" }
    );
  });
  const stated = new Set(node.addresses.map((claim) => claim.value.text));
  const chosen = facts.interfaces.filter(({ name }) => settings.nodeIpInterfaces.includes(name));
  const added = chosen.flatMap(({ addresses }) => addresses).filter((address) => !stated.has(address.text));
  const own: Node = {
    ...node,
    podCidrs,
    addresses: [
      ...node.addresses,
      ...added.map((value): Claim<Address> => ({ value, origin: "annotation" })),
    ],
  };
  const { interfaces, podCidrFile, podCidrExpression } = facts;
  OWN.set(node, { node: own, settings, facts: { interfaces, podCidrFile, podCidrExpression } });
  STATED.set(own, node);
  return own;
}

/** What this host knows of itself and its manifest does not say: other nodes cannot know it. */
export function unpublished(own: Node): Waiting[] {
  const stated = STATED.get(own) ?? own;
  const says = new Set([...stated.addresses, ...stated.podCidrs].map(({ value }) => value.text));
  const lists: readonly (readonly [string, readonly { value: { text: string } }[]])[] = [
    [ANNOTATION.nodeIps, own.addresses],
    [ANNOTATION.podCidrs, own.podCidrs],
  ];
  return lists.filter(([, claims]) => claims.some(({ value }) => !says.has(value.text))).map(
    ([key, claims]) => {
      const list = JSON.stringify(claims.map(({ value }) => value.text));
      return {
        what: `${key} of ${own.name}`,
        why: "its Node does not say what this host has",
        next: `put ${key}: '${list}' into the manifest of ${own.name}`,
      };
    },
  );
}

/** The same of its next key, by its manifest: before, while and after the key rotates. */
export function unannounced({ name, nextKey = NO_NEXT_KEY }: Node, facts: HostFacts): Waiting[] {
  const wanted = facts.nextKey ?? NO_NEXT_KEY;
  if (nextKey === wanted) return [];
  return [{
    what: `${ANNOTATION.nextKey} of ${name}`,
    why: `its Node says ${nextKey}, this host's is ${wanted}`,
    next: `put what \`wigglenet node\` prints into the manifest of ${name}: ${ANNOTATION.nextKey}: ${wanted}`,
  }];
}
