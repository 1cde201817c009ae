// What a cluster may look like, seen from n1: settings and Nodes. n1 is real, the others are said to exist.

import { type Families, type Manifest, manifestOf } from "../lab/manifest.ts";
import type { Settings } from "../lab/node.ts";

/** One cluster. */
export interface Scenario {
  readonly settings: Settings;
  readonly nodes: readonly Manifest[];
}

/** The private key of n1 in every scenario, so that the same scenario gives the same data plane. Nobody else uses it. */
export const PRIVATE_KEY = "aJ5kQn1pIBHtpYVpTfCH1Ys4F1xLDJLl9jPMNsyvqGo=";
/** Of n2 and those behind it. */
export const KEYS: readonly string[] = [
  "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=",
  "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMzM=",
  "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgNDQ=",
];

/** n1 and so many others; n1's own key is put in where it is known. */
function clusterOf(others: number, families?: Families): Manifest[] {
  return Array.from({ length: others + 1 }, (_, i) => {
    const manifest = manifestOf(i + 1, families);
    if (i > 0) manifest.metadata.annotations = { "wigglenet/public-key": KEYS[i - 1]! };
    return manifest;
  });
}

function keyless(manifests: Manifest[], i: number): Manifest[] {
  manifests[i]!.metadata.annotations = {};
  return manifests;
}

function saying(manifests: Manifest[], transport: string, names: readonly string[]): Manifest[] {
  for (const { metadata } of manifests) {
    if (names.includes(metadata.name)) {
      metadata.annotations = { ...metadata.annotations, "wigglenet/transport": transport };
    }
  }
  return manifests;
}

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };

/** By name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "dual stack": { settings: FILTERED, nodes: clusterOf(2) },
  "IPv4 only": { settings: {}, nodes: clusterOf(2, { underlay: [4], pods: [4] }) },
  "IPv6 only": { settings: { "filter-ipv6": "true" }, nodes: clusterOf(3, { underlay: [6], pods: [6] }) },
  "IPv4 routed natively": { settings: { ...FILTERED, "native-routing-ipv4": "true" }, nodes: clusterOf(2) },
  "all routed natively": {
    settings: { "native-routing-ipv4": "true", "native-routing-ipv6": "true" },
    nodes: clusterOf(2),
  },
  "firewall only": { settings: { ...FILTERED, "firewall-only": "true" }, nodes: clusterOf(2) },
  "cluster CIDRs and a Node without a key": {
    settings: { "cluster-pod-cidrs": "10.244.0.0/16,fd00:10:244::/48" },
    nodes: keyless(clusterOf(3), 2),
  },
  "another port and MTU, neither masquerade nor guard": {
    settings: {
      "wg-port": "24700",
      "mtu": "1300",
      "strict": "false",
      "masquerade-ipv4": "false",
      "masquerade-ipv6": "false",
    },
    nodes: clusterOf(1),
  },
  "destinations that are not masqueraded": {
    settings: {
      "filter-ipv4": "true",
      "no-masquerade-cidrs": "10.0.0.0/8,192.168.0.0/24,192.168.1.0/24,192.0.2.7/32,2001:db8::/32,2000::/4",
    },
    nodes: clusterOf(2),
  },
  "host encryption, and IPv6 routed natively": {
    settings: { "host-encryption": "require", "native-routing-ipv6": "true" },
    nodes: keyless(clusterOf(3), 2),
  },
  "direct": {
    settings: { ...FILTERED, "transport-ipv4": "direct", "transport-ipv6": "direct" },
    nodes: saying(clusterOf(2), "ipv4=direct,ipv6=direct", ["n1", "n2", "n3"]),
  },
  "direct where a node takes it, the tunnel to who does not say so": {
    settings: { "transport-ipv4": "direct", "transport-ipv6": "direct-or-wireguard" },
    nodes: saying(clusterOf(3), "ipv4=direct,ipv6=direct-or-wireguard", ["n1", "n3"]),
  },
  "vxlan": {
    settings: { ...FILTERED, "transport-ipv4": "vxlan", "transport-ipv6": "vxlan" },
    nodes: saying(clusterOf(2), "ipv4=vxlan,ipv6=vxlan", ["n1", "n2", "n3"]),
  },
  "a bridge": { settings: { ...FILTERED, "cni-bridge": "true" }, nodes: clusterOf(2) },
  "no pod CIDR": { settings: {}, nodes: clusterOf(2, { pods: [] }) },
};
