// Every metric once: name, type, meaning, labels. What is served, README's table, the dashboard's test: all from here.
// Label values come from closed lists, from the kernel, or are names of Nodes that passed their grammar.

import type { RejectedKind } from "../nodes/node.ts";

/** A metric as it is announced. */
export interface Metric {
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Kept by the original agent too, by this name. */
  readonly isOriginal?: true;
}

/** Reasons why a claim is refused, as the values of a label. */
export const REJECTED_KINDS: readonly RejectedKind[] = [
  "malformed",
  "conflict",
  "namesake",
  "keyless",
  "own-key",
  "endpoint",
  "host",
  "policy",
];

function original(
  type: Metric["type"],
  help: string,
  labels: readonly string[] = [],
): Metric & { isOriginal: true } {
  return { type, help, labels, isOriginal: true };
}

function ours(type: Metric["type"], help: string, labels: readonly string[] = []): Metric {
  return { type, help, labels };
}

const PEER = ["public_key", "endpoint"];

/** All metrics by name; those of the original first. */
export const METRICS = {
  wigglenet_build_info: original("gauge", "Version and backend of this agent. Always 1.", [
    "version",
    "firewall_backend",
  ]),
  wigglenet_firewall_sync_total: original("counter", "Changes of the nftables table that were tried.", [
    "backend",
    "status",
  ]),
  wigglenet_firewall_sync_duration_seconds: original(
    "histogram",
    "How long changes of the nftables table took.",
    ["backend"],
  ),
  wigglenet_pod_cidrs_total: original("gauge", "Pod CIDRs of the whole cluster that the table knows."),
  wigglenet_peers_total: original("gauge", "WireGuard peers that are wanted."),
  wigglenet_clear_nodes: ours(
    "gauge",
    "Nodes whose pods are sent to in the clear; absent where all go by the tunnel.",
    ["family"],
  ),
  wigglenet_network_policy_rules_total: original(
    "gauge",
    "Distinct contents of NetworkPolicies that pods of this node are bound to.",
    ["direction"],
  ),
  wigglenet_peer_last_handshake_seconds: original(
    "gauge",
    "Seconds since the last handshake with the peer; absent before the first.",
    PEER,
  ),
  wigglenet_peer_receive_bytes_total: original("counter", "Bytes received from the peer.", PEER),
  wigglenet_peer_transmit_bytes_total: original("counter", "Bytes sent to the peer.", PEER),
  wigglenet_peer_info: ours("gauge", "The Node that a peer is. Always 1.", ["public_key", "node"]),
  wigglenet_policy_known: ours(
    "gauge",
    "1 while everything that NetworkPolicies need is known; absent with ENABLE_NETWORK_POLICY=false.",
  ),
  wigglenet_policy_addresses: ours("gauge", "Addresses of pods of this node that NetworkPolicies isolate.", [
    "direction",
  ]),
  wigglenet_policy_objects: ours(
    "gauge",
    "Pods, Namespaces and NetworkPolicies that are held for NetworkPolicies.",
  ),
  wigglenet_policy_dropped_packets_total: ours(
    "counter",
    "Packets that NetworkPolicies dropped, by those that isolate; without policies: no known pod had the address.",
    ["direction", "policies"],
  ),
  wigglenet_policy_audited_packets_total: ours(
    "counter",
    "Packets that they would have dropped, were they not in audit.",
    ["direction", "policies"],
  ),
  wigglenet_peers_silent: ours("gauge", "Peers that were sent something and have not answered since."),
  wigglenet_ready: ours("gauge", "1 after the first complete apply."),
  wigglenet_in_sync: ours("gauge", "1 while the host is as the Nodes want it."),
  wigglenet_last_pass_age_seconds: ours("gauge", "Seconds since the loop last finished a pass."),
  wigglenet_plan_changes: ours("gauge", "Differences between host and Nodes in the last plan."),
  wigglenet_waiting: ours(
    "gauge",
    "Things that wait for something or somebody, remarks apart; status names them.",
  ),
  wigglenet_failing: ours("gauge", "1 for each part that failed and is tried again.", ["part"]),
  wigglenet_steps_total: ours("counter", "Steps of plans that were tried.", ["part", "status"]),
  wigglenet_apply_duration_seconds: ours("histogram", "How long it took to apply a plan."),
  wigglenet_drift_repaired_total: ours("counter", "Differences repaired that somebody else had made.", [
    "kind",
  ]),
  wigglenet_rejected_claims: ours("gauge", "Claims of Nodes, and parts of policies, that are refused now.", [
    "reason",
  ]),
  wigglenet_nodes: ours("gauge", "Node objects that the source holds."),
  wigglenet_source_complete: ours("gauge", "1 once the source has been read as a whole."),
  wigglenet_source_problems: ours("gauge", "Parts of the source that cannot be read."),
  wigglenet_watch_age_seconds: ours(
    "gauge",
    "Seconds since the API server was last heard; absent without a Kubernetes source.",
  ),
  wigglenet_key_rotation: ours("gauge", "1 while this node's key rotates, by what the others are to do.", [
    "stage",
  ]),
  wigglenet_tunnel_mtu_bytes: ours("gauge", "MTU of the tunnel; absent without one."),
  wigglenet_wireguard_info: ours("gauge", "Who does WireGuard: kernel or userspace. Always 1.", [
    "implementation",
  ]),
  wigglenet_events_written_total: ours("counter", "Kubernetes Events written about refused claims.", [
    "reason",
  ]),
  wigglenet_declared_objects: ours(
    "gauge",
    "Declared objects that concern this node, by the reason of their condition; absent where nothing is declared.",
    ["kind", "reason"],
  ),
  wigglenet_declared_interfaces: ours(
    "gauge",
    "Declared interfaces of this node, by state: up, down or missing.",
    [
      "state",
    ],
  ),
  wigglenet_declared_last_handshake_seconds: ours(
    "gauge",
    "Seconds since the last handshake of a declared interface with a peer, which is a node of plans, else a public key; one in a container with that in front, docker/agent1:wg1; absent before the first.",
    ["interface", "peer"],
  ),
  process_resident_memory_bytes: ours("gauge", "Resident memory of this process."),
  process_cpu_seconds_total: ours("counter", "Processor time of this process, user and system."),
  process_start_time_seconds: ours("gauge", "When this process was started, since 1970."),
} as const satisfies Readonly<Record<string, Metric>>;

/** Name of a metric. */
export type MetricName = keyof typeof METRICS;

/** One value of a metric at one moment. */
export interface Sample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Names of histograms: they have more series than one for each set of labels. */
export const HISTOGRAM_SUFFIXES = ["_bucket", "_sum", "_count"] as const;
