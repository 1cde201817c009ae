// What others do on a host, or have given it, that pods pay for and no rule, route or peer of ours shows -> findings.

import type { Family } from "../net/address.ts";
import { parseAddress } from "../net/address.ts";
import { contains, containsAddress, parsePrefix, type Prefix } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import type { ClearStatus, PeerStatus } from "../plan/status.ts";
import type { Finding } from "./check.ts";
import type { ForeignRules } from "./foreign_rules.ts";

/** What was seen. What could not be read is left out: of this nothing is needed. */
export interface Pitfalls {
  readonly foreignRules: ForeignRules;
  /** Tables that this host's nft cannot list, with its reason. */
  readonly unreadable: readonly { readonly table: string; readonly error: string }[];
  /** Families with tables of iptables-legacy. */
  readonly legacy: readonly Family[];
  readonly conntrack: { readonly count: number; readonly max: number } | undefined;
  /** Bridges with ports whose frames go through the rules of this host. */
  readonly filteredBridges: readonly string[];
  /** Routes of others in the main table. */
  readonly routes: readonly ForeignRoute[];
  /** Addresses of Services. */
  readonly services: readonly string[];
  /** Peers that were sent something and did not answer within seconds; of how many. */
  readonly silence: { readonly silent: readonly PeerStatus[]; readonly asked: number };
  /** This host's clock less that of the API; undefined: there is none, or it did not answer. */
  readonly aheadSeconds: number | undefined;
  readonly nowSeconds: number;
}

/** A route that is not ours. */
export interface ForeignRoute {
  /** `10.0.0.0/8`, `10.1.2.3`. */
  readonly destination: string;
  readonly device: string;
  /** It is a network of an interface. */
  readonly isConnected: boolean;
}

/** What of the mesh they are compared with. */
export interface Mesh {
  readonly own: readonly string[];
  readonly peers: readonly PeerStatus[];
  /** Nodes whose pods are sent to in the clear. */
  readonly clear?: readonly ClearStatus[];
  readonly port: number;
}

const NEARLY_FULL = 0.9;
const SKEW_SECONDS = 30;
/** A handshake is told in whole seconds, by the same clock. */
const BACK_SECONDS = 5;
const SHOWN = 5;

/** All findings, in the order of the code. */
export function pitfallFindings(pitfalls: Pitfalls, mesh: Mesh): Finding[] {
  return [
    ...ruleFindings(pitfalls),
    ...conntrackFindings(pitfalls),
    ...overlapFindings(pitfalls, mesh),
    ...silenceFindings(pitfalls, mesh),
    ...clockFindings(pitfalls, mesh),
  ];
}

function ruleFindings(
  { foreignRules, unreadable, legacy, filteredBridges }: Pitfalls,
): Finding[] {
  return [
    ...foreignRules.blocking.map(({ chain, port }): Finding => ({
      level: "error",
      what: `${chain} drops UDP port ${port}: other nodes' packets do not come in`,
      remedy: `nft -a list chain ${chain} shows the rule; take it out, or let the port pass before it`,
    })),
    ...foreignRules.closed.map((chain): Finding => ({
      level: "warning",
      what: `${chain} drops what no rule before lets through: an accept of ours does not change that`,
      remedy:
        `nft list chain ${chain}; let pods and WireGuard's ports pass there, by the second interface too where keys rotate`,
    })),
    ...unreadable.map(({ table, error }): Finding => ({
      level: "error",
      what: `this nft cannot read table ${table}, which a newer one may have written: ${error}`,
      remedy: "install that version here too, or remove the table with the nft that wrote it",
    })),
    ...legacy.map((family): Finding => ({
      level: "warning",
      what:
        `iptables-legacy has tables for IPv${family}: packets meet them beside nft's, which shows none of them`,
      remedy: family === 4
        ? "iptables-legacy-save shows them; flush them, then modprobe -r iptable_filter iptable_nat iptable_mangle"
        : "ip6tables-legacy-save shows them; flush them, then modprobe -r ip6table_filter ip6table_nat",
    })),
    ...filteredBridges.map((bridge): Finding => ({
      level: "warning",
      what: `br_netfilter leads what ${bridge} bridges through the rules of this host, ours included`,
      remedy:
        `ip link set ${bridge} type bridge nf_call_iptables 0, or sysctl -w net.bridge.bridge-nf-call-iptables=0 ` +
        "net.bridge.bridge-nf-call-ip6tables=0, unless its ports are pods' behind Services",
    })),
  ];
}

function conntrackFindings({ conntrack }: Pitfalls): Finding[] {
  if (conntrack === undefined || conntrack.count < conntrack.max * NEARLY_FULL) return [];
  const { count, max } = conntrack;
  return [{
    level: "warning",
    what: `conntrack is nearly full, ${count} of ${max}: new connections will be dropped`,
    remedy: `conntrack -S shows drops; sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`,
  }];
}

const THIS = "this node";

interface Owned {
  readonly prefix: Prefix;
  readonly owner: string;
}

/** Single addresses among a peer's are its node's. */
function podCidrsOf({ own, peers, clear = [] }: Mesh): Owned[] {
  const parsed = (texts: readonly string[], owner: string) =>
    texts.flatMap((text): Owned[] => {
      const prefix = parsePrefix(text);
      return refused(prefix) || isSingle(prefix) ? [] : [{ prefix, owner }];
    });
  return [
    ...parsed(own, THIS),
    ...peers.flatMap(({ node, allowedIps }) => parsed(allowedIps, node)),
    ...clear.flatMap(({ node, podCidrs }) => parsed(podCidrs, node)),
  ];
}

function isSingle({ family, length }: Prefix): boolean {
  return length === (family === 4 ? 32 : 128);
}

/**
 * A route that is wider than a pod CIDR leaves it to ours, but for a network of an interface: its hosts have pods' addresses.
 * Within this node's own pod CIDRs the routes of others are its pods'.
 */
function overlapFindings({ routes, services }: Pitfalls, mesh: Mesh): Finding[] {
  const all = podCidrsOf(mesh);
  const isHit = (route: Prefix, isConnected: boolean) => ({ prefix, owner }: Owned) =>
    contains(prefix, route) ? owner !== THIS : isConnected && contains(route, prefix);
  const routed = routes.flatMap(({ destination, device, isConnected }): Finding[] => {
    const route = parsePrefix(destination.includes("/") ? destination : hostText(destination));
    const hit = refused(route) ? undefined : all.find(isHit(route, isConnected));
    return hit === undefined ? [] : [{
      level: "error",
      what: `the route ${destination} dev ${device} overlaps the pod CIDR ${hit.prefix.text} of ${hit.owner}`,
      remedy: `ip route del ${destination} dev ${device}, or give one of the two other addresses`,
    }];
  });
  const served = services.flatMap((text): Finding[] => {
    const address = parseAddress(text);
    const hit = refused(address) ? undefined : all.find(({ prefix }) => containsAddress(prefix, address));
    return hit === undefined ? [] : [{
      level: "error",
      what: `the Service address ${text} is in the pod CIDR ${hit.prefix.text} of ${hit.owner}`,
      remedy: "the cluster's service CIDR and pod CIDRs must not overlap: change kube-apiserver's " +
        "--service-cluster-ip-range, or the Nodes' pod CIDRs",
    }];
  });
  return [...routed.slice(0, SHOWN), ...served.slice(0, 1)];
}

function hostText(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function silenceFindings({ silence: { silent, asked } }: Pitfalls, { port }: Mesh): Finding[] {
  if (silent.length === 0) return [];
  const remedy = `let UDP port ${port} pass between the nodes, in both directions; wigglenet check there, ` +
    `tcpdump -ni any udp port ${port} here`;
  if (silent.length === asked && asked > 1) {
    return [{ level: "error", what: `none of ${asked} peers answers`, remedy }];
  }
  return silent.slice(0, SHOWN).map(({ node, endpoint = "nowhere" }) => ({
    level: "warning",
    what: `${node} does not answer at ${endpoint}`,
    remedy,
  }));
}

function clockFindings({ aheadSeconds, nowSeconds }: Pitfalls, { peers }: Mesh): Finding[] {
  const remedy = "let chrony or systemd-timesyncd keep the clock";
  const last = peers.reduce((last, { handshakeSeconds }) => Math.max(last, handshakeSeconds), 0);
  const back = Math.round(last - nowSeconds);
  const findings: Finding[] = [];
  if (back > BACK_SECONDS) {
    findings.push({
      level: "warning",
      what:
        `the clock was set back by ${back} s or more since the last handshake: peers refuse those that begin here`,
      remedy,
    });
  }
  if (aheadSeconds !== undefined && Math.abs(aheadSeconds) > SKEW_SECONDS) {
    const which = aheadSeconds > 0 ? "ahead of" : "behind";
    findings.push({
      level: "warning",
      what: `the clock is ${Math.abs(Math.round(aheadSeconds))} s ${which} the API server's`,
      remedy,
    });
  }
  return findings;
}
