// A Plan says everything that apply does, in order, with its text: apply has no choice left.

import type { Family } from "../net/address.ts";
import type { Waiting } from "../desired/desired_state.ts";
import type { Rejected } from "../nodes/node.ts";
import type { KeyMove, OwnTurn } from "../rotation/turn.ts";
import type { Association, Nonce } from "../transport/ipsec/association.ts";
import type { ObservedAssociation } from "../transport/ipsec/rollover.ts";
import type { Choice } from "../observed/observed_state.ts";

/** What may differ, and is counted where it is repaired. */
export const DRIFT_KINDS = [
  "table",
  "element",
  "interface",
  "process",
  "address",
  "route",
  "peer",
  "cni",
] as const;

/** What may differ. */
export const CHANGE_KINDS = [
  ...DRIFT_KINDS,
  "rule",
  "sysctl",
  "key",
  "nonce",
  "association",
  "policy",
  /** Of a declared bridge. */
  "member",
] as const;

/** What is shown of one difference. */
export interface Change {
  readonly op: "+" | "-" | "~";
  readonly kind: typeof CHANGE_KINDS[number];
  /** What of that kind: a set's name, an interface, a node. */
  readonly target: string;
  /** The wanted value, or the one that goes. */
  readonly text: string;
  readonly reason: string;
}

/** One effect on the host. The input of `run` is a file whose path comes last: a killed agent leaves no half-read pipe. */
export type Action =
  | {
    readonly kind: "run";
    readonly program: "nft" | "wg" | "ip" | "sysctl" | "nsenter";
    readonly args: readonly string[];
    readonly input?: string;
    /** It deletes what may have gone by itself meanwhile, with what it stood on or the other end of its pair. */
    readonly mayBeGone?: true;
  }
  /** Starts wireguard-go, detached, and waits until it serves the interface. */
  | { readonly kind: "serve"; readonly interfaceName: string }
  | { readonly kind: "end"; readonly pid: number; readonly interfaceName: string }
  | { readonly kind: "removeFiles"; readonly paths: readonly string[] }
  /** Starts a handshake with each peer, behind everything else and without waiting for it, and looks after it. */
  | {
    readonly kind: "greet";
    readonly interfaceName: string;
    /** The command before has started them. */
    readonly hasBegun: boolean;
    /** With the keepalive that they are left with; 0: none. */
    readonly peers: readonly { readonly publicKey: string; readonly keepaliveSeconds: number }[];
  }
  /** Gives the kernel associations, whose keys are derived for this one moment, then takes others away. */
  | {
    readonly kind: "associate";
    readonly added: readonly Association[];
    readonly removed: readonly ObservedAssociation[];
    readonly privateKeyPath: string;
  }
  /** Draws another nonce instead of this one, for other nodes' sake alone or not, and publishes it. */
  | { readonly kind: "drawNonce"; readonly spent: Nonce; readonly isObliged: boolean }
  /** Moves the key files on, see docs/decisions/0050. */
  | { readonly kind: "moveKey"; readonly move: KeyMove; readonly privateKeyPath: string }
  | { readonly kind: "writeFile"; readonly path: string; readonly text: string; readonly linkFrom: string };

/** What a step is about; a failure of one blocks the steps that need it. A host without IPv6 keeps its IPv4 mesh. */
export type Part =
  | "table"
  | "policy"
  | "link"
  | "wireguard"
  /** Of the second interface; its addresses are apart. */
  | "second"
  | `second-v${Family}`
  | "key"
  | `addresses-v${Family}`
  | `routes-v${Family}`
  /** Routes beside the tunnel. */
  | `clear-v${Family}`
  /** By which node addresses go into the tunnel. */
  | `host-v${Family}`
  /** The interface that wraps packets in the clear. */
  | "overlay"
  | `overlay-v${Family}`
  /** The interface of IPsec, and policies. */
  | "ipsec"
  | `ipsec-v${Family}`
  | "associations"
  | "nonce"
  | "fastpath"
  | "bridge"
  /** Of the bridge. */
  | "ports"
  | "sysctl"
  | "cni"
  /** An interface that an object has declared, or a piece of it. */
  | `declared ${string}`;

/** Order of the steps. */
export const STAGE = {
  /** Where there is no table yet. */
  policyFirst: -1,
  /** Routes in the clear that the table takes already. */
  expected: -0.5,
  /** With the unreachable routes: all that guards. */
  table: 0,
  policy: 0.5,
  /** Of what it unwraps the table must decide. */
  overlay: 0.7,
  link: 1,
  serve: 2,
  /** Up and addressed: a handshake begins when a peer is added to what is up. */
  up: 3,
  /** Of routes in the clear. */
  clearDeletion: 3.2,
  /** With its key, and in one command with it a few peers where there were none. */
  configure: 3.5,
  tunnel: 4,
  /** Of routes in the clear in whose place the tunnel's stand by now, or could not be had. */
  clearRemains: 4.1,
  /** Where the tunnel has taken a family back. */
  lateTable: 4.2,
  /** Behind the tunnel, which it may be bound to. */
  fastpath: 4.5,
  deletions: 5,
  /** Behind the routes of the link, which would vanish with it and then fail to be deleted. */
  linkDeletion: 6,
  cni: 8,
  /** Once all the rest is as it was decided upon. */
  key: 9,
} as const;

/** Nodes of which all is one command. What more need is megabytes, which takes longer than the start of another program. */
export const FEW = 100;

/** Changes that are made together. */
export interface Step {
  readonly part: Part;
  /** Steps of equal stage run at once, lower stages first. */
  readonly stage: number;
  readonly needs: readonly Part[];
  readonly changes: readonly Change[];
  readonly actions: readonly Action[];
  /** Nobody changed anything on the host: what a peer's session shows is the reason, or what the policies say now. */
  readonly cause?: "session" | "policy";
  /** It makes the table anew, with the policies in it. */
  readonly holdsPolicy?: true;
  /** What the host has afterwards, where that is certain; without it the part is read back. */
  readonly confirms?: Confirmation;
}

/** A peer as it is after a step. */
export interface ConfirmedPeer {
  readonly publicKey: string;
  readonly allowedIps: string;
  readonly keepaliveSeconds: number;
  /** Left out: it is where it was. */
  readonly endpoint?: string;
  readonly choice?: Choice;
}

/** Members, routes and peers that a step adds and deletes. */
export interface Confirmation {
  readonly elements?: readonly {
    readonly name: string;
    readonly added: readonly string[];
    readonly deleted: readonly string[];
  }[];
  readonly routes?: {
    readonly family: 4 | 6;
    readonly added: readonly string[];
    readonly deleted: readonly string[];
  };
  readonly peers?: {
    readonly set: readonly ConfirmedPeer[];
    readonly removed: readonly string[];
  };
}

/** Whom packets are sent to that say that it can send. */
export interface Greeted {
  /** Its first pod address. */
  readonly address: string;
}

/** What separates the host from what is wanted. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly waiting: readonly Waiting[];
  readonly rejected: readonly Rejected[];
  /** Where the rotation of this host's key stands. */
  readonly ownTurn?: OwnTurn | undefined;
  /** By IPsec, behind the steps, and in each pass; no step, for it changes nothing here. */
  readonly greeted?: readonly Greeted[];
}

/** How many changes a plan makes. */
function changesIn({ steps }: Plan): number {
  return steps.reduce((count, { changes }) => count + changes.length, 0);
}

/** True when nothing is to be done, and nothing stands in the way either. */
export function isInSync({ steps, waiting }: Plan): boolean {
  return steps.length === 0 && !waiting.some(({ isBlocking }) => isBlocking);
}

/** True for a part of the second interface, and for what is told of one. By it keys rotate: pods have their network without it. */
export function isOfSecond(what: string): boolean {
  return /(^| )second(-v\d)?$/.test(what);
}

/** What is kept of a plan, which may hold megabytes of text. */
export interface Outline extends Pick<Plan, "waiting" | "ownTurn"> {
  readonly isInSync: boolean;
  /** The same, but for the second interface. */
  readonly isStanding: boolean;
  readonly changes: number;
}

/** Of none yet. */
export const UNPLANNED: Outline = { isInSync: false, isStanding: false, changes: 0, waiting: [] };

/** Sums up a plan. */
export function outlineOf(plan: Plan): Outline {
  return {
    waiting: plan.waiting,
    ownTurn: plan.ownTurn,
    isInSync: isInSync(plan),
    isStanding: isInSync({ ...plan, steps: plan.steps.filter(({ part }) => !isOfSecond(part)) }),
    changes: changesIn(plan),
  };
}
