// Settings, Nodes and host facts -> the one DesiredState. The same Nodes in any order give the same value.

import { bridgeUnguarded, desireBridge } from "../bridge/desire_bridge.ts";
import type { Family } from "../net/address.ts";
import { comparePrefixes, type Prefix, summarise } from "../net/prefix.ts";
import { withoutApi } from "../nodes/api_claims.ts";
import { ANNOTATION, type Node, type ParsedNode, type Rejected } from "../nodes/node.ts";
import { settleClaims, type Settlement } from "../nodes/settle_claims.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { bridgeInterface } from "../bridge/names.ts";
import { type Settings, usesTunnel } from "../settings/settings.ts";
import { desireFastpath } from "./desire_fastpath.ts";
import { desirePeers, type PodCidr } from "./desire_peers.ts";
import type { DesiredLink, DesiredState, Waiting } from "./desired_state.ts";
import { forwardingSysctls, forwardingWaits } from "./forwarding.ts";
import { clusterPodCidrs, desireRoutes, type Guarded } from "./desire_routes.ts";
import { desireHosts, hostSysctls } from "./desire_hosts.ts";
import { desireTable } from "./desire_table.ts";
import { unguarded } from "./guard_cover.ts";
import { namesToResolve } from "./endpoints.ts";
import type { HostFacts } from "./host_facts.ts";
import { desireRotation } from "../rotation/desire_rotation.ts";
import { obstacleWaits } from "./obstacles.ts";
import { ownNode, unannounced, unpublished } from "./own_node.ts";
import { besideTunnel, firstAddresses } from "../transport/clear_peers.ts";
import { udpSysctls, udpWaits } from "../transport/ipsec/in_udp.ts";
import { needsKeys, untoldNonce, untoldTransports } from "../transport/own_transports.ts";
import { desireWays, type Ways } from "../transport/ways.ts";
import { type TunnelMtu, tunnelMtu } from "./tunnel_mtu.ts";

/**
 * Computes what this node wants.
 * @returns undefined when our own Node is not among the Nodes: then nothing may be changed
 */
export function desire(
  settings: Settings,
  parsed: readonly ParsedNode[],
  facts: HostFacts,
): DesiredState | undefined {
  const { nodes, refused } = believed(settings, parsed, facts);
  const keysNeeded = needsKeys(settings);
  const settlement = settleClaims(nodes, keysNeeded);
  const own = settlement.nodes.find(({ node }) => node.name === settings.nodeName);
  if (own === undefined) return undefined;
  const others = settlement.nodes.filter((settled) => settled !== own);
  const isTwin = ({ publicKey }: SettledNode) => publicKey !== undefined && publicKey === facts.publicKey;
  const known = others.filter((settled) => !isTwin(settled));
  if (usesTunnel(settings)) refused.push(...others.filter(isTwin).map(twin));
  if (keysNeeded) refused.push(...keyless(others));
  const ways = desireWays(settings, { own, others, facts, settlement });
  const cluster = clusterPodCidrs(settings, own);
  const guarded: Guarded = { ...settlement, clusterPodCidrs: cluster.prefixes };
  const prospects = desirePeers(settings, ways.isTunnelWanted ? known : [], {
    facts,
    names: namesToResolve(parsed),
    podCidrs: () => withOwners(settlement, cluster.prefixes),
  });
  const mtu = ways.isTunnelWanted ? tunnelMtu(settings, { own, others: known }, facts) : undefined;
  const link = mtu && linkOf(settings, { own, facts }, mtu);
  const parts = { own, others: known, peers: prospects.peers, link, facts, refused: settlement.rejected };
  const wish = desireFastpath(settings, facts, ways.isTunnelWanted);
  const [hosts, bridge] = [desireHosts(settings, { own, others }, facts), desireBridge(settings, own, facts)];
  const beside = { ...besideTunnel(settings, { ways, own, facts, link }), ...(bridge && { bridge }) };
  const uncovered = [...bridgeUnguarded(bridge), ...hosts.uncovered];
  const waiting = [mtu, wish, ways, prospects].flatMap((part) => part?.waiting ?? []);
  return {
    node: own.node.name,
    ...placesOf(settings),
    link,
    rotation: desireRotation(settings, parts),
    peers: prospects.peers,
    ...beside,
    routes: desireRoutes(settings, { own, ways }, guarded),
    ...hosts.routing,
    table: desireTable(settings, { own, others, facts, ways, bridge }, guarded),
    fastpath: wish.fastpath,
    cni: cniOf(settings, own, beside.podMtu?.bytes ?? link?.mtuBytes),
    rejected: [...refused, ...cluster.rejected, ...settlement.rejected, ...prospects.rejected].sort(byNode),
    waiting: [...waitingOf(settings, { own, facts, ways, settlement }), ...hosts.waiting, ...waiting],
    sysctls: sysctlsOf(settings, { own, facts, ways }),
    unguarded: [...unguarded(settings, settlement.podCidrs, cluster.prefixes), ...uncovered],
    settled: settlement.nodes,
  };
}

function placesOf(
  { interfaceName, cniConfigPath }: Settings,
): Pick<DesiredState, "interfaceName" | "cniPath"> {
  return { interfaceName, cniPath: cniConfigPath };
}

/** All Nodes as far as each is believed for itself, and what is not. */
function believed(
  settings: Settings,
  parsed: readonly ParsedNode[],
  facts: HostFacts,
): { nodes: Node[]; refused: Rejected[] } {
  const nodes: Node[] = [];
  const refused: Rejected[] = facts.rejected.map(ofHost);
  for (const { node, rejected } of parsed) {
    refused.push(...rejected);
    if (node === undefined) continue;
    if (node.name === settings.nodeName) nodes.push(ownNode(settings, node, facts));
    else {
      const other = withoutApi(node, facts.apiAddress);
      nodes.push(other.node);
      refused.push(...other.rejected);
    }
  }
  return { nodes, refused };
}

/** All pod CIDRs, with the Nodes that have them. */
function withOwners({ nodes, podCidrs }: Settlement, clusterWide: readonly Prefix[]): PodCidr[] {
  const owners = new Map<string, Node>(nodes.map(({ node }) => [node.name, node]));
  const owned = podCidrs.map(({ prefix, node }) => ({ prefix, owner: owners.get(node) }));
  return [...owned, ...clusterWide.map((prefix) => ({ prefix }))];
}

/** IPv6 first, as the original. */
function cniOf(settings: Settings, own: SettledNode, mtuBytes: number | undefined): DesiredState["cni"] {
  if (settings.isFirewallOnly || own.podCidrs.length === 0) return undefined;
  const ranges = [...summarise(own.podCidrs)].sort((a, b) => b.family - a.family || comparePrefixes(a, b));
  return {
    mtuBytes,
    podCidrs: ranges.map(({ text }) => text),
    ...(settings.isBridged && { bridge: bridgeInterface(settings.interfaceName) }),
  };
}

function keyless(others: readonly SettledNode[]): Rejected[] {
  return others.filter(({ publicKey }) => publicKey === undefined).map(({ node }) => ({
    node: node.name,
    claim: "Node",
    reason: `no usable ${ANNOTATION.publicKey}: it is no peer, and its pod CIDRs are guarded`,
    kind: "keyless",
  }));
}

/** WireGuard drops a peer with the interface's own key without a word: it would be missing for ever. */
function twin({ node, publicKey }: SettledNode): Rejected {
  const reason = "it is the key of this host";
  return { node: node.name, claim: `public key ${publicKey}`, reason, kind: "own-key" };
}

function ofHost(rejected: Rejected): Rejected {
  return { ...rejected, kind: "host" };
}

function byNode(a: Rejected, b: Rejected): number {
  const [x, y] = [a, b].map(({ node, claim, reason }) => `${node}\n${claim}\n${reason}`) as [string, string];
  return x < y ? -1 : x > y ? 1 : 0;
}

function linkOf(settings: Settings, { own, facts }: Circumstances, mtu: TunnelMtu): DesiredLink {
  return {
    name: settings.interfaceName,
    implementation: facts.wireguard,
    server: settings.wireguardGo,
    port: settings.port,
    mtuBytes: mtu.bytes,
    mtuReason: mtu.why,
    privateKeyPath: settings.privateKeyPath,
    publicKey: facts.publicKey,
    publishedKey: own.publicKey,
    keepaliveSeconds: own.node.keepaliveSeconds,
    addresses: firstAddresses(own),
  };
}

interface Circumstances {
  readonly own: SettledNode;
  readonly facts: HostFacts;
}

interface Told {
  readonly settlement: Settlement;
}

interface Meshed extends Circumstances {
  readonly ways: Ways;
}

/** Interfaces whose addresses the others are to know. `render` knows of none. */
function absentInterfaces({ nodeIpInterfaces }: Settings, { interfaces }: HostFacts): Waiting[] {
  const present = new Set(interfaces.map(({ name }) => name));
  return nodeIpInterfaces.filter((name) => present.size > 0 && !present.has(name)).map((name) => ({
    what: `addresses of ${name}`,
    why: "this host has no interface of that name",
    next: "ip -br address shows what there is; mend NODE_IP_INTERFACES",
  }));
}

/** Families of this node's pods in which its host forwards nothing. */
function unforwarded({ isFirewallOnly }: Settings, { own, facts }: Circumstances): Family[] {
  return (isFirewallOnly ? [] : facts.unforwarded ?? []).filter((family) =>
    own.podCidrs.some((prefix) => prefix.family === family)
  );
}

/** MANAGE_SYSCTLS: what is wanted of the kernel's settings and is not so. */
function sysctlsOf(settings: Settings, circumstances: Meshed): string[] {
  if (!settings.areSysctlsManaged) return [];
  const { interfaces } = circumstances.facts;
  const announced = interfaces.filter(({ isAnnounced }) => isAnnounced).map(({ name }) => name);
  return [
    ...forwardingSysctls(unforwarded(settings, circumstances), announced),
    ...hostSysctls(settings, circumstances.facts),
    ...udpSysctls(settings, circumstances),
  ];
}

function waitingOf(settings: Settings, circumstances: Meshed & Told): Waiting[] {
  const { own, facts } = circumstances;
  const waiting = settings.areSysctlsManaged ? [] : forwardingWaits(unforwarded(settings, { own, facts }));
  if (facts.surroundings !== undefined) waiting.push(...obstacleWaits(facts.surroundings));
  waiting.push(
    ...absentInterfaces(settings, facts),
    ...udpWaits(settings, { ...circumstances, nodes: circumstances.settlement.nodes }),
  );
  const name = settings.nodeName;
  if (own.podCidrs.length === 0 && !settings.isFirewallOnly) {
    waiting.push({
      what: "CNI configuration",
      why: `Node ${name} has no pod CIDR`,
      next: `set spec.podCIDRs of Node ${name}, or POD_CIDR_SOURCE_IPV4/6`,
    });
  }
  if (!usesTunnel(settings) || facts.isPublished) return waiting;
  const said = own.node.publicKey;
  if (facts.publicKey !== undefined && said !== facts.publicKey) {
    waiting.push({
      what: `peers for ${name}`,
      why: `Node ${name} says the public key ${said ?? "(none)"}, this host's is ${facts.publicKey}`,
      next: `put ${ANNOTATION.publicKey}: ${facts.publicKey} into the manifest of ${name}`,
    });
  }
  waiting.push(
    ...unpublished(own.node),
    ...unannounced(own.node, facts),
    ...untoldTransports(settings, own.node),
    ...untoldNonce(settings, own.node, facts.ipsecNonce),
  );
  return waiting;
}
