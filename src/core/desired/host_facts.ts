// What the agent must know of its host to say what it wants of it. Facts, not state: nothing here is written by us.

import type { BridgeFacts } from "../bridge/desire_bridge.ts";
import type { Address, Family } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Rejected } from "../nodes/node.ts";
import type { Former } from "../transport/former.ts";
import type { Nonce } from "../transport/ipsec/association.ts";
import type { Surroundings } from "./obstacles.ts";

/** The loopback: addresses may stand there that others reach this host by, over any of its interfaces. */
export const LOOPBACK = "lo";
/** Where kube-proxy in IPVS mode keeps the addresses of Services. */
export const IPVS_INTERFACE = "kube-ipvs0";

/** A network interface of the host. */
export interface HostInterface {
  readonly name: string;
  readonly mtuBytes: number;
  /** Of IPv6, by a router: its routes may carry less than the interface. */
  readonly announcedMtuBytes?: number;
  /** Its default route of IPv6 is a router's announcement. */
  readonly isAnnounced?: true;
  /** Those that a node may have: no loopback, no link-local. */
  readonly addresses: readonly Address[];
  /** What is reached without a router: the subnets of the addresses of an interface that is up. */
  readonly prefixes: readonly Prefix[];
  readonly hasDefaultRoute: boolean;
}

/** What DNS says of a name. */
export interface Resolution {
  /** Of the last good answer, sorted. */
  readonly addresses: readonly Address[];
  /** Why there is no answer now: `ENOTFOUND`. */
  readonly trouble: string | undefined;
}

/** How the kernel would reach an address. */
export interface Path {
  /** The interface; of several next hops the one that carries least. May be our own: then it is none. */
  readonly dev: string;
  /** What it carries in one packet, in bytes: the route's own MTU, or the interface's in the address's family. */
  readonly mtuBytes: number;
}

/** Read by shell/read_facts.ts; `render` on a laptop has {@link NO_FACTS}. */
export interface HostFacts {
  /** All interfaces but our own. */
  readonly interfaces: readonly HostInterface[];
  /** As WIREGUARD_MODE says; `auto`: what our interface is already, else what the kernel can do. */
  readonly wireguard: "kernel" | "userspace";
  /** Public key of this host's private key file; undefined: unknown. */
  readonly publicKey: PublicKey | undefined;
  /** Public key of the file beside it, while this host's key rotates. */
  readonly nextKey?: PublicKey;
  /** Somebody has asked for another key, or this one is as old as KEY_ROTATION allows. */
  readonly isRotationDue?: boolean;
  /** Whose the interface of the second one's name is; undefined: there is none. */
  readonly second?: "ours" | "foreign";
  /** Interfaces of names that transports have for theirs. */
  readonly overlays?: readonly string[];
  /** Others may go on sending so in a family that is back in the tunnel: for some seconds after the start. */
  readonly former?: Former;
  /** Undefined: there is no bridge of ours, nor a port of one. */
  readonly bridge?: BridgeFacts;
  /** The same of the interface of IPsec. */
  readonly hasIpsec?: true;
  /** What this agent has drawn last; undefined: no transport needs one, or nobody runs. */
  readonly ipsecNonce?: Nonce;
  /** This agent writes the annotations of its Node: they say what it is, and are no source of it. */
  readonly isPublished?: boolean;
  /** At which it asks the API server; undefined: it asks none, or by a name. */
  readonly apiAddress?: Address;
  /** And the TCP port there. */
  readonly apiPort?: number;
  /** The kernel is known to make no interface by which ESP goes in UDP. */
  readonly isUdpLacking?: boolean;
  /** IPv4 believes no source on our interface to which the way does not lead there. */
  readonly isTunnelStrict?: boolean;
  /** The same on the interface by which ESP goes in UDP, to which no way leads. */
  readonly isUdpStrict?: boolean;
  /** CIDRs of POD_CIDR_SOURCE_PATH. */
  readonly podCidrFile: readonly Prefix[];
  /** What POD_CIDR_EXPRESSION gives, in the families that ask for it. */
  readonly podCidrExpression: readonly Prefix[];
  /** Lines of that file that are no CIDR, and what is wrong with the expression or the key file. */
  readonly rejected: readonly Rejected[];
  /** By name; what is not there was not resolved yet. */
  readonly resolved: ReadonlyMap<string, Resolution>;
  /** Families in which the host is known to forward nothing. */
  readonly unforwarded?: readonly Family[];
  /** What of others' is on the host, where it was looked at. */
  readonly surroundings?: Surroundings;
  /** By address, of those that are reached at all. */
  readonly paths: ReadonlyMap<string, Path>;
}

/** True on a host whose Services are IPVS': their packets pass no forward hook on the way to a pod. */
export function hasIpvs({ interfaces }: Pick<HostFacts, "interfaces">): boolean {
  return interfaces.some(({ name }) => name === IPVS_INTERFACE);
}

/** Nothing is known of the host. */
export const NO_FACTS: HostFacts = {
  interfaces: [],
  wireguard: "kernel",
  publicKey: undefined,
  podCidrFile: [],
  podCidrExpression: [],
  rejected: [],
  resolved: new Map(),
  paths: new Map(),
};
