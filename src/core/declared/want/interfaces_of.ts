// One object -> the interfaces that it asks this host for, or why it gets none here. Of the object alone: who else wants the same
// is settled afterwards.

import { comparePrefixes, type Prefix } from "../../net/prefix.ts";
import { sha256 } from "../../policy/sha256.ts";
import { containerId } from "../containers/container.ts";
import type { AnyNetlink, AnyWireguard } from "../declared_object.ts";
import type { PlanInterface } from "../expand/expand_plans.ts";
import { wireguardAddress } from "../expand/link_addresses.ts";
import { addressOn, type InterfaceAddress } from "../interface_address.ts";
import type { NetlinkAddress } from "../kinds/netlink_interface.ts";
import type { PlanNode } from "../kinds/plan.ts";
import type { Container } from "../schema/parts.ts";
import { secretId, secretObjection } from "./secrets.ts";
import { vxlanLink } from "./vxlan_words.ts";
import { aliasOf, type WantedInterface, type WantedKind } from "./wanted_interface.ts";

/** What this agent does not do for everybody. */
export interface Reach {
  /** The one namespace whose Secrets are read; left out: none are. */
  readonly secretsNamespace?: string | undefined;
  /** It puts interfaces into containers; left out: it does not. */
  readonly hasContainers?: boolean;
}

interface Placed {
  readonly container?: Container | undefined;
  readonly moveToContainer?: boolean;
}

function containerObjection(
  { container, moveToContainer = false }: Placed,
  { hasContainers = false }: Reach,
): string | undefined {
  if (container === undefined) {
    return moveToContainer ? "moveToContainer says so, and no container is named" : undefined;
  }
  return hasContainers
    ? undefined
    : "it belongs into a container, and this agent puts nothing there (DECLARED_CONTAINERS=false)";
}

/** "ACLs are not the duty of the tunnel": what a plan's peer may send and be sent. */
const EVERYTHING = "0.0.0.0/0,::/0";

/** Why a node of a plan gets no interfaces here; undefined: it does. */
export function planObjection(node: PlanNode, reach: Reach): string | undefined {
  return containerObjection(node, reach) ?? secretObjection(node.privateKeyRef, reach.secretsNamespace);
}

/** The interface of one of this node's links. */
export function ofPlan({ plan, to, peer, ...it }: PlanInterface): WantedInterface {
  return {
    name: it.interfaceName,
    container: placeOf(it.container),
    owner: plan,
    alias: aliasOf(plan, to),
    mtuBytes: it.mtuBytes,
    isUp: true,
    addresses: it.addresses,
    link: {
      kind: "wireguard",
      listenPort: it.listenPort,
      keyName: keyName("plan-", plan.name),
      secret: it.privateKeyRef && secretId(it.privateKeyRef),
      statedKey: it.publicKey,
      peers: [{ node: to, ...peer, allowedIps: EVERYTHING }],
    },
  };
}

/** Why a WireGuardInterface gets none here; undefined: it does. */
export function wireguardObjection({ spec }: AnyWireguard, reach: Reach): string | undefined {
  const objection = containerObjection(spec, reach);
  if (objection !== undefined) return objection;
  const references = [spec.privateKeySecretRef, ...spec.peers.map((peer) => peer.presharedKeySecretRef)];
  const unread = references.map((it) => secretObjection(it, reach.secretsNamespace)).find((it) =>
    it !== undefined
  );
  if (unread !== undefined) return unread;
  const texts = spec.peers.flatMap(({ allowedIPs }) => [...new Set(allowedIPs.map(({ text }) => text))]);
  const twice = texts.find((text, i) => texts.indexOf(text) < i);
  return twice === undefined
    ? undefined
    : `two of its peers have ${twice}: WireGuard would send to one of them`;
}

/** The interface that a WireGuardInterface is. */
export function ofWireguard(object: AnyWireguard): WantedInterface {
  const { spec } = object;
  return {
    name: spec.interfaceName,
    container: placeOf(spec.container),
    owner: object,
    alias: aliasOf(object),
    mtuBytes: spec.mtu,
    isUp: true,
    addresses: spec.addresses.map(wireguardAddress),
    link: {
      kind: "wireguard",
      listenPort: spec.listenPort,
      keyName: keyNameOf(object),
      secret: spec.privateKeySecretRef && secretId(spec.privateKeySecretRef),
      peers: spec.peers.map(({ publicKey, allowedIPs, endpoint, ...it }) => ({
        node: publicKey,
        publicKey,
        allowedIps: textOf(allowedIPs),
        endpoint: endpoint && { host: endpoint.host, port: endpoint.port },
        keepaliveSeconds: it.persistentKeepalive ?? 0,
        presharedSecret: it.presharedKeySecretRef && secretId(it.presharedKeySecretRef),
      })),
    },
  };
}

function placeOf(container: Container | undefined): string | undefined {
  return container && containerId(container);
}

function textOf(allowedIps: readonly Prefix[]): string {
  const texts = [...allowedIps].sort(comparePrefixes).map(({ text }) => text);
  return [...new Set(texts)].join(",");
}

/** Why a NetlinkInterface gets none here; undefined: it does. */
export function netlinkObjection(
  { spec: { container, veth } }: AnyNetlink,
  reach: Reach,
): string | undefined {
  return [container, veth?.local?.container, veth?.peer.container]
    .map((it) => containerObjection({ container: it }, reach)).find((it) => it !== undefined);
}

/** The interface that a NetlinkInterface is, or the two of a pair. */
export function ofNetlink(object: AnyNetlink): readonly WantedInterface[] {
  const { spec } = object;
  const { bridge, vxlan, veth } = spec;
  const local = placeOf(veth?.local?.container ?? spec.container);
  const made = (name: string, said: readonly NetlinkAddress[], link: WantedKind): WantedInterface => ({
    name,
    container: local,
    owner: object,
    alias: aliasOf(object),
    mtuBytes: spec.mtu,
    isUp: spec.up,
    addresses: said.map(netlinkAddress),
    link,
  });
  if (veth !== undefined) {
    const [name, other] = [veth.local?.interfaceName ?? spec.interfaceName, veth.peer.interfaceName];
    const container = placeOf(veth.peer.container);
    const first = { kind: "veth", other, otherContainer: container, isFirst: true } as const;
    const second = { kind: "veth", other: name, otherContainer: local, isFirst: false } as const;
    return [
      made(name, veth.local?.addresses ?? spec.addresses, first),
      { ...made(other, veth.peer.addresses, second), container },
    ];
  }
  const link: WantedKind = vxlan !== undefined
    ? vxlanLink(vxlan)
    : spec.type === "bridge"
    ? { kind: "bridge", members: bridge?.slaves ?? [] }
    : { kind: "dummy" };
  return [made(spec.interfaceName, spec.addresses, link)];
}

function netlinkAddress({ ipcidr, peerCidr }: NetlinkAddress): InterfaceAddress {
  return addressOn(ipcidr.address, { peer: peerCidr?.address, length: (peerCidr ?? ipcidr).length });
}

// A file's name is at most 255 bytes, and a temporary one has more than the name.
const LONGEST_KEY_NAME = 200;

/** A namespace may be made anew by others: theirs is another object, which never has the key of the one that had its name. */
export function keyNameOf({ name, uid, ...object }: AnyWireguard): string {
  return uid === undefined || !("namespace" in object)
    ? keyName("interface-", name)
    : keyName("tenant-", `${name}_${uid}`);
}

/** An object's name may be a file's: it begins with no dot, and behind its namespace stands what no name has. */
function keyName(of: "plan-" | "interface-" | "tenant-", name: string): string {
  const whole = `${of}${name.replace("/", "_")}`;
  if (whole.length <= LONGEST_KEY_NAME) return whole;
  return `${whole.slice(0, LONGEST_KEY_NAME - 25)}-${sha256(whole).subarray(0, 12).toHex()}`;
}
