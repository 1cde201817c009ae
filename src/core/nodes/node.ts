// What the agent believes of a Kubernetes Node after parsing, before anybody asked who owns what.

import type { Address } from "../net/address.ts";
import type { Destination } from "../net/destination.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import type { ObjectId } from "../policy/objects.ts";
import type { Nonce } from "../transport/ipsec/association.ts";
import type { Transports } from "../transport/stated.ts";

/** A DNS-1123 subdomain of at most 253 characters: safe in logs, file names and argv. */
export type NodeName = string & { readonly __brand: "NodeName" };

/** Who said it. What the API server guards (`spec`, `status`) weighs more than an annotation, which the node writes itself. */
export type Origin = "spec" | "status" | "annotation";

/** Something that a Node says is its own. */
export interface Claim<T> {
  readonly value: T;
  readonly origin: Origin;
}

/** A Node's own address. */
export interface AddressClaim extends Claim<Address> {
  /** An ExternalIP, and nothing else: something on the way may translate it. */
  readonly isExternal?: true;
}

/** A parsed Node: each value in it is whole, but may still be claimed by another Node as well. */
export interface Node {
  readonly name: NodeName;
  /** `metadata.creationTimestamp` as milliseconds since 1970; Infinity when missing: newest. */
  readonly createdMs: number;
  readonly publicKey: PublicKey | undefined;
  /** `wigglenet/next-key`: what its key rotates to; `none`: its agent knows rotations. Undefined: it says nothing of them. */
  readonly nextKey?: PublicKey | "none";
  /** What the Node uses, in the order of the object, without repeats. */
  readonly podCidrs: readonly Claim<Prefix>[];
  /** Those of `spec` alone, which the node itself goes by. */
  readonly assignedPodCidrs: readonly Claim<Prefix>[];
  /** InternalIP, ExternalIP, then `wigglenet/node-ips`; without repeats. */
  readonly addresses: readonly AddressClaim[];
  /** `wigglenet/endpoint`: where the others shall reach it. A wish, not a claim: it makes nothing its own. */
  readonly endpoint: Destination | undefined;
  /** `wigglenet/persistent-keepalive`: how often it sends to each of its peers, in seconds; 0: never by itself. */
  readonly keepaliveSeconds: number | undefined;
  /** `wigglenet/host-encryption`: its agent sends nothing in the clear to other nodes' addresses. */
  readonly isHostEncrypted?: true;
  /** `wigglenet/transport`: what it takes the packets of pods in. Undefined: it says nothing of it, as the original. */
  readonly transports?: Transports;
  /** `wigglenet/ipsec-nonce`: what its keys of IPsec are derived from at this time. */
  readonly ipsecNonce?: Nonce;
  /** `wigglenet/ipsec-udp-port`: to which UDP port it is sent what NAT lets through in UDP alone. Undefined: it takes none. */
  readonly ipsecUdpPort?: number;
  /** Of this host's own Node only, and only where an expression may ask for it: thousands of others would be heavy. */
  readonly metadata?: NodeMetadata;
}

/** What an expression sees of a Node. */
export interface NodeMetadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Why a claim is refused, in one of a few words: the text for people is the reason. */
export type RejectedKind =
  /** It cannot be read, or nobody may have it. */
  | "malformed"
  /** It is another Node's, or overlaps what is. */
  | "conflict"
  /** An older object has the same name. */
  | "namesake"
  /** A Node without a key is no peer. */
  | "keyless"
  /** It shows this host's key. */
  | "own-key"
  /** Nobody can be where it says that the Node is. */
  | "endpoint"
  /** What a file or a setting of this host says. */
  | "host"
  /** A part of a Pod, Namespace or NetworkPolicy: what it would allow is not allowed. */
  | "policy";

/** A claim, or a whole Node, that is not believed. It is shown in the plan, `status` and the log. */
export interface Rejected {
  /** Name of the Node, or where the object came from when it has none; of any other object `NetworkPolicy default/web`. */
  readonly node: string;
  /** What was claimed: `pod CIDR "10.0.0.0/33"`, `Node`. */
  readonly claim: string;
  readonly reason: string;
  /** Left out: `malformed`. */
  readonly kind?: RejectedKind;
  /** What it is of, where that is no Node. */
  readonly object?: ObjectId;
}

/** The texts of a Node's annotations, by key. */
export type Stated = ReadonlyMap<string, string>;

/** What parsing one object gave. */
export interface ParsedNode {
  readonly node: Node | undefined;
  readonly rejected: readonly Rejected[];
  /** Of the Node that this host writes itself: what stands there now. */
  readonly stated?: Stated;
}

/** Annotations. The first three are the original agent's: nodes of both kinds read and write them. */
export const ANNOTATION = {
  publicKey: "wigglenet/public-key",
  nodeIps: "wigglenet/node-ips",
  podCidrs: "wigglenet/pod-cidrs",
  endpoint: "wigglenet/endpoint",
  keepalive: "wigglenet/persistent-keepalive",
  nextKey: "wigglenet/next-key",
  hostEncryption: "wigglenet/host-encryption",
  transport: "wigglenet/transport",
  ipsecNonce: "wigglenet/ipsec-nonce",
  ipsecUdpPort: "wigglenet/ipsec-udp-port",
} as const;

/** The value of `wigglenet/next-key` while no key rotates. */
export const NO_NEXT_KEY = "none";

/** The value of `wigglenet/host-encryption`; any other says nothing. */
export const REQUIRED = "require";

/** True for a Node whose key rotates, or has just done so. */
export function announces({ nextKey }: Node): boolean {
  return nextKey !== undefined && nextKey !== NO_NEXT_KEY;
}

/** Order of Nodes by age, the oldest first. */
export function byAge(a: Node, b: Node): number {
  return a.createdMs === b.createdMs ? 0 : a.createdMs - b.createdMs;
}
