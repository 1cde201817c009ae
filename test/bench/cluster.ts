// Nodes by the thousand, as text: small ones as people write them, large ones as kubectl prints them.
// No two pod CIDRs are neighbours, so that no route stands for two Nodes: the most that a cluster can ask for.

/** What tells one Node from the others. */
export interface Member {
  readonly name: string;
  readonly publicKey: string;
  readonly podCidrs: readonly string[];
  readonly addresses: readonly string[];
}

/** Member number `i` of a cluster, up to 16,000: `10.128.0.0/9` and `fd00:10:128::/48`, on `10.64.0.0/16`. */
export function memberOf(i: number): Member {
  const [high, low] = [i >> 7, 2 * i & 255];
  return {
    name: `node-${i}`,
    publicKey: publicKeyOf(i),
    podCidrs: [`10.${128 + high}.${low}.0/24`, `fd00:10:128:${(2 * i).toString(16)}::/64`],
    addresses: [`10.64.${i >> 8}.${i & 255}`, `fd64::${i.toString(16)}`],
  };
}

/** Any 32 bytes are a public key; that nobody has the private one only means that nobody answers. */
function publicKeyOf(i: number): string {
  const bytes = new Uint8Array(32).map((_, k) => (i * 2654435761 + k * 40503) >>> (k % 4 * 8) & 255);
  new DataView(bytes.buffer).setUint32(0, i + 1);
  return btoa(String.fromCharCode(...bytes));
}

/** A Node as somebody writes it: 0.4 KB. */
export function smallNode({ name, publicKey, podCidrs, addresses }: Member): string {
  return `apiVersion: v1
kind: Node
metadata:
  name: ${name}
  annotations:
    wigglenet/public-key: ${publicKey}
spec:
  podCIDRs:
${podCidrs.map((cidr) => `    - ${cidr}\n`).join("")}status:
  addresses:
${addresses.map((address) => `    - type: InternalIP\n      address: ${address}\n`).join("")}`;
}

const KUBECTL_BYTES = 15_000;
const CONDITIONS = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];
const LABELS = ["arch: amd64", "os: linux", "hostname: HOST", "instance-type: large", "zone: zone-1"];

/** A Node as `kubectl get nodes -o yaml --show-managed-fields` prints it: 15 KB, most of it of no use here. */
export function kubectlNode({ name, publicKey, podCidrs, addresses }: Member): string {
  const head = `apiVersion: v1
kind: Node
metadata:
  annotations:
    node.alpha.kubernetes.io/ttl: "0"
    volumes.kubernetes.io/controller-managed-attach-detach: "true"
    wigglenet/public-key: ${publicKey}
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels:
${LABELS.map((label) => `    beta.kubernetes.io/${label.replace("HOST", name)}\n`).join("")}  managedFields:
${managedFields("kubelet", CONDITIONS)}${managedFields("kube-controller-manager", podCidrs)}  name: ${name}
  resourceVersion: "123456789"
  uid: 6f9f1f5e-0000-4000-8000-00000000abcd
spec:
  podCIDR: ${podCidrs[0]}
  podCIDRs:
${podCidrs.map((cidr) => `  - ${cidr}\n`).join("")}  providerID: cloud://zone-1/${name}
status:
  addresses:
${addresses.map((address) => `  - address: ${address}\n    type: InternalIP\n`).join("")}  - address: ${name}
    type: Hostname
  allocatable:
    cpu: 15890m
    ephemeral-storage: "95551679124"
    memory: 60055Mi
    pods: "110"
  conditions:
${CONDITIONS.map(condition).join("")}  daemonEndpoints:
    kubeletEndpoint:
      Port: 10250
  images:
`;
  const tail = `  nodeInfo:
    architecture: amd64
    containerRuntimeVersion: containerd://2.3.0
    kernelVersion: 6.18.0
    kubeletVersion: v1.36.1
    operatingSystem: linux
    osImage: Debian GNU/Linux 13 (trixie)
`;
  let images = "";
  for (let i = 0; head.length + images.length + tail.length < KUBECTL_BYTES; i++) images += image(i);
  return head + images + tail;
}

function managedFields(manager: string, keys: readonly string[]): string {
  const fields = keys.map((key) =>
    `          k:{"type":"${key}"}:
            .: {}
            f:lastHeartbeatTime: {}
            f:message: {}
            f:status: {}
`
  );
  return `  - apiVersion: v1
    fieldsType: FieldsV1
    fieldsV1:
      f:status:
        f:conditions:
${fields.join("")}    manager: ${manager}
    operation: Update
    subresource: status
    time: "2026-01-01T00:00:00Z"
`;
}

function condition(type: string): string {
  return `  - lastHeartbeatTime: "2026-01-01T00:10:00Z"
    lastTransitionTime: "2026-01-01T00:00:00Z"
    message: 'kubelet has no ${type}: all is well'
    reason: Kubelet${type}
    status: "False"
    type: ${type}
`;
}

function image(i: number): string {
  const digest = `${i}`.padStart(64, "0123456789abcdef".repeat(4));
  return `  - names:
    - registry.example.com/team-${i}/application-with-a-long-name@sha256:${digest}
    - registry.example.com/team-${i}/application-with-a-long-name:v1.${i}.0
    sizeBytes: ${12345678 + i}
`;
}

/** The Nodes in one List, as kubectl prints more than one. */
export function listOf(nodes: readonly string[]): string {
  const items = nodes.map((text) => `- ${text.trimEnd().replaceAll("\n", "\n  ")}\n`);
  return `apiVersion: v1\nitems:\n${items.join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}
