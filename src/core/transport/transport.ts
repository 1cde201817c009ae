// What a transport is: how pods of this host reach those of another Node in one family. Adding one is a folder here, its names below, and a
// line in transports.ts, in overlay_kinds.ts where it wraps, and in render_table.ts where it has rules; who makes routes, rules, interfaces and
// an MTU of it knows none by its name (docs/decisions/0055).

import type { Address, Family } from "../net/address.ts";
import type { Waiting } from "../desired/desired_state.ts";
import type { HostFacts } from "../desired/host_facts.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Pair } from "./ipsec/rollover.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { GivenSettings, Settings } from "../settings/settings.ts";

/** Names of transports, as TRANSPORT_IPV4 and `wigglenet/transport` say them. */
export const TRANSPORT_NAMES = [
  "wireguard",
  "native",
  "direct",
  "direct-or-wireguard",
  "vxlan",
  "vxlan-or-wireguard",
  "gre",
  "gre-or-wireguard",
  "ipsec",
  "ipsec-or-wireguard",
] as const;
/** Name of a transport. */
export type TransportName = (typeof TRANSPORT_NAMES)[number];

/** A way to the pods of one other Node that leaves in the clear. */
export interface ClearWay {
  /** What stands in a route between its destination and its protocol: `via 10.9.1.2 dev eth0 onlink`. */
  readonly route: string;
  /** The interface that it leaves by, and that what the other Node sends comes in by. */
  readonly dev: string;
  /** What fits into one packet of a pod, in bytes. */
  readonly mtuBytes: number;
  /** The other Node's own addresses by which it may be seen there, as far as the API server guards them. */
  readonly addresses: readonly Address[];
  /** From which of its own addresses the other Node may wrap; left out: it wraps nothing. */
  readonly outer?: readonly Address[];
  /** Encrypted between these two by associations of IPsec. Left out: in the clear indeed. */
  readonly pair?: Pair;
  /** Wraps what is encrypted once more; left out: that leaves as it is, or nothing is encrypted. */
  readonly overlay?: Overlay;
  /** To which address and UDP port that is sent (`10.9.1.50:24606`), by which route (`route 192.168.5.2/32 encap ...`); undefined: nowhere yet. */
  readonly udp?: { readonly to: string; readonly route: string } | undefined;
  /** What keeps it from being of use. */
  readonly waiting?: readonly Waiting[];
}

/** What ways depend on, beside the Nodes that they lead to. */
export interface Here {
  readonly own: SettledNode;
  readonly facts: HostFacts;
  readonly family: Family;
  /** Of all Nodes: nobody's address is in one. */
  readonly podCidrs: () => readonly Prefix[];
  readonly settings: Settings;
}

/** An interface of ours that wraps packets by the route that they take: ways in the clear lead by it, or what is encrypted does. */
export interface Overlay {
  readonly name: string;
  /** As ip calls it. */
  readonly kind: string;
  /** Kinds that an interface of its name may have and be ours: it is made anew then. */
  readonly kinds: readonly string[];
  /** How it is made, behind its kind: `external gpe dstport 24603`. */
  readonly words: string;
  /** Of the kernel. */
  readonly module: string;
  /** What routes by it say behind their ends: `key`; left out: nothing. */
  readonly flag?: string;
  /** Packets of nodes that are encrypted, and no pod's; left out: packets of pods. */
  readonly carries?: "esp";
  /** UDP; left out: it has none. */
  readonly port?: number;
  /** The network's number. */
  readonly vni: number;
  readonly mtuBytes: number;
  readonly rules: OverlayRules;
  /** What is to be set where this kernel does not have it, and where its port is another's; that left out: it has none. */
  readonly instead: { readonly lacking: string; readonly taken?: string };
}

/** What `ip -d -j link` tells of an interface that wraps, in the parts that matter. Flags may be null where they are on. */
export interface TunnelJson {
  readonly external?: boolean | null;
  readonly gpe?: boolean | null;
  readonly port?: number;
  readonly learning?: boolean;
  readonly udp_zero_csum6_rx?: boolean;
}

/** How an interface of a transport is known on a host. */
export interface OverlayKind {
  /** Beside the tunnel's of that name. */
  readonly nameOf: (settings: Pick<Settings, "interfaceName">) => string;
  /** Kinds that one of its name may have and be ours. */
  readonly kinds: readonly string[];
  /** Of one that wraps by routes: it is made as ours are. */
  readonly isOurs: (data: TunnelJson) => boolean;
  /** It is, and somebody has set something on it that we do not. */
  readonly isOdd: (data: TunnelJson) => boolean;
}

/** What the table has for an interface that wraps. */
export interface OverlayRules {
  /** Templates of what is around packets, which come before forward.nft. */
  readonly around: readonly string[];
  /** Templates beside kube-proxy's IPVS; left out: none. */
  readonly besideIpvs?: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
}

/** Ways in the clear, as one host has them. */
export interface Reach {
  /** Undefined: there is none. */
  readonly wayTo: (other: SettledNode) => ClearWay | undefined;
  /** Interfaces by which ways may lead, sorted, whoever the others are. */
  readonly devices: readonly string[];
  /** What others must have for one, in words: `an address in a network of this node (10.9.1.0/24 by eth0)`. */
  readonly condition: string;
  /** What is wrong with this host's own side. */
  readonly waiting: readonly Waiting[];
  /** Left out: ways lead by interfaces of the host. */
  readonly overlay?: Overlay;
  /** Left out: ways are not encrypted. */
  readonly secured?: Secured;
}

/** An interface of ours that what it is given leaves by encrypted or not at all. */
export interface Secured {
  readonly name: string;
  readonly mtuBytes: number;
}

/** A transport. */
export interface Transport {
  /** What packets travel in: nodes with transports of one medium take each other's. Undefined: somebody else routes. */
  readonly medium: "tunnel" | "direct" | "vxlan" | "gre" | "ipsec" | undefined;
  /** Left out: nothing ever leaves in the clear. */
  readonly reach?: (here: Here) => Reach;
  /** The tunnel stands for good, for whom there is no way in the clear. Left out: these are not reached. */
  readonly isTunnelElse?: true;
  /** What leaves beside the tunnel is encrypted all the same: left out, it leaves in the clear. */
  readonly isEncrypted?: true;
  /** The UDP port that others send to; left out, or undefined: none but the tunnel's. */
  readonly portOf?: (settings: GivenSettings) => number | undefined;
}
