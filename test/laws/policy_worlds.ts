// Random Pods, Namespaces and NetworkPolicies over a small universe, so that selectors meet, port ranges overlap, names have
// several numbers and addresses change hands. Well-formed: what is not has tests of its own.

import fc from "fast-check";
import type { OracleFlow, PolicyWorld } from "./policy_oracle.ts";

const NAMESPACES = ["x", "y", "z"];
const PAIRS = [1, 2, 3, 4, 5, 6].map((i) => [`10.0.${i % 2}.${i}`, `fd00:${"ab"[i % 2]}::${i}`]);
const OUTSIDE = ["192.168.1.7", "192.168.9.9", "2001:db8::7"];
const PORTS = [80, 81, 82, 443, 8080];
const NAMES = ["web", "dns"];
const BLOCKS = [
  { cidr: "10.0.0.0/16" },
  { cidr: "10.0.1.77/24", except: ["10.0.1.0/30"] },
  { cidr: "0.0.0.0/0" },
  { cidr: "0.0.0.0/0", except: ["192.168.1.0/24", "10.0.0.0/8", "10.0.1.0/24"] },
  { cidr: "::/0" },
  { cidr: "fd00::/16", except: ["fd00:b::/32"] },
  { cidr: "2001:db8::7/128" },
  { cidr: "192.168.0.0/16" },
];

const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 3) => fc.option(arbitrary, { nil: undefined, freq });

const labels = fc.record({
  app: maybe(fc.constantFrom("a", "b")),
  tier: maybe(fc.constantFrom("1", "2")),
  constructor: maybe(fc.constant("odd"), 1),
});

const selector = fc.record({
  matchLabels: maybe(
    fc.record({ app: maybe(fc.constantFrom("a", "b")), tier: maybe(fc.constant("1"), 1) }),
    1,
  ),
  matchExpressions: maybe(
    fc.array(
      fc.oneof(
        fc.record({
          key: fc.constantFrom("app", "tier", "constructor"),
          operator: fc.constantFrom("In", "NotIn"),
          values: fc.subarray(["a", "b", "1", "2"], { minLength: 1 }),
        }),
        fc.record({
          key: fc.constantFrom("app", "tier", "constructor"),
          operator: fc.constantFrom("Exists", "DoesNotExist"),
        }),
      ),
      { maxLength: 2 },
    ),
    1,
  ),
});

const namespaceSelector = fc.oneof(
  selector,
  fc.constantFrom(...NAMESPACES).map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })),
);

const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc.constantFrom(...BLOCKS).map((ipBlock) => ({ ipBlock })),
);

const protocol = maybe(fc.constantFrom("TCP", "UDP", "SCTP"));
const policyPort = fc.oneof(
  { weight: 1, arbitrary: fc.record({ protocol }) },
  { weight: 4, arbitrary: fc.record({ protocol, port: fc.constantFrom(...PORTS) }) },
  { weight: 2, arbitrary: fc.record({ protocol, port: fc.constantFrom(...NAMES) }) },
  {
    weight: 3,
    arbitrary: fc.tuple(protocol, fc.constantFrom(...PORTS), fc.constantFrom(...PORTS)).map((
      [protocol, a, b],
    ) => ({ protocol, port: Math.min(a, b), endPort: Math.max(a, b) })),
  },
);

const rule = (side: "from" | "to") =>
  fc.record({
    [side]: maybe(fc.array(peer, { maxLength: 6 }), 6),
    ports: maybe(fc.array(policyPort, { maxLength: 3 }), 4),
  });

const annotations = fc.constantFrom(...Array.from({ length: 6 }, () => undefined), {
  "wigglenet/audit": "true",
});

const policy = fc.record({
  annotations,
  namespace: fc.constantFrom("x", "x", "y"),
  name: fc.constantFrom("p1", "p2", "p3"),
  podSelector: selector,
  policyTypes: maybe(fc.subarray(["Ingress", "Egress"]), 2),
  ingress: maybe(fc.array(rule("from"), { maxLength: 3 })),
  egress: maybe(fc.array(rule("to"), { maxLength: 3 })),
}).map(({ namespace, name, annotations, ...spec }) => ({ metadata: { namespace, name, annotations }, spec }));

const containerPorts = fc.array(
  fc.record({ name: maybe(fc.constantFrom(...NAMES)), containerPort: fc.constantFrom(...PORTS), protocol }),
  { maxLength: 3 },
);

const pod = fc.record({
  namespace: fc.constantFrom(...NAMESPACES, "unknown"),
  name: fc.constantFrom("a", "b", "c"),
  labels,
  nodeName: fc.constantFrom("n1", "n1", "n2"),
  hostNetwork: fc.constantFrom(undefined, undefined, undefined, undefined, true),
  phase: fc.constantFrom("Running", "Running", "Running", "Pending", "Succeeded", "Failed"),
  second: fc.integer({ min: 0, max: 3 }),
  pair: fc.constantFrom(...PAIRS),
  families: fc.subarray([0, 1]),
  ports: containerPorts,
  initPorts: containerPorts,
  restartPolicy: fc.constantFrom(undefined, "Always"),
}).map((it) => ({
  metadata: { namespace: it.namespace, name: it.name, uid: it.name, labels: it.labels },
  spec: {
    nodeName: it.nodeName,
    hostNetwork: it.hostNetwork,
    containers: [{ ports: it.ports }],
    initContainers: [{ ports: it.initPorts, restartPolicy: it.restartPolicy }],
  },
  status: {
    phase: it.phase,
    // No two pods of one time: who is older is told by nothing else.
    startTime: `2026-01-01T00:0${it.second}:${
      20 + NAMESPACES.indexOf(it.namespace) * 10 + it.name.charCodeAt(0) - 90
    }Z`,
    podIPs: it.families.map((i) => ({ ip: it.pair[i] })),
  },
}));

const namespace = fc.record({ name: fc.constantFrom(...NAMESPACES), labels, annotations }).map((
  metadata,
) => ({
  metadata,
}));

/** A Node as policies know it. */
export interface NodeWords extends RawNamed {
  readonly podCidrs: readonly string[];
}

const node = fc.record({
  metadata: fc.record({ name: fc.constantFrom("n1", "n2") }),
  podCidrs: fc.subarray(["10.0.0.0/24", "10.0.1.0/24", "10.0.1.0/30", "fd00:a::/64", "fd00:b::/64"]),
});

/** What happens to a world. */
export type Happening =
  | { readonly kind: keyof typeof OBJECTS; readonly put: RawNamed }
  | { readonly kind: keyof typeof OBJECTS; readonly remove: RawNamed };

/** Any of the raw objects. */
export interface RawNamed {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

/** JSON has no undefined. */
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const OBJECTS = { pods: pod, namespaces: namespace, policies: policy, nodes: node } as const;

/** Something that happens to one kind of objects: mostly one comes or changes, sometimes it goes. */
export function happeningOf(kind: Happening["kind"]): fc.Arbitrary<Happening> {
  return fc.tuple(OBJECTS[kind] as fc.Arbitrary<RawNamed>, fc.integer({ min: 0, max: 5 })).map((
    [object, dice],
  ) => dice === 0 ? { kind, remove: json(object) } : { kind, put: json(object) });
}

/** Something that happens. */
export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: happeningOf("pods") },
  { weight: 3, arbitrary: happeningOf("namespaces") },
  { weight: 4, arbitrary: happeningOf("policies") },
);

/** The same, with Nodes. */
export const happeningWithNodes: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 2, arbitrary: happening },
  { weight: 1, arbitrary: happeningOf("nodes") },
);

/** A flow of one family between addresses that somebody may have. */
export const flow: fc.Arbitrary<OracleFlow> = fc.tuple(
  fc.constantFrom(...[0, 1]),
  fc.constantFrom(...PAIRS),
  fc.constantFrom(...PAIRS),
  fc.constantFrom("TCP", "TCP", "UDP", "SCTP", "ICMP"),
  fc.constantFrom(...PORTS, 53, 65_535),
).chain(([family, source, destination, protocol, port]) => {
  const ends = (pod: string) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(pod) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...OUTSIDE.filter((it) => it.includes(":") === (family === 1))),
      },
    );
  return fc.record({
    source: ends(source[family]!),
    destination: ends(destination[family]!),
    protocol: fc.constant(protocol as OracleFlow["protocol"]),
    port: fc.constant(protocol === "ICMP" ? 0 : port),
  });
});

/** The objects of a world by what happened to them. */
export class WorldBook {
  readonly #objects = {
    pods: new Map<string, RawNamed>(),
    namespaces: new Map<string, RawNamed>(),
    policies: new Map<string, RawNamed>(),
    nodes: new Map<string, RawNamed>(),
  };

  constructor(private readonly nodesAreTold = false) {}

  happen(happening: Happening): void {
    const objects = this.#objects[happening.kind];
    if ("put" in happening) objects.set(keyOf(happening.put), happening.put);
    else objects.delete(keyOf(happening.remove));
  }

  /** The objects as they are now. */
  get world(): PolicyWorld {
    const { pods, namespaces, policies, nodes } = this.#objects;
    const told = [...nodes.values()] as unknown as NodeWords[];
    return {
      pods: [...pods.values()],
      namespaces: [...namespaces.values()],
      policies: [...policies.values()],
      podCidrs: this.nodesAreTold
        ? new Map(told.map(({ metadata, podCidrs }) => [metadata.name, podCidrs]))
        : undefined,
    };
  }
}

function keyOf({ metadata }: RawNamed): string {
  return `${metadata.namespace}/${metadata.name}`;
}
