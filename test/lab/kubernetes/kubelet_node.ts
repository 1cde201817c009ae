// A Node as a kubelet and the controller-manager of a real cluster leave it in the API: some 12 KB, most of it images
// and of no use to the agent.

import type { Manifest } from "../manifest.ts";

/** As the API lists it, in JSON, with the managed fields that it adds. */
const IMAGES = 50;
const CONDITIONS = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];

/** The same Node with everything that a kubelet reports: at least 12,000 bytes of JSON. */
export function kubeletNode({ metadata, spec, status }: Manifest): Record<string, unknown> {
  const { name, annotations, labels, creationTimestamp: _, ...rest } = metadata;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      ...rest,
      name,
      annotations: {
        "node.alpha.kubernetes.io/ttl": "0",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        ...annotations,
      },
      labels: { ...WELL_KNOWN, "kubernetes.io/hostname": name, ...labels },
    },
    spec: {
      ...spec,
      ...(spec.podCIDRs === undefined ? {} : { podCIDR: spec.podCIDRs[0] }),
      providerID: `cloud://zone-1/${name}`,
    },
    status: {
      addresses: [...status.addresses, { type: "Hostname", address: name }],
      capacity: RESOURCES,
      allocatable: RESOURCES,
      conditions: CONDITIONS.map(condition),
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      images: Array.from({ length: IMAGES }, (_, i) => image(i)),
      nodeInfo: { ...NODE_INFO, ...status.nodeInfo },
    },
  };
}

const WELL_KNOWN = {
  "beta.kubernetes.io/arch": "amd64",
  "beta.kubernetes.io/os": "linux",
  "kubernetes.io/arch": "amd64",
  "kubernetes.io/os": "linux",
  "node.kubernetes.io/instance-type": "large",
  "topology.kubernetes.io/region": "region-1",
  "topology.kubernetes.io/zone": "zone-1",
};

const RESOURCES = {
  cpu: "16",
  "ephemeral-storage": "95551679124",
  "hugepages-1Gi": "0",
  "hugepages-2Mi": "0",
  memory: "60055Mi",
  pods: "110",
};

const NODE_INFO = {
  architecture: "amd64",
  bootID: "7c5e5b1c-1f2a-4e53-9d56-1a62dbd1c0de",
  containerRuntimeVersion: "containerd://2.3.0",
  kernelVersion: "6.18.0",
  kubeProxyVersion: "",
  kubeletVersion: "v1.36.1",
  machineID: "ec2f3b1c0f0b4fd6a4a6a5b6f9d0c0de",
  operatingSystem: "linux",
  osImage: "Debian GNU/Linux 13 (trixie)",
  systemUUID: "ec2f3b1c-0f0b-4fd6-a4a6-a5b6f9d0c0de",
};

function condition(type: string): Record<string, string> {
  return {
    type,
    status: type === "Ready" ? "True" : "False",
    lastHeartbeatTime: "2026-01-01T00:10:00Z",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    reason: `Kubelet${type}`,
    message: `kubelet has no trouble with ${type}: all is well`,
  };
}

function image(i: number): Record<string, unknown> {
  const path = `images.example.com/team-${i}/application`;
  const digest = `${i}`.padStart(64, "0123456789abcdef".repeat(4));
  return { names: [`${path}@sha256:${digest}`, `${path}:v1.${i}.0`], sizeBytes: 12_345_678 + i };
}
