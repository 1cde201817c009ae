// An interface that this host is to have, whichever kind of object asks for it.

import type { Address } from "../../net/address.ts";
import type { HostName } from "../../net/destination.ts";
import type { PublicKey } from "../../net/keys.ts";
import { type ContainerId, keyIn } from "../containers/container.ts";
import type { DeclaredId } from "../declared_object.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { InterfaceAddress } from "../interface_address.ts";
import type { SecretId } from "./secrets.ts";

/** Where a peer is to be reached. */
export interface PeerPlace {
  readonly host: Address | HostName;
  readonly port: number;
}

/** A peer of a WireGuard interface. */
export interface WantedPeer {
  /** The other node, or the key where nobody has a name for it. */
  readonly node: string;
  /** Undefined: nobody has said it yet. */
  readonly publicKey: PublicKey | undefined;
  /** Canonical prefixes, sorted, joined by commas. */
  readonly allowedIps: string;
  /** Undefined: it must speak first. */
  readonly endpoint: PeerPlace | undefined;
  readonly keepaliveSeconds: number;
  /** The Secret with its preshared key; undefined: it has none. */
  readonly presharedSecret?: SecretId | undefined;
}

/** What it is, with all that this kind has of its own. */
export type WantedKind =
  | {
    readonly kind: "wireguard";
    /** Undefined: any. */
    readonly listenPort: number | undefined;
    /** The file that has its private key, in the folder of such keys. */
    readonly keyName: string;
    /** The Secret with its private key; undefined: that file has it. */
    readonly secret?: SecretId | undefined;
    /** What its plan says of the public key; undefined: nothing. */
    readonly statedKey?: PublicKey | undefined;
    readonly peers: readonly WantedPeer[];
  }
  | { readonly kind: "dummy" }
  | { readonly kind: "bridge"; readonly members: readonly string[] }
  | {
    readonly kind: "vxlan";
    /** As ip takes it behind `type`, and as what ip tells comes to: `vxlan id 100 dev wg1 dstport 4789`. */
    readonly words: string;
    readonly dev: string | undefined;
    /** UDP port that it listens on. */
    readonly port: number;
    /** What the kernel has one interface for: `VNI 100 at port 4789`. */
    readonly segment: string;
    /** By which its packets are longer than what they carry. */
    readonly headroomBytes: number;
  }
  | {
    readonly kind: "veth";
    /** The name of the other end. */
    readonly other: string;
    /** Where that lives; left out: on the host. */
    readonly otherContainer?: ContainerId | undefined;
    /** The end that both are made with. */
    readonly isFirst: boolean;
  };

/** An interface. */
export interface WantedInterface {
  readonly name: string;
  /** Where it lives; left out: on the host. */
  readonly container?: ContainerId | undefined;
  readonly owner: DeclaredId;
  /** The interface's alias, for people: whose it is, and of a plan to which node. No spaces: it goes into batches of ip. */
  readonly alias: string;
  /** Undefined: as the kernel has it. */
  readonly mtuBytes: number | undefined;
  readonly isUp: boolean;
  readonly addresses: readonly InterfaceAddress[];
  readonly link: WantedKind;
}

/** By what it is known on the whole host. */
export function keyOf({ container, name }: Pick<WantedInterface, "container" | "name">): string {
  return keyIn(container, name);
}

// IFALIASZ is 256, with the zero at its end.
const LONGEST_ALIAS = 255;

/** `WireGuardNetworkPlan/backbone/lax2`: the other node of a plan's link last. */
export function aliasOf({ kind, name }: DeclaredId, to?: string): string {
  return `${kind}/${name}${to === undefined ? "" : `/${to}`}`.slice(0, LONGEST_ALIAS);
}

/** Objects of namespaces, whatever they are called: nobody's own name is empty. */
export const ALL_TENANTS: readonly DeclaredId[] = KINDS.filter(({ isNamespaced }) => isNamespaced)
  .map(({ name: kind }) => ({ kind, name: "" }));

/** True for the alias of an interface that the object has asked for; of {@link ALL_TENANTS}: that any of the kind has. */
export function isAliasOf(alias: string, id: DeclaredId): boolean {
  const own = aliasOf(id);
  if (id.name === "") return alias.startsWith(own);
  return alias === own || alias.startsWith(`${own}/`);
}

/** True for one that some object's interface may have; without any it was made and not named before its agent died. */
export function isDeclaredAlias(alias: string): boolean {
  return alias === "" || KINDS.some(({ name }) => alias.startsWith(`${name}/`));
}
