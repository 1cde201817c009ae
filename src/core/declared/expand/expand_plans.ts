// Plans -> what this node has of each: its interfaces with their one peer each. The same function on every node, of the plans
// alone, so that both ends of a link agree without having spoken.

import type { Address } from "../../net/address.ts";
import type { HostName } from "../../net/destination.ts";
import type { PublicKey } from "../../net/keys.ts";
import { NAT_KEEPALIVE_SECONDS } from "../../plan/choose_endpoint.ts";
import { byAge, type NetworkPlan, type RejectedPart } from "../declared_object.ts";
import type { InterfaceAddress } from "../interface_address.ts";
import type { PlanNode } from "../kinds/plan.ts";
import type { PortRange } from "../schema/parts.ts";
import { addressesOf } from "./link_addresses.ts";
import { linkName } from "./link_name.ts";
import { NodePorts } from "./link_ports.ts";
import { type LinkEnd, linksOf } from "./plan_links.ts";

/** An interface of this node that a plan asks for. */
export interface PlanInterface {
  readonly plan: NetworkPlan;
  /** The node at the other end. */
  readonly to: string;
  readonly interfaceName: string;
  /** What the plan says of this node's key; undefined: nothing. */
  readonly publicKey: PublicKey | undefined;
  /** The Secret with this node's private key; undefined: its agent makes one. */
  readonly privateKeyRef: PlanNode["privateKeyRef"];
  /** The container that it is to live in; undefined: none. */
  readonly container: PlanNode["container"];
  readonly listenPort: number;
  readonly mtuBytes: number;
  readonly addresses: readonly InterfaceAddress[];
  readonly peer: {
    /** Undefined: the plan does not say it, and the other node must. */
    readonly publicKey: PublicKey | undefined;
    /** Undefined: it is behind NAT and speaks first. */
    readonly endpoint: { readonly host: Address | HostName; readonly port: number } | undefined;
    /** 0: none. */
    readonly keepaliveSeconds: number;
  };
}

/** What a node has of all plans. */
export interface Expansion {
  readonly interfaces: readonly PlanInterface[];
  /** What concerns this node. */
  readonly rejected: readonly RejectedPart[];
}

/**
 * The interfaces of a node, by age of their plans, each plan's in the order of its nodes.
 * @param nodeName this node
 * @param reserved ports of the pod network, the same on all nodes
 */
export function expandPlans(
  plans: readonly NetworkPlan[],
  nodeName: string,
  reserved: readonly number[] = [],
): Expansion {
  const interfaces: PlanInterface[] = [];
  const rejected: RejectedPart[] = [];
  const ports = new Map<string, NodePorts>();
  const portsAt = (node: string) => {
    const known = ports.get(node) ?? new NodePorts(reserved);
    ports.set(node, known);
    return known;
  };
  for (const plan of [...plans].sort(byAge)) {
    const links = linksOf(plan);
    rejected.push(...links.rejected.filter(({ claim }) => claim.split(" ").includes(nodeName)));
    const listening = portsOf(plan, links.ends, portsAt);
    for (const link of links.ends.get(nodeName) ?? []) {
      const made = interfaceOf(plan, link, listening);
      if ("reason" in made) rejected.push(made);
      else interfaces.push(made);
    }
  }
  return { interfaces, rejected };
}

/** By `FROM TO`, which no node's name holds. */
type Listening = ReadonlyMap<string, number | undefined>;

function portsOf(
  { name, spec }: NetworkPlan,
  ends: ReadonlyMap<string, readonly LinkEnd[]>,
  portsAt: (node: string) => NodePorts,
): Listening {
  const listening = new Map<string, number | undefined>();
  for (const [node, links] of ends) {
    const ports = portsAt(node);
    for (const { from, to } of links) {
      const key = keyOf(from.nodeName, to.nodeName);
      listening.set(key, ports.take(`${name} ${key}`, from.underlay?.portRange ?? spec.defaultPortRange));
    }
  }
  return listening;
}

function keyOf(from: string, to: string): string {
  return `${from} ${to}`;
}

function interfaceOf(plan: NetworkPlan, link: LinkEnd, listening: Listening): PlanInterface | RejectedPart {
  const { from, to } = link;
  const { kind, name, spec } = plan;
  const listenPort = listening.get(keyOf(from.nodeName, to.nodeName));
  const port = listening.get(keyOf(to.nodeName, from.nodeName));
  if (listenPort === undefined || port === undefined) {
    const [full, range] = listenPort === undefined ? [from, from.underlay] : [to, to.underlay];
    const claim = `link ${from.nodeName} to ${to.nodeName}`;
    const reason = `no port is left for it in ${
      rangeText(range?.portRange ?? spec.defaultPortRange)
    } of ${full.nodeName}`;
    return { kind, name, claim, reason };
  }
  const addresses = addressesOf(link);
  const shared = addressOfBoth(addresses, addressesOf(reversed(link)));
  if (shared !== undefined) {
    const claim = `link ${from.nodeName} to ${to.nodeName}`;
    return { kind, name, claim, reason: `both of its ends have ${shared}: each would speak to itself` };
  }
  return {
    plan,
    to: to.nodeName,
    interfaceName: linkName(from.nodeName, to.nodeName),
    publicKey: from.publicKey,
    privateKeyRef: from.privateKeyRef,
    container: from.container,
    listenPort,
    mtuBytes: from.mtu,
    addresses,
    peer: {
      publicKey: to.publicKey,
      endpoint: to.underlay && { host: to.underlay.hostname, port },
      keepaliveSeconds: from.underlay === undefined ? NAT_KEEPALIVE_SECONDS : 0,
    },
  };
}

function reversed({ from, to, end, opposite }: LinkEnd): LinkEnd {
  return { from: to, to: from, end: opposite, opposite: end };
}

/** Link-local ones may be the same: nobody counts on them where others are. */
function addressOfBoth(
  own: readonly InterfaceAddress[],
  others: readonly InterfaceAddress[],
): string | undefined {
  const texts = new Set(others.map(({ local }) => local.text));
  return own.map(({ local }) => local.text).find((text) =>
    texts.has(text) && !/^(fe80:|169\.254\.)/.test(text)
  );
}

function rangeText({ start, end }: PortRange): string {
  return `${start} to ${end}`;
}
