// What a pass over declared networks has found, by object and by interface: what statuses, `status` and `graph` are made of.

import type { ContainerId } from "../containers/container.ts";
import { type DeclaredId, type DeclaredObject, nameOf, type RejectedPart } from "../declared_object.ts";
import type { ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { interfaceOf } from "../plan/configure_interface.ts";
import type { DeclaredMoment, DeclaredPlan } from "../plan/diff_declared.ts";
import { keyedBy } from "../plan/diff_wireguard.ts";
import type { Wanted } from "../want/want_interfaces.ts";
import { keyOf, type WantedInterface, type WantedPeer } from "../want/wanted_interface.ts";

/** Why something is not there: the reason of a condition. */
export type TroubleReason = "Rejected" | "Failing" | "Waiting" | "Pending";

/** Something of an object that is not there. */
export interface Trouble {
  readonly reason: TroubleReason;
  readonly message: string;
}

/** An object that concerns this node. */
export interface ObjectReport extends DeclaredId {
  readonly generation: number | undefined;
  /** What is worst comes first; empty: all of it is there. */
  readonly troubles: readonly Trouble[];
}

/** A peer of an interface. */
export interface PeerReport {
  /** The node; the key where nobody has a name for it. */
  readonly node: string;
  readonly publicKey: string | undefined;
  readonly endpoint: string | undefined;
  /** Seconds since 1970; 0: never. */
  readonly handshakeSeconds: number;
}

/** An interface that an object asks this host for. */
export interface InterfaceReport {
  readonly name: string;
  /** Where it lives; left out: on the host. */
  readonly container?: ContainerId;
  readonly owner: DeclaredId;
  readonly type: WantedInterface["link"]["kind"];
  readonly state: "up" | "down" | "missing";
  /** Of WireGuard. */
  readonly listenPort: number | undefined;
  readonly publicKey: string | undefined;
  readonly mtuBytes: number | undefined;
  readonly addresses: readonly string[];
  readonly peers: readonly PeerReport[];
}

/** All of them. */
export interface DeclaredReport {
  readonly objects: readonly ObjectReport[];
  readonly interfaces: readonly InterfaceReport[];
}

/** What a report is made from. */
export interface DeclaredSight {
  readonly nodeName: string;
  readonly objects: readonly DeclaredObject[];
  /** Why those that cannot be read cannot be. */
  readonly unread: readonly RejectedPart[];
  readonly wanted: Wanted;
  readonly plan: DeclaredPlan;
  /** What could not be done, by part. */
  readonly failing: Readonly<Record<string, { readonly error: string }>>;
  readonly observed: ObservedInterfaces;
  readonly moment: DeclaredMoment;
}

/** Puts it together. */
export function reportOf(sight: DeclaredSight): DeclaredReport {
  const troubles = troublesOf(sight);
  const here = sight.objects.filter((object) => concerns(object, sight.nodeName));
  const named = new Set(here.map(nameOf));
  const unread = sight.unread.filter((it) => !named.has(nameOf(it)));
  return {
    objects: [...here, ...unread.map((id) => ({ ...id, generation: undefined }))].map((
      { kind, name, generation },
    ) => ({ kind, name, generation, troubles: troubles.get(`${kind} ${name}`) ?? [] })),
    interfaces: sight.wanted.interfaces.map((it) => interfaceReport(it, sight)),
  };
}

function concerns(object: DeclaredObject, nodeName: string): boolean {
  if (object.kind === "PodInterfaceGrant") return false;
  return object.kind === "WireGuardNetworkPlan"
    ? object.spec.nodes.some((node) => node.nodeName === nodeName)
    : object.spec.node === nodeName;
}

function troublesOf({ unread, wanted, plan, failing }: DeclaredSight): Map<string, Trouble[]> {
  const troubles = new Map<string, Trouble[]>();
  const add = ({ kind, name }: DeclaredId, reason: TroubleReason, message: string) => {
    const key = `${kind} ${name}`;
    const list = troubles.get(key) ?? [];
    if (!list.some((it) => it.message === message)) troubles.set(key, [...list, { reason, message }]);
  };
  for (const it of [...unread, ...wanted.rejected]) add(it, "Rejected", `${it.claim}: ${it.reason}`);
  const owners = new Map(wanted.interfaces.map((it) => [keyOf(it), it.owner]));
  for (const [part, { error }] of Object.entries(failing)) {
    const owner = owners.get(interfaceOf(part) ?? "");
    if (owner !== undefined) add(owner, "Failing", `interface ${interfaceOf(part)}: ${error}`);
  }
  for (const { owner, what, why, next } of plan.waiting) add(owner, "Waiting", `${what}: ${why}; ${next}`);
  for (const { part } of plan.steps) {
    const owner = owners.get(interfaceOf(part) ?? "");
    if (owner !== undefined) add(owner, "Pending", `interface ${interfaceOf(part)} is being made or mended`);
  }
  return troubles;
}

function interfaceReport(wanted: WantedInterface, { observed, moment }: DeclaredSight): InterfaceReport {
  const { name, container, owner, link } = wanted;
  const found = observed.interfaces.get(keyOf(wanted));
  const has = found?.isOurs ? found : undefined;
  const serving = observed.serving.get(keyOf(wanted))?.wireguard;
  const isWireguard = link.kind === "wireguard";
  return {
    name,
    ...(container !== undefined && { container }),
    owner: { kind: owner.kind, name: owner.name },
    type: link.kind,
    state: has === undefined ? "missing" : has.isUp ? "up" : "down",
    listenPort: isWireguard ? link.listenPort ?? serving?.port : undefined,
    // Without it the others would cut the link that stands.
    publicKey: isWireguard ? keyedBy(wanted, link, { observed, moment }).key : undefined,
    mtuBytes: has?.mtuBytes ?? wanted.mtuBytes,
    addresses: wanted.addresses.map(({ text }) => text),
    peers: isWireguard
      ? link.peers.map((peer) => peerReport(peer, serving?.peers.get(peer.publicKey ?? "")))
      : [],
  };
}

function peerReport(
  { node, publicKey }: WantedPeer,
  has: { readonly endpoint: string | undefined; readonly handshakeSeconds: number } | undefined,
): PeerReport {
  return { node, publicKey, endpoint: has?.endpoint, handshakeSeconds: has?.handshakeSeconds ?? 0 };
}
