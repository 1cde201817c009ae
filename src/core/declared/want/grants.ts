// What tenants' objects may say, by the grants of their namespaces: the same as the admission policies of
// deploy/kubernetes/declared-tenants hold, for what was there before them or came past them (docs/decisions/0065).

import { contains, hostPrefix, type Prefix, prefixOf } from "../../net/prefix.ts";
import { widthOf } from "../../net/address.ts";
import type {
  DeclaredId,
  DeclaredObject,
  PodNetlinkInterface,
  PodWireguardInterface,
  RejectedPart,
  TenantObject,
} from "../declared_object.ts";
import { GRANT_NAME, type NamespaceGrant } from "../kinds/pod_interface_grant.ts";
import type { NetlinkAddress } from "../kinds/netlink_interface.ts";

/** True for an object of a namespace. */
export function isTenant<T extends DeclaredId>(it: T): it is T & Pick<TenantObject, "kind"> {
  return it.kind === "PodWireGuardInterface" || it.kind === "PodNetlinkInterface";
}

/** Who has what the agent has of its own. */
export const POD_NETWORK = "the pod network";

/**
 * Who was first, as far as it is the asker's business: what others have is none of a tenant's.
 * @param owner as nameOf has it
 */
export function toldTo(asker: DeclaredId, owner: string): string {
  const namespace = asker.name.slice(0, asker.name.indexOf("/") + 1);
  const isAsTold = !isTenant(asker) || owner === POD_NETWORK || owner.includes(` ${namespace}`);
  return isAsTold ? owner : "somebody else";
}

/**
 * Why objects of namespaces get nothing, what they have had included: who is granted less may keep no more.
 * @param objects of one node, and grants; older ones first
 */
export function overreaching(objects: readonly DeclaredObject[]): readonly RejectedPart[] {
  const grants = grantsIn(objects);
  const counts = new Map<string, number>();
  return objects.filter(isTenant).flatMap((object) => {
    const { kind, name, namespace } = object;
    const grant = grants.get(namespace);
    const reason = grant === undefined
      ? `namespace ${namespace} may make nothing: PodInterfaceGrant ${GRANT_NAME} does not name it`
      // What there is no room for is not looked through: it may be long, and there may be many.
      : tooMany(object, grant, counts) ?? objectionTo(object, grant) ?? counted(object, counts);
    return reason === undefined ? [] : [{ kind, name, claim: kind, reason }];
  });
}

/** Nobody fills a node, or what it tells of itself, for the others. */
function tooMany(
  object: TenantObject,
  { interfaces }: NamespaceGrant,
  counts: ReadonlyMap<string, number>,
): string | undefined {
  const isOver = (counts.get(object.namespace) ?? 0) + interfacesOf(object) > interfaces;
  return isOver
    ? `namespace ${object.namespace} has ${interfaces} interfaces on this node already`
    : undefined;
}

function counted(object: TenantObject, counts: Map<string, number>): undefined {
  counts.set(object.namespace, (counts.get(object.namespace) ?? 0) + interfacesOf(object));
}

function interfacesOf({ kind, spec }: TenantObject): number {
  return kind === "PodNetlinkInterface" && spec.veth !== undefined ? 2 : 1;
}

function grantsIn(objects: readonly DeclaredObject[]): ReadonlyMap<string, NamespaceGrant> {
  const all = objects.find((it) => it.kind === "PodInterfaceGrant" && it.name === GRANT_NAME);
  const namespaces = all?.kind === "PodInterfaceGrant" ? all.spec.namespaces : [];
  return new Map(namespaces.map((it) => [it.namespace, it]));
}

/** Why a grant does not hold for an object; undefined: it does. */
function objectionTo(object: TenantObject, grant: NamespaceGrant): string | undefined {
  const name = namesOf(object).find((it) => !grant.interfaceNames.some((start) => it.startsWith(start)));
  if (name !== undefined) {
    return `the name ${name} begins with none of ${object.namespace}'s: ${grant.interfaceNames.join(", ")}`;
  }
  const isWireguard = object.kind === "PodWireGuardInterface";
  const network = (isWireguard ? networksOf(object) : netlinkNetworks(object))
    .find((it) => !grant.prefixes.some((prefix) => contains(prefix, it)));
  if (network !== undefined) return `${network.text} ${outside(grant.prefixes, object.namespace)}`;
  return isWireguard ? wireguardObjection(object, grant) : undefined;
}

function wireguardObjection(
  { spec, namespace }: PodWireguardInterface,
  { ports, endpoints }: NamespaceGrant,
): string | undefined {
  const { listenPort = 0, peers } = spec;
  if (!ports.some(({ start, end }) => start <= listenPort && listenPort <= end)) {
    const texts = ports.map(({ start, end }) => `${start} to ${end}`);
    return `the port ${listenPort} is none of ${namespace}'s: ${texts.join(", ") || "it has none"}`;
  }
  for (const { endpoint } of peers) {
    if (endpoint === undefined) continue;
    // What a name leads to changes, and who looks it up is the node.
    if (typeof endpoint.host === "string") {
      return `the endpoint ${endpoint.host} is a name: in a namespace's objects it must be an address`;
    }
    const host = hostPrefix(endpoint.host);
    if (!endpoints.some((it) => contains(it, host))) {
      return `the endpoint ${endpoint.host.text} ${outside(endpoints, namespace)}`;
    }
  }
}

function outside(prefixes: readonly Prefix[], namespace: string): string {
  return `is in none of ${namespace}'s: ${prefixes.map(({ text }) => text).join(", ") || "it has none"}`;
}

function namesOf({ kind, spec }: TenantObject): readonly string[] {
  const names = [spec.interfaceName];
  if (kind === "PodWireGuardInterface") return names;
  // What a bridge takes in is the pod's no more: its uplink, say.
  names.push(...spec.bridge?.slaves ?? []);
  if (spec.veth === undefined) return names;
  const { local, peer } = spec.veth;
  return [...names, local?.interfaceName ?? spec.interfaceName, peer.interfaceName];
}

function networksOf({ spec: { addresses, peers } }: PodWireguardInterface): readonly Prefix[] {
  return [
    ...addresses.flatMap(({ local, peer, prefixlen }) => [
      hostPrefix(local),
      prefixOf(peer ?? local, prefixlen ?? widthOf(local.family)),
    ]),
    ...peers.flatMap(({ allowedIPs }) => allowedIPs),
  ];
}

function netlinkNetworks({ spec: { addresses, veth } }: PodNetlinkInterface): readonly Prefix[] {
  const all = [addresses, veth?.local?.addresses, veth?.peer.addresses].flatMap((it) => it ?? []);
  return all.flatMap(({ ipcidr, peerCidr }: NetlinkAddress) =>
    [ipcidr, peerCidr].flatMap((it) =>
      it === undefined ? [] : [hostPrefix(it.address), prefixOf(it.address, it.length)]
    )
  );
}
