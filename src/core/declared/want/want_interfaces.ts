// All objects that can be read -> the interfaces of this host, no two of one name or port. The order of the objects decides nothing.

import type { PublicKey } from "../../net/keys.ts";
import {
  type AnyNetlink,
  type AnyWireguard,
  byAge,
  type DeclaredId,
  type DeclaredObject,
  nameOf,
  type NetworkPlan,
  type RejectedPart,
} from "../declared_object.ts";
import { keyIn } from "../containers/container.ts";
import { expandPlans } from "../expand/expand_plans.ts";
import { isTenant, overreaching, POD_NETWORK, toldTo } from "./grants.ts";
import {
  netlinkObjection,
  ofNetlink,
  ofPlan,
  ofWireguard,
  planObjection,
  type Reach,
  wireguardObjection,
} from "./interfaces_of.ts";
import { addressObjection, NOTHING_TAKEN, type Taken } from "./taken.ts";
import { interfacesBeside } from "../../transport/interfaces_beside.ts";
import { keyOf, type WantedInterface } from "./wanted_interface.ts";

/** Whose interfaces these are, and what of its names and ports is the agent's own. */
export interface Surroundings extends Reach {
  readonly nodeName: string;
  /** The pod network's interface: its name, those that follow from it, and all that begin with it and a dash. */
  readonly interfaceName: string;
  /** UDP ports of the pod network. */
  readonly ports: readonly number[];
  /** Milliseconds since 1970: what has expired by then is not wanted. */
  readonly nowMs: number;
  /** Addresses that are somebody's; left out: none is known. */
  readonly taken?: Taken;
  /** What other agents say of their keys; left out: nobody does. */
  readonly published?: PublishedKeys;
}

/** Public keys by plan and node. */
export type PublishedKeys = ReadonlyMap<string, ReadonlyMap<string, PublicKey>>;

/** What declared objects ask of this host. */
export interface Wanted {
  /** By precedence: who stands before has won what two have claimed. */
  readonly interfaces: readonly WantedInterface[];
  readonly rejected: readonly RejectedPart[];
  /** Objects of the cluster that get nothing here: what they have had stays as it is. */
  readonly refused: readonly DeclaredId[];
}

/** Settles who gets which interface. */
export function wantInterfaces(objects: readonly DeclaredObject[], surroundings: Surroundings): Wanted {
  const desk = new Desk(surroundings);
  const sorted = [...objects].sort(byAge);
  const here = sorted.filter((it) => isOf(it, surroundings.nodeName));
  desk.takePlans(sorted.filter((it): it is NetworkPlan => it.kind === "WireGuardNetworkPlan"));
  const tooMuch = overreaching(here);
  const refusedNames = new Set(tooMuch.map(nameOf));
  const allowed = here.filter((it) => !refusedNames.has(nameOf(it)));
  // Nothing of a namespace is ahead of what is the cluster's, however old it is.
  for (const those of [allowed.filter((it) => !isTenant(it)), allowed.filter(isTenant)]) {
    for (const it of those.filter(isWireguard)) {
      desk.take(it, wireguardObjection(it, surroundings), () => [ofWireguard(it)]);
    }
    for (const it of those.filter(isNetlink)) {
      desk.take(it, netlinkObjection(it, surroundings), () => ofNetlink(it));
    }
  }
  // What a namespace has is its own by what it may have now: else it kept what it is granted no more by asking for nonsense.
  const refused = desk.refused.filter((it) => !isTenant(it));
  return { interfaces: desk.interfaces, rejected: [...tooMuch, ...desk.rejected], refused };
}

/** Grants are everybody's. */
function isOf({ kind, spec }: DeclaredObject, nodeName: string): boolean {
  return kind === "PodInterfaceGrant" || kind !== "WireGuardNetworkPlan" && spec.node === nodeName;
}

function isWireguard(object: DeclaredObject): object is AnyWireguard {
  return object.kind === "WireGuardInterface" || object.kind === "PodWireGuardInterface";
}

function isNetlink(object: DeclaredObject): object is AnyNetlink {
  return object.kind === "NetlinkInterface" || object.kind === "PodNetlinkInterface";
}

/** True for a node whose time in a plan is over. */
export function isExpired({ spec }: NetworkPlan, name: string, nowMs: number): boolean {
  return (spec.nodes.find(({ nodeName }) => nodeName === name)?.expires ?? Infinity) <= nowMs;
}

/** Names by which others find their own: who has one before them is in their way. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ["kube-ipvs0", "kube-proxy"],
  ["nodelocaldns", "node-local-dns"],
  ["cni0", "the bridge plugin"],
  ["docker0", "docker"],
  ["flannel.1", "flannel"],
]);

/** RFC 8200, section 5: of less the kernel has no IPv6 on an interface. */
const LEAST_MTU_IPV6 = 1280;
type Vxlan = Extract<WantedInterface["link"], { kind: "vxlan" }>;

/** True for a VXLAN of the host: that of a container listens there, while WireGuard's socket is the host's wherever it lives. */
function hasOwnSocket(it: WantedInterface): it is WantedInterface & { readonly link: Vxlan } {
  return it.link.kind === "vxlan" && it.container === undefined;
}

/** Gives names, ports and bridge members to who asks first. */
class Desk {
  readonly interfaces: WantedInterface[] = [];
  readonly rejected: RejectedPart[] = [];
  readonly refused: DeclaredId[] = [];
  readonly #names = new Map<string, string>();
  readonly #ports = new Map<number, string>();
  /** Those of VXLANs, of which several may share one. */
  readonly #vxlanPorts = new Map<number, string>();
  readonly #segments = new Map<string, string>();
  readonly #members = new Map<string, string>();
  readonly #own: readonly string[];

  constructor(private readonly surroundings: Surroundings) {
    this.#own = interfacesBeside(surroundings);
    for (const port of surroundings.ports) this.#ports.set(port, POD_NETWORK);
  }

  takePlans(plans: readonly NetworkPlan[]): void {
    const { nodeName, nowMs, published } = this.surroundings;
    for (const plan of plans) {
      const own = plan.spec.nodes.find((node) => node.nodeName === nodeName);
      const reason = own && planObjection(own, this.surroundings);
      if (reason !== undefined) this.#refuse(plan, `node ${nodeName}`, reason);
    }
    // Those that get nothing here, or not any more, keep their ports: the others count on it.
    const { interfaces, rejected } = expandPlans(plans, nodeName, this.surroundings.ports);
    this.rejected.push(...rejected);
    for (const it of interfaces) {
      const isOver = [nodeName, it.to].some((name) => isExpired(it.plan, name, nowMs));
      if (isOver || this.refused.includes(it.plan)) continue;
      const publicKey = it.peer.publicKey ?? published?.get(it.plan.name)?.get(it.to);
      this.#claim([ofPlan({ ...it, peer: { ...it.peer, publicKey } })], `link ${nodeName} to ${it.to}`);
    }
  }

  take(object: DeclaredObject, objection: string | undefined, made: () => readonly WantedInterface[]): void {
    if (objection === undefined) this.#claim(made());
    else this.#refuse(object, object.kind, objection);
  }

  /** All of them or none. */
  #claim(asked: readonly WantedInterface[], what?: string): void {
    for (const it of asked) {
      const reason = this.#objection(it);
      if (reason !== undefined) {
        return this.#reject(it.owner, what ?? `interface ${it.name}`, reason);
      }
    }
    for (const it of asked) {
      const owner = nameOf(it.owner);
      this.#names.set(keyOf(it), owner);
      if (it.link.kind === "wireguard" && it.link.listenPort !== undefined) {
        this.#ports.set(it.link.listenPort, owner);
      }
      if (it.link.kind === "vxlan") this.#segments.set(keyIn(it.container, it.link.segment), owner);
      if (hasOwnSocket(it)) this.#vxlanPorts.set(it.link.port, owner);
      this.interfaces.push(it.link.kind === "bridge" ? this.#withMembers(it, it.link.members) : it);
    }
  }

  #objection(wanted: WantedInterface): string | undefined {
    const { name, container, link, addresses, mtuBytes } = wanted;
    const named = this.#ownerOf(wanted);
    if (named !== undefined) return `the name ${name} belongs to ${toldTo(wanted.owner, named)}`;
    const port = link.kind === "wireguard"
      ? link.listenPort
      : hasOwnSocket(wanted)
      ? wanted.link.port
      : undefined;
    const listening = port === undefined
      ? undefined
      : this.#ports.get(port) ?? (link.kind === "vxlan" ? undefined : this.#vxlanPorts.get(port));
    if (listening !== undefined) return `the port ${port} belongs to ${toldTo(wanted.owner, listening)}`;
    const segment = link.kind === "vxlan" ? link.segment : "";
    const sharing = this.#segments.get(keyIn(container, segment));
    if (sharing !== undefined) return `the ${segment} belongs to ${toldTo(wanted.owner, sharing)}`;
    const isNarrow = (mtuBytes ?? LEAST_MTU_IPV6) < LEAST_MTU_IPV6;
    if (isNarrow && addresses.some(({ local }) => local.family === 6)) {
      return `its MTU ${mtuBytes} is too small for IPv6, which needs ${LEAST_MTU_IPV6}`;
    }
    const locals = addresses.filter(({ local }) => local.family === 6).map(({ local }) => local.text);
    const twice = locals.find((text, i) => locals.indexOf(text) < i);
    if (twice !== undefined) return `${twice} stands twice: the kernel takes it once`;
    // A container's routes are its own. A tenant's are its grant's, by which nobody's node or pods are meant.
    if (container !== undefined && !isTenant(wanted.owner)) return undefined;
    const { taken = NOTHING_TAKEN } = this.surroundings;
    return addresses.map((address) => addressObjection(address, taken)).find((it) => it !== undefined);
  }

  #ownerOf({ name, container }: Pick<WantedInterface, "name" | "container">): string | undefined {
    if (container !== undefined) return this.#names.get(keyIn(container, name));
    const { interfaceName } = this.surroundings;
    const isOwn = name === interfaceName || name.startsWith(`${interfaceName}-`) || this.#own.includes(name);
    return isOwn ? POD_NETWORK : this.#names.get(name) ?? OTHERS.get(name);
  }

  /** A member has one bridge; the bridge stands without it. */
  #withMembers(bridge: WantedInterface, asked: readonly string[]): WantedInterface {
    const members = asked.filter((name) => {
      const member = keyIn(bridge.container, name);
      const isPods = this.#ownerOf({ name, container: bridge.container }) === POD_NETWORK;
      const other = isPods ? POD_NETWORK : this.#members.get(member);
      const isWireguard = this.interfaces.some((it) => keyOf(it) === member && it.link.kind === "wireguard");
      if (other !== undefined || isWireguard) {
        const reason = other === undefined
          ? "it is WireGuard's, and a bridge takes Ethernet"
          : `it belongs to ${toldTo(bridge.owner, other)}`;
        this.#reject(bridge.owner, `member ${name}`, reason);
        return false;
      }
      this.#members.set(member, nameOf(bridge.owner));
      return true;
    });
    return { ...bridge, link: { kind: "bridge", members } };
  }

  #refuse(object: DeclaredObject, claim: string, reason: string): void {
    this.refused.push(object);
    this.#reject(object, claim, reason);
  }

  #reject({ kind, name }: DeclaredId, claim: string, reason: string): void {
    this.rejected.push({ kind, name, claim, reason });
  }
}
