// Declared objects as values: what the parser has read of them, whole.

import type { NETLINK_INTERFACE, NetlinkSpec } from "./kinds/netlink_interface.ts";
import type { KindName } from "./kinds/kinds.ts";
import type { GrantSpec, POD_INTERFACE_GRANT } from "./kinds/pod_interface_grant.ts";
import type { POD_NETLINK_INTERFACE } from "./kinds/pod_netlink_interface.ts";
import type { POD_WIREGUARD_INTERFACE } from "./kinds/pod_wireguard_interface.ts";
import type { Condition } from "./kinds/status.ts";
import type { PlanSpec, WIREGUARD_NETWORK_PLAN } from "./kinds/plan.ts";
import type { WIREGUARD_INTERFACE, WireguardSpec } from "./kinds/wireguard_interface.ts";

/** Which object. */
export interface DeclaredId {
  readonly kind: KindName;
  /** Of a kind with namespaces `NAMESPACE/NAME`. */
  readonly name: string;
}

/** What its status says already. */
export interface Stated {
  readonly observedGeneration: number | undefined;
  readonly conditions: readonly Condition[] | undefined;
  /** Of a kind that says it. */
  readonly publicKey: string | undefined;
}

interface Declared<K extends { readonly name: KindName }, Spec> extends DeclaredId {
  readonly kind: K["name"];
  /** `metadata.creationTimestamp` as milliseconds since 1970; Infinity when missing: newest. */
  readonly createdMs: number;
  /** `metadata.uid`: another object of its name has another; undefined: it is of a file. */
  readonly uid: string | undefined;
  /** `metadata.generation`; undefined: it is of a file. */
  readonly generation: number | undefined;
  /** Undefined: nothing that could be read. */
  readonly stated: Stated | undefined;
  readonly spec: Spec;
}

/** A WireGuardNetworkPlan. */
export type NetworkPlan = Declared<typeof WIREGUARD_NETWORK_PLAN, PlanSpec>;
/** A WireGuardInterface. */
export type WireguardInterface = Declared<typeof WIREGUARD_INTERFACE, WireguardSpec>;
/** A NetlinkInterface. */
export type NetlinkInterface = Declared<typeof NETLINK_INTERFACE, NetlinkSpec>;
/** A PodWireGuardInterface, as a WireGuardInterface in a container would be. */
export type PodWireguardInterface =
  & Declared<typeof POD_WIREGUARD_INTERFACE, WireguardSpec>
  & { readonly namespace: string };
/** A PodNetlinkInterface, as a NetlinkInterface in a container would be. */
export type PodNetlinkInterface =
  & Declared<typeof POD_NETLINK_INTERFACE, NetlinkSpec>
  & { readonly namespace: string };
/** A PodInterfaceGrant. */
export type InterfaceGrant = Declared<typeof POD_INTERFACE_GRANT, GrantSpec>;

/** One of a namespace. */
export type TenantObject = PodWireguardInterface | PodNetlinkInterface;
/** One that is a WireGuard interface. */
export type AnyWireguard = WireguardInterface | PodWireguardInterface;
/** One that is another interface, or a pair. */
export type AnyNetlink = NetlinkInterface | PodNetlinkInterface;
/** One of them. */
export type DeclaredObject =
  | NetworkPlan
  | WireguardInterface
  | NetlinkInterface
  | TenantObject
  | InterfaceGrant;

/** A part of an object that is not done, and why. */
export interface RejectedPart extends DeclaredId {
  /** `link n1 to n2`, `interface wg1`; the kind for the object as a whole. */
  readonly claim: string;
  readonly reason: string;
}

/** What parsing one object gave: the object, or why it is refused; neither of one that is being deleted. */
export interface ParsedDeclared {
  readonly object: DeclaredObject | undefined;
  readonly rejected: RejectedPart | undefined;
}

/** Order of objects that claim the same: the older before the younger, then by name. */
export function byAge(a: DeclaredObject, b: DeclaredObject): number {
  return a.createdMs === b.createdMs
    ? (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
    : a.createdMs - b.createdMs;
}

/** `WireGuardNetworkPlan backbone`. */
export function nameOf({ kind, name }: DeclaredId): string {
  return `${kind} ${name}`;
}
