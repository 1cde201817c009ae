// Who may connect to whom, read straight off the text of networking.k8s.io/v1 from the raw objects: slow, without any index,
// and with no code of the model in it. What the model, and the kernel, must agree with.

/** Raw objects, well-formed. */
export interface PolicyWorld {
  readonly pods: readonly unknown[];
  readonly namespaces: readonly unknown[];
  readonly policies: readonly unknown[];
  /** By Node: what it has for its pods. undefined: pods are believed wherever they are. */
  readonly podCidrs?: ReadonlyMap<string, readonly string[]> | undefined;
}

/** The first packet of a connection, by texts. */
export interface OracleFlow {
  readonly source: string;
  readonly destination: string;
  readonly protocol: "TCP" | "UDP" | "SCTP" | "ICMP";
  readonly port: number;
}

interface OraclePod {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Labels };
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly containers: readonly OracleContainer[];
    readonly initContainers?: readonly (OracleContainer & { readonly restartPolicy?: string })[];
  };
  readonly status: {
    readonly phase: string;
    readonly startTime: string;
    readonly podIPs?: readonly { readonly ip: string }[];
  };
}

interface OracleContainer {
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
}

type Labels = Readonly<Record<string, string>>;

interface OracleSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface OraclePeer {
  readonly podSelector?: OracleSelector;
  readonly namespaceSelector?: OracleSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface OraclePort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

interface OracleRule {
  readonly from?: readonly OraclePeer[];
  readonly to?: readonly OraclePeer[];
  readonly ports?: readonly OraclePort[];
}

interface OraclePolicy {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly annotations?: Labels };
  readonly spec: {
    readonly podSelector: OracleSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly OracleRule[];
    readonly egress?: readonly OracleRule[];
  };
}

/**
 * What node `nodeName` lets pass: egress of its pod at the source, ingress of its pod at the destination.
 * "A pod cannot block access to itself."
 */
export function mayPass(world: PolicyWorld, flow: OracleFlow, nodeName: string): boolean {
  if (flow.source === flow.destination) return true;
  const pods = world.pods as readonly OraclePod[];
  const isLocal = (pod: OraclePod) => pod.spec.nodeName === nodeName;
  const source = owner(pods.filter(isLocal), flow.source);
  const destination = owner(pods.filter(isLocal), flow.destination);
  return (source === undefined || isAllowed(world, "egress", { pod: source, flow })) &&
    (destination === undefined || isAllowed(world, "ingress", { pod: destination, flow }));
}

/** Who has an address: pods that run in a network of their own; of several the one that started last. */
function owner(pods: readonly OraclePod[], address: string): OraclePod | undefined {
  return pods
    .filter(({ spec, status }) =>
      !spec.hostNetwork && status.phase !== "Succeeded" && status.phase !== "Failed" &&
      (status.podIPs ?? []).some(({ ip }) => ip === address)
    )
    .sort((a, b) => a.status.startTime < b.status.startTime ? 1 : -1)[0];
}

/** Whom a selector finds at an address: a pod in its own node's pod CIDRs, where those are told. */
function peerAt({ pods, podCidrs }: PolicyWorld, address: string): OraclePod | undefined {
  const isBelieved = ({ spec }: OraclePod) => {
    if (podCidrs === undefined) return true;
    const cidrs = podCidrs.get(spec.nodeName ?? "");
    const own = cidrs?.filter((cidr) => cidr.includes(":") === address.includes(":"));
    return own !== undefined && (own.length === 0 || own.some((cidr) => isIn(address, cidr)));
  };
  return owner((pods as readonly OraclePod[]).filter(isBelieved), address);
}

interface Case {
  readonly pod: OraclePod;
  readonly flow: OracleFlow;
}

function isAllowed(world: PolicyWorld, direction: "ingress" | "egress", { pod, flow }: Case): boolean {
  const selecting = (world.policies as readonly OraclePolicy[]).filter((policy) =>
    policy.metadata.namespace === pod.metadata.namespace &&
    fits(policy.spec.podSelector, pod.metadata.labels) && typesOf(policy).includes(direction)
  );
  // "By default, a pod is non-isolated"; and what is in audit (wigglenet/audit) drops nothing.
  if (selecting.every((policy) => isAudit(world, policy))) return true;
  const far = direction === "ingress" ? flow.source : flow.destination;
  const serving = direction === "ingress" ? pod : peerAt(world, flow.destination);
  return selecting.some((policy) =>
    (policy.spec[direction] ?? []).some((rule) => {
      const peers = (direction === "ingress" ? rule.from : rule.to) ?? [];
      const ports = rule.ports ?? [];
      return (peers.length === 0 || peers.some((peer) => isPeer(world, peer, { policy, far }))) &&
        (ports.length === 0 || ports.some((port) => isPort(port, flow, serving)));
    })
  );
}

/** Of the policy, or of all policies in its namespace. */
function isAudit(world: PolicyWorld, { metadata }: OraclePolicy): boolean {
  const namespaces = world.namespaces as readonly OraclePolicy[];
  const own = namespaces.filter(({ metadata: { name } }) => name === metadata.namespace);
  return [metadata, ...own.map((it) => it.metadata)].some(({ annotations }) =>
    annotations?.["wigglenet/audit"] === "true"
  );
}

/** "If no policyTypes are specified then Ingress will always be set, and Egress if the policy has any egress rules." */
function typesOf({ spec }: OraclePolicy): string[] {
  const stated = spec.policyTypes ?? [];
  if (stated.length > 0) return stated.map((type) => type.toLowerCase());
  return (spec.egress ?? []).length > 0 ? ["ingress", "egress"] : ["ingress"];
}

function isPeer(
  world: PolicyWorld,
  { podSelector, namespaceSelector, ipBlock }: OraclePeer,
  { policy, far }: { readonly policy: OraclePolicy; readonly far: string },
): boolean {
  if (ipBlock !== undefined) {
    return isIn(far, ipBlock.cidr) && !(ipBlock.except ?? []).some((cidr) => isIn(far, cidr));
  }
  const pod = peerAt(world, far);
  if (pod === undefined || podSelector !== undefined && !fits(podSelector, pod.metadata.labels)) return false;
  if (namespaceSelector === undefined) return pod.metadata.namespace === policy.metadata.namespace;
  const namespace = (world.namespaces as readonly OraclePod[]).find(({ metadata }) =>
    metadata.name === pod.metadata.namespace
  );
  if (namespace === undefined) return false; // nobody knows its labels
  const { name, labels } = namespace.metadata;
  return fits(namespaceSelector, { ...labels, "kubernetes.io/metadata.name": name });
}

function isPort({ protocol = "TCP", port, endPort }: OraclePort, flow: OracleFlow, pod?: OraclePod): boolean {
  if (protocol !== flow.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === "number") return port <= flow.port && flow.port <= (endPort ?? port);
  const containers = [
    ...pod?.spec.containers ?? [],
    ...(pod?.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
  ];
  return containers.flatMap(({ ports }) => ports ?? []).some((it) =>
    it.name === port && (it.protocol ?? "TCP") === protocol && it.containerPort === flow.port
  );
}

/** All of it must hold; an empty selector fits everything. */
function fits({ matchLabels = {}, matchExpressions = [] }: OracleSelector, labels: Labels = {}): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isListed = value !== undefined && values.includes(value);
      return operator === "In" ? isListed : !isListed;
    });
}

/** By the bits as texts of 0 and 1; host bits of the CIDR do not matter. */
function isIn(address: string, cidr: string): boolean {
  const [network, length] = cidr.split("/") as [string, string];
  if (network.includes(":") !== address.includes(":")) return false;
  return bits(address).slice(0, Number(length)) === bits(network).slice(0, Number(length));
}

function bits(address: string): string {
  if (!address.includes(":")) {
    return address.split(".").map((octet) => Number(octet).toString(2).padStart(8, "0")).join("");
  }
  const [head, tail] = address.split("::").map((part) => part === "" ? [] : part.split(":"));
  const groups = tail === undefined
    ? head!
    : [...head!, ...Array.from({ length: 8 - head!.length - tail.length }, () => "0"), ...tail];
  return groups.map((group) => parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}
