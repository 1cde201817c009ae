// Where a NAT is between two nodes: their ESP, as it is, wrapped once more, in UDP to where it is let through (docs/decisions/0066).

import { overrideOf, troubleWith } from "../../desired/endpoints.ts";
import { IPV6_LEAST_BYTES } from "../../desired/underlay_mtu.ts";
import {
  type DesiredState,
  type HostRouting,
  ROUTE_PROTOCOL,
  type Waiting,
} from "../../desired/desired_state.ts";
import type { HostFacts } from "../../desired/host_facts.ts";
import type { Address, Family } from "../../net/address.ts";
import { type Endpoint, endpointOf } from "../../net/endpoint.ts";
import { containsAddress, hostPrefix } from "../../net/prefix.ts";
import { ANNOTATION, type Node } from "../../nodes/node.ts";
import type { SettledNode } from "../../nodes/settled_node.ts";
import type { Settings } from "../../settings/settings.ts";
import { statedAddresses } from "../outer.ts";
import type { ClearWay, Here, Overlay } from "../transport.ts";
import { vxlanLink } from "../vxlan/vxlan.ts";
import type { Ways } from "../ways.ts";
import { ipsecUdpInterface, ipsecUdpPort, leavesIpsec } from "./names.ts";
import { ESP_MARK } from "./xfrm_text.ts";

const FAMILIES: readonly Family[] = [4, 6];
/** Around ESP, in bytes, by the family of the address that it is sent to: IP (20 or 40), UDP (8), VXLAN (8). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 36, 6: 56 };
/** The network's number: nobody asks for it, for what comes out is ESP or dropped. */
const VNI = ROUTE_PROTOCOL;
/** True for a Node that is reached by an address which is not its own: whoever translates it does not let ESP through. */
export function isTranslated({ node }: SettledNode): boolean {
  const { endpoint } = node;
  return endpoint !== undefined && (typeof endpoint.host === "string" ||
    !statedAddresses(node).some(({ text }) => text === (endpoint.host as Address).text));
}

/** The UDP port of this host and another Node; undefined: one of them takes none, or another one. Both ends decide alike. */
export function commonPort({ settings, facts, own }: Here, other: SettledNode): number | undefined {
  const ports = new Set([ipsecUdpPort(settings, facts), own.node.ipsecUdpPort, other.node.ipsecUdpPort]);
  return ports.size === 1 ? [...ports][0] : undefined;
}

/** Two nodes, and what fits between them. */
export interface Wrapped {
  readonly other: SettledNode;
  readonly port: number;
  /** Between which ESP goes. */
  readonly outer: readonly [own: Address, peer: Address];
  /** Of the path between nodes. */
  readonly underlayBytes: number;
}

/** What of a way is so because of it. */
export interface InUdp extends Pick<ClearWay, "outer" | "udp" | "waiting"> {
  readonly overlay: Overlay;
}

/** How ESP gets to the other Node. */
export function inUdp(here: Here, { other, port, outer: [own, peer], underlayBytes }: Wrapped): InUdp {
  const name = ipsecUdpInterface(here.settings);
  const to = sentTo(here, { other, port, peer });
  const family = to?.address.family ?? peer.family;
  const mtuBytes = Math.max(underlayBytes - OVERHEAD_BYTES[family], IPV6_LEAST_BYTES);
  const from = own.family === family ? ` src ${own.text}` : "";
  const encap = `encap ip${family === 4 ? "" : "6"} id ${VNI}${from} dst ${to?.address.text} dev ${name}`;
  return {
    overlay: {
      ...{ name, ...vxlanLink(port), carries: "esp", vni: VNI, mtuBytes },
      rules: { around: ["ipsec-udp"], defines: { esp_mark: ESP_MARK } },
      instead: { lacking: "IPSEC_UDP_PORT=0 here", taken: "IPSEC_UDP_PORT on all nodes" },
    },
    outer: [peer],
    udp: to && { to: to.text, route: `route ${hostPrefix(peer).text} ${encap} proto ${ROUTE_PROTOCOL}` },
    ...(to === undefined && { waiting: [unknownEnd(here, other)] }),
  };
}

/** By a name that is not resolved: nowhere yet. */
function sentTo(
  { settings, facts, podCidrs }: Here,
  { other, port, peer }: Pick<Wrapped, "other" | "port"> & { readonly peer: Address },
): Endpoint | undefined {
  if (!isTranslated(other)) return endpointOf(peer, port);
  // In a pod network it would be wrapped, and encrypted, again.
  const isOutside = ({ address }: Endpoint) => !podCidrs().some((pod) => containsAddress(pod, address));
  const first = overrideOf(settings, other.node, facts).endpoints.find(isOutside);
  return first && endpointOf(first.address, port);
}

function unknownEnd(
  { facts, family }: Here,
  { node }: SettledNode,
): Waiting {
  const { host, text } = node.endpoint!;
  const trouble = typeof host === "string" ? troubleWith(host, facts.resolved.get(host), true) : undefined;
  return {
    what: `IPv${family} to ${node.name}`,
    why: trouble?.why ?? `nothing can be sent to its ${ANNOTATION.endpoint} ${text}`,
    next: trouble?.next ?? `mend ${ANNOTATION.endpoint} of Node ${node.name}`,
    isTrouble: true,
  };
}

/** What is wrong with this host's side. */
export function udpWaits(settings: Settings, { own, nodes, ...parts }: UdpParts & Told): Waiting[] {
  const [sysctl] = settings.areSysctlsManaged ? [] : udpSysctls(settings, parts);
  const { facts } = parts;
  const isNeeded = nodes.some(isTranslated);
  const isAsked = isNeeded && !facts.isPublished && !leavesIpsec(facts);
  return [
    ...(isNeeded && facts.isUdpLacking && ipsecUdpPort(settings) !== undefined ? [LACKING] : []),
    ...(isAsked ? untoldPort(own.node, ipsecUdpPort(settings, facts)) : []),
    ...(sysctl === undefined ? [] : [{
      what: `rp_filter of ${ipsecUdpInterface(settings)}`,
      why: "it is strict: what comes in UDP is dropped, for no way leads back there",
      next: `sysctl -w ${sysctl}`,
      isTrouble: true as const,
    }]),
  ];
}

interface Told {
  readonly own: SettledNode;
  readonly nodes: readonly SettledNode[];
}

const LACKING: Waiting = {
  what: "ESP in UDP",
  why: "this kernel has no vxlan: where a NAT is between, this node and others do without",
  next: "modprobe vxlan, or take a kernel with it, and start the agent anew; or set IPSEC_UDP_PORT=0",
};

/** Both ends go by what both Nodes say. */
function untoldPort({ name, ipsecUdpPort: said }: Node, wanted: number | undefined): Waiting[] {
  if (wanted === said) return [];
  return [{
    what: `${ANNOTATION.ipsecUdpPort} of ${name}`,
    why: `its Node says ${said ?? "none"}, this host has ${
      wanted ?? "none"
    }: where a NAT is between, nodes go by that`,
    next: wanted === undefined
      ? `take ${ANNOTATION.ipsecUdpPort} out of the manifest of ${name}`
      : `put ${ANNOTATION.ipsecUdpPort}: "${wanted}" into the manifest of ${name}`,
  }];
}

/** The way back to a node leads to the cable: the strict filter takes what comes in UDP for forged. */
export function udpSysctls(settings: Settings, { ways, facts }: UdpParts): string[] {
  const isUsed = FAMILIES.some((family) => ways[family].overlays.some(({ carries }) => carries === "esp"));
  // With slashes: a name may have a dot in it.
  return isUsed && facts.isUdpStrict ? [`net/ipv4/conf/${ipsecUdpInterface(settings)}/rp_filter=2`] : [];
}

interface UdpParts {
  readonly ways: Ways;
  readonly facts: HostFacts;
}

/**
 * What is marked. The packet around has the mark too, unless the table (ipsec-udp.nft) has taken it away: it is for an address that may be the
 * other Node's own, and would be wrapped once more.
 */
const RULES = [
  `rule pref ${
    ROUTE_PROTOCOL - 1
  } fwmark ${ESP_MARK}/${ESP_MARK} ipproto udp lookup main protocol ${ROUTE_PROTOCOL}`,
  `rule pref ${ROUTE_PROTOCOL} fwmark ${ESP_MARK}/${ESP_MARK} lookup ${ROUTE_PROTOCOL} protocol ${ROUTE_PROTOCOL}`,
];

/** The rules and the routes by which it leaves; undefined: nothing goes so. */
export function udpRouting(ways: Ways): Pick<DesiredState, "hostRouting"> {
  const all = FAMILIES.flatMap((family) => [...ways[family].clear, ...ways[family].near]);
  const routes = [...new Set(all.flatMap(({ way }) => way.udp?.route ?? []))].sort();
  if (routes.length === 0) return {};
  const textsOf = (family: Family): HostRouting[Family] => {
    const some = routes.filter((text) => text.split(" ")[1]!.includes(":") === (family === 6));
    return some.length === 0 ? [] : [...RULES, ...some];
  };
  return { hostRouting: { 4: textsOf(4), 6: textsOf(6) } };
}
