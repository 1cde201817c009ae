// HOST_ENCRYPTION=require: whose addresses nothing is sent to in the clear, and the way that it takes instead (docs/decisions/0054).

import type { Address, Family } from "../net/address.ts";
import { listed } from "../net/listed.ts";
import { hostPrefix } from "../net/prefix.ts";
import { ANNOTATION, type Node, REQUIRED } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import {
  type DesiredState,
  type DesiredTable,
  ROUTE_PROTOCOL,
  UNREACHABLE_METRIC,
  type Waiting,
} from "./desired_state.ts";
import type { HostFacts } from "./host_facts.ts";
import { KeptMap } from "./kept_map.ts";

/** The bit of a packet's mark that leads into the tunnel: kube-proxy has 0x4000 and 0x8000, portmap 0x2000, Cilium 0xf00. */
const HOST_MARK = "0x1000";
/** Number of the routing table and of the rule's place, far in front of the main table's. */
const HOST_TABLE = ROUTE_PROTOCOL;
/** SSH, DNS, etcd, the API server, the kubelet: by these a node is reached, and comes back, without a tunnel. */
const EXEMPT_TCP = [22, 53, 2379, 2380, 6443, 10250];
const EXEMPT_UDP = [53, 123];

/** This Node and all others, peers or not, with what each owns. */
export interface Hosts {
  readonly own: SettledNode;
  readonly others: readonly SettledNode[];
}

/**
 * A Node's addresses as its status has them, less those that another Node has by right. What it says by annotation it writes
 * itself, and would be sent what is for anybody; what an ExternalIP stands for may be translated on the way, and does not end there.
 */
function hostAddresses({ node, addresses }: SettledNode): readonly Address[] {
  const guarded = new Set(
    node.addresses.filter(({ origin, isExternal }) => origin === "status" && !isExternal).map(({ value }) =>
      value
    ),
  );
  return addresses.filter((address) => guarded.has(address));
}

const KEPT = new KeptMap<SettledNode, readonly Address[]>();

/** The sets of host.nft; empty where it is not wanted. */
export function hostSets(
  settings: Settings,
  { own, others }: Hosts,
): Pick<DesiredTable["sets"], "host-peers-v4" | "host-peers-v6" | "host-own-v4" | "host-own-v6"> {
  const isWanted = encryptsHosts(settings);
  const peers = isWanted ? KEPT.map(others, "", hostAddresses).flat() : [];
  const mine = isWanted ? hostAddresses(own) : [];
  const texts = (addresses: readonly Address[], family: Family) =>
    addresses.filter((address) => address.family === family).map((address) => hostPrefix(address).text);
  return {
    "host-peers-v4": texts(peers, 4),
    "host-peers-v6": texts(peers, 6),
    "host-own-v4": texts(mine, 4),
    "host-own-v6": texts(mine, 6),
  };
}

/** Template files of it, in order. */
export function hostTemplates(settings: Settings, { apiAddress, apiPort }: HostFacts): string[] {
  if (!encryptsHosts(settings)) return [];
  const isKnown = apiAddress !== undefined && apiPort !== undefined;
  const tunnelled = ([4, 6] as const).filter((family) => familySettings(settings, family).isRouted);
  return [
    ...(isKnown ? [`host-api-v${apiAddress.family}`] : []),
    "host",
    ...tunnelled.map((family) => `host-pods-v${family}`),
  ];
}

/** Values of their `define` lines. */
export function hostDefines(settings: Settings, { apiAddress, apiPort }: HostFacts): DesiredTable["defines"] {
  if (!encryptsHosts(settings)) return {};
  const tcp = new Set([...EXEMPT_TCP, ...settings.hostExemptPorts]);
  return {
    host_mark: HOST_MARK,
    exempt_tcp: `{ ${[...tcp].sort((a, b) => a - b).join(", ")} }`,
    exempt_udp: `{ ${EXEMPT_UDP.join(", ")} }`,
    ...(apiAddress !== undefined && apiPort !== undefined
      ? { api: apiAddress.text, api_port: String(apiPort) }
      : {}),
  };
}

/**
 * What is marked goes into the tunnel, and nowhere else when that is gone. No route for each Node: WireGuard tells them apart, and
 * what is marked is for one of them.
 */
function routingOf(settings: Settings, { own, others }: Hosts): Pick<DesiredState, "hostRouting"> {
  if (!encryptsHosts(settings)) return {};
  const hosts = [own, ...others];
  const texts = (family: Family) =>
    !hosts.some((host) => hostAddresses(host).some((address) => address.family === family)) ? [] : [
      `rule pref ${HOST_TABLE} fwmark ${HOST_MARK}/${HOST_MARK} lookup ${HOST_TABLE} protocol ${ROUTE_PROTOCOL}`,
      `route default dev ${settings.interfaceName} proto ${ROUTE_PROTOCOL}`,
      `route unreachable default proto ${ROUTE_PROTOCOL} metric ${UNREACHABLE_METRIC}`,
    ];
  return { hostRouting: { 4: texts(4), 6: texts(6) } };
}

/** What is wanted of the host beside the table, and told. */
export interface DesiredHosts {
  readonly routing: Pick<DesiredState, "hostRouting">;
  readonly waiting: readonly Waiting[];
  /** What goes beside the tunnel although it is between nodes, in sentences. */
  readonly uncovered: readonly string[];
}

/** All of it; nothing where it is not wanted, but who wants it. */
export function desireHosts(settings: Settings, hosts: Hosts, facts: HostFacts): DesiredHosts {
  return {
    routing: routingOf(settings, hosts),
    waiting: waitsOf(settings, hosts, facts),
    uncovered: uncovered(settings, hosts.others),
  };
}

function namesOf(nodes: readonly Node[]): string {
  return listed(nodes.map(({ name }) => name));
}

/** What is told of it. */
function waitsOf(settings: Settings, hosts: Hosts, facts: HostFacts): Waiting[] {
  const { own, others } = hosts;
  const isRequired = encryptsHosts(settings);
  const name = own.node.name;
  const different = others.map(({ node }) => node).filter(({ isHostEncrypted = false }) =>
    isHostEncrypted !== isRequired
  );
  const waiting: Waiting[] = [];
  if (different.length > 0) {
    waiting.push({
      what: `host encryption with ${namesOf(different)}`,
      ...(isRequired
        ? {
          isTrouble: true as const,
          why:
            "their Nodes do not say that they take part: between their addresses and this node's only what is exempt passes",
          next: "set HOST_ENCRYPTION=require on all nodes",
        }
        : {
          isRemark: true as const, // for anybody may say so of his own Node
          why:
            "they drop what this node's addresses send to theirs in the clear, and HOST_ENCRYPTION is off here",
          next: "set HOST_ENCRYPTION=require here too, or off there",
        }),
    });
  }
  if (!facts.isPublished && (own.node.isHostEncrypted ?? false) !== isRequired) {
    const line = `${ANNOTATION.hostEncryption}: ${REQUIRED}`;
    waiting.push({
      what: `${ANNOTATION.hostEncryption} of ${name}`,
      why: `its Node ${
        isRequired ? "does not say that it takes part" : "says that it takes part"
      }, which others tell of`,
      next: isRequired
        ? `put ${line} into the manifest of ${name}`
        : `take ${line} out of the manifest of ${name}`,
    });
  }
  return isRequired ? [...waiting, ...obstaclesOf(settings, own, facts)] : waiting;
}

/** What keeps others from reaching this node. */
function obstaclesOf(settings: Settings, own: SettledNode, facts: HostFacts): Waiting[] {
  const waiting: Waiting[] = [];
  if (hostAddresses(own).length === 0) {
    waiting.push({
      what: `host encryption of ${own.node.name}`,
      why: "its Node has no InternalIP of its own: the others encrypt nothing for it",
      next: `give Node ${own.node.name} an InternalIP that no other has`,
      isTrouble: true,
    });
  }
  if (facts.isTunnelStrict && !settings.areSysctlsManaged) {
    waiting.push({
      what: `rp_filter of ${settings.interfaceName}`,
      why: "it is strict: what other nodes send by the tunnel with their own addresses is dropped",
      next: `sysctl -w ${looseSysctl(settings)}`,
      isTrouble: true,
    });
  }
  return waiting;
}

/** What goes beside the tunnel although it is between nodes, in a sentence. */
function uncovered(settings: Settings, others: readonly SettledNode[]): string[] {
  if (!encryptsHosts(settings)) return [];
  const some = others.filter((other) => hostAddresses(other).length < other.addresses.length);
  if (some.length === 0) return [];
  return [
    `hosts: addresses of ${namesOf(some.map(({ node }) => node))} that are no InternalIPs of their status`,
  ];
}

/** The way back to a node's address leads to the cable for all that is not marked: the strict filter takes that for forged. */
export function hostSysctls(settings: Settings, { isTunnelStrict }: HostFacts): string[] {
  return encryptsHosts(settings) && isTunnelStrict ? [looseSysctl(settings)] : [];
}

/** With slashes: a name may have a dot in it. */
function looseSysctl({ interfaceName }: Settings): string {
  return `net/ipv4/conf/${interfaceName}/rp_filter=2`;
}
