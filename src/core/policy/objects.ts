// Pods, Namespaces and NetworkPolicies as the policy model reads them: nothing in them is half-valid. What could not be
// read has been decided by the parsers already, always to the closed side, and is told in {@link Parsed.rejected}.

import type { Address } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Labels, Selector } from "./selector.ts";

/** Kinds of the objects that policy is made of. */
export type PolicyKind = "Pod" | "Namespace" | "NetworkPolicy";

/** Which object; a Namespace has no namespace of its own. */
export interface ObjectId {
  readonly kind: PolicyKind;
  readonly namespace: string;
  /** Where the object came from (a path), when it has no name that can be read. */
  readonly name: string;
}

/** A part of an object that is not believed, and what follows from that. */
export interface RejectedPart extends ObjectId {
  /** `spec.ingress[0].from[1].ipBlock.cidr "10.0.0.0/33"`; the kind for the object as a whole. Printable, bounded. */
  readonly claim: string;
  /** In an operator's words, with what it costs: "... : the rule allows nothing". */
  readonly reason: string;
}

/** What parsing one object gave; without a value when not even its name can be read. */
export interface Parsed<T> {
  readonly value: T | undefined;
  readonly rejected: readonly RejectedPart[];
}

/** As nft calls them. */
export type Protocol = "tcp" | "udp" | "sctp";

/** A port that a container of the pod has given a name; native sidecars (initContainers that restart Always) included. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** core/v1 Pod. Read: metadata.{namespace,name,uid,labels,deletionTimestamp,creationTimestamp}, spec.{nodeName,hostNetwork,containers,initContainers}[ports], status.{phase,podIP,podIPs,startTime}. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  /** Empty where the object has none (files). */
  readonly uid: string;
  /** undefined: they cannot be read. It is nobody's peer then, and closed like a pod that nobody knows. */
  readonly labels: Labels | undefined;
  /** Empty while it is not scheduled. */
  readonly nodeName: string;
  /** Never a subject and never a peer: its packets are the node's. */
  readonly isHostNetwork: boolean;
  /** Succeeded or Failed: its addresses may be another pod's already. */
  readonly isTerminal: boolean;
  /** It has a deletionTimestamp, and runs still. */
  readonly isTerminating: boolean;
  /** `status.startTime`, else `metadata.creationTimestamp`, in milliseconds since 1970; 0 when neither is there: oldest. */
  readonly startedMs: number;
  /** status.podIPs (else podIP), without repeats. */
  readonly addresses: readonly Address[];
  readonly ports: readonly NamedPort[];
}

/** core/v1 Namespace. Read: metadata.{name,labels,annotations["wigglenet/audit"]}. */
export interface Namespace {
  readonly name: string;
  /** With `kubernetes.io/metadata.name`, which the API server adds and a file may leave out. undefined: they cannot be read. */
  readonly labels: Labels | undefined;
  /** `wigglenet/audit: "true"`: its policies drop nothing, they count and log what they would have dropped. */
  readonly isAudit: boolean;
}

/** Pods by their labels. */
export interface PodPeer {
  readonly kind: "pods";
  /** undefined: the policy's own namespace. */
  readonly namespaces: Selector | undefined;
  readonly pods: Selector;
}

/** `ipBlock`; `except` takes away of this block only. */
export interface BlockPeer {
  readonly kind: "block";
  readonly block: Prefix;
  /** Of the block's family; sorted. */
  readonly except: readonly Prefix[];
}

/** Who a rule speaks of. */
export type PolicyPeer = PodPeer | BlockPeer;

/** An inclusive range of ports of one protocol; 0 to 65535 where the policy names the protocol only. */
export interface PortRange {
  readonly kind: "range";
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/** A port by its name at the pod that is connected to: each pod may have another number for it. */
export interface PortName {
  readonly kind: "name";
  readonly protocol: Protocol;
  readonly name: string;
}

/** What a rule's `ports` speak of. */
export type PolicyPort = PortRange | PortName;

/** One rule: any of its peers on any of its ports. A rule with a broken part is not here: it allows nothing. */
export interface PolicyRule {
  /** Its place in `spec.ingress` or `spec.egress`. */
  readonly index: number;
  /** undefined: everybody, also outside of the cluster. */
  readonly peers: readonly PolicyPeer[] | undefined;
  /** undefined: all ports of all protocols, ICMP too. */
  readonly ports: readonly PolicyPort[] | undefined;
}

/** networking.k8s.io/v1 NetworkPolicy. */
export interface NetworkPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** `wigglenet/audit: "true"`. */
  readonly isAudit: boolean;
  /** Of the policy's namespace. Where it cannot be read: all of them. */
  readonly podSelector: Selector;
  /** undefined: the policy does not isolate in this direction; no rules: nothing may come in. */
  readonly ingress: readonly PolicyRule[] | undefined;
  /** The same for what goes out. */
  readonly egress: readonly PolicyRule[] | undefined;
}
