// The semantics of NetworkPolicy, ports: each line is a test, its sentence the name.

import assert from "node:assert/strict";
import {
  addressesOf,
  type FlowCase,
  PolicyCluster,
  policyJson,
  saidOf,
} from "../../../test/policy_cluster.ts";

const A = { matchLabels: { pod: "a" } };
const B = { matchLabels: { pod: "b" } };
const C = { matchLabels: { pod: "c" } };
const on = (...ports: unknown[]) => ({ podSelector: A, ingress: [{ ports }] });
const out = (to: unknown[], ...ports: unknown[]) => ({
  podSelector: A,
  egress: [{ to, ports }],
  policyTypes: ["Egress"],
});

const CASES: readonly FlowCase[] = [
  {
    name: "S8: a port without any field is all ports of TCP, and of TCP alone",
    specs: [on({})],
    flows: ["+ x/b > x/a tcp/1", "+ x/b > x/a tcp/65535", "- x/b > x/a udp/1", "- x/b > x/a icmp"],
  },
  {
    name: "S9: a protocol alone is all of its ports",
    specs: [on({ protocol: "UDP" })],
    flows: ["+ x/b > x/a udp/53", "- x/b > x/a tcp/53", "- x/b > x/a sctp/53"],
  },
  {
    name: "R1, R9: a number is the pod's port, of TCP where nothing else is said",
    specs: [on({ port: 80 })],
    flows: ["+ y/b > x/a tcp/80", "- y/b > x/a tcp/81", "- y/b > x/a udp/80"],
  },
  {
    name: "R2: a name of a port of ingress has the number that each selected pod gives it",
    specs: [{ podSelector: {}, ingress: [{ ports: [{ port: "web" }] }] }],
    flows: ["+ y/c > x/a tcp/80", "- y/c > x/a tcp/81", "+ y/c > x/b tcp/81", "- y/c > x/b tcp/80"],
  },
  {
    name: "R3: a name of a port of egress has the number that each destination gives it",
    specs: [out([{ podSelector: {} }], { port: "web" })],
    flows: ["+ x/a > x/b tcp/81", "- x/a > x/b tcp/80", "- x/a > y/a tcp/80"],
  },
  {
    name: "R3: without peers it is that of any pod, and nothing outside",
    specs: [out([], { port: "web" })],
    flows: ["+ x/a > y/a tcp/80", "+ x/a > y/b tcp/81", "- x/a > y/b tcp/80", "- x/a > 192.0.2.1 tcp/80"],
  },
  {
    name: "R3: a pod within a block is found by the name of its port, and nobody else there",
    specs: [
      out([{ ipBlock: { cidr: "10.244.1.0/24" } }, { ipBlock: { cidr: "fd00:10:244:b::/64" } }], {
        port: "web",
      }),
    ],
    flows: ["+ x/a > y/b tcp/81", "- x/a > z/b tcp/81", "- x/a > 10.244.1.99 tcp/80", "- x/a > y/b tcp/80"],
  },
  {
    name: "R4: a name of another protocol is no match",
    specs: [on({ port: "web", protocol: "UDP" }), out([], { port: "web", protocol: "UDP" })],
    flows: ["- x/b > x/a tcp/80", "- x/b > x/a udp/80", "- x/a > y/a udp/80", "- x/a > y/a tcp/80"],
  },
  {
    name: "R7: a name that nobody has allows nothing",
    specs: [on({ port: "nobody" }), out([], { port: "nobody" })],
    flows: ["- x/b > x/a tcp/80", "- x/b > x/a icmp", "- x/a > x/b tcp/80"],
  },
  {
    name: "R8: endPort is the last one of a range, and may be the first",
    specs: [on({ port: 80, endPort: 82 }, { port: 90, endPort: 90, protocol: "SCTP" })],
    flows: [
      "- x/b > x/a tcp/79",
      "+ x/b > x/a tcp/80",
      "+ x/b > x/a tcp/82",
      "- x/b > x/a tcp/83",
      "+ x/b > x/a sctp/90",
      "- x/b > x/a sctp/91",
    ],
  },
  {
    name: "R10: SCTP and TCP do not stand for each other",
    specs: [on({ port: 80, protocol: "SCTP" })],
    flows: ["+ x/b > x/a sctp/80", "- x/b > x/a tcp/80"],
  },
  {
    name: "R11: the ports of one rule are not open to the peers of another, however they overlap",
    specs: [{
      podSelector: A,
      ingress: [
        { from: [{ podSelector: B }], ports: [{ port: 8000, endPort: 8100 }] },
        { from: [{ podSelector: C }], ports: [{ port: 8050, endPort: 8200 }] },
        { from: [{ namespaceSelector: { matchLabels: { ns: "z" } } }] },
      ],
    }],
    flows: [
      "+ x/b > x/a tcp/8000",
      "- x/c > x/a tcp/8049",
      "+ x/c > x/a tcp/8050",
      "+ x/b > x/a tcp/8100",
      "- x/b > x/a tcp/8101",
      "+ x/c > x/a tcp/8200",
      "+ z/a > x/a tcp/8060",
      "+ z/a > x/a icmp",
      "- x/b > x/a icmp",
    ],
  },
  {
    name: "R11: one number named at the pod, in a range of another rule",
    specs: [{
      podSelector: A,
      ingress: [
        { from: [{ podSelector: B }], ports: [{ port: "web" }] },
        { from: [{ podSelector: C }], ports: [{ port: 70, endPort: 90 }] },
      ],
    }],
    flows: ["+ x/b > x/a tcp/80", "- x/b > x/a tcp/81", "+ x/c > x/a tcp/80", "+ x/c > x/a tcp/81"],
  },
  {
    name: "R12: a rule with ports is not for ICMP, a rule without is",
    specs: [{ podSelector: A, ingress: [{ ports: [{}] }] }, {
      podSelector: B,
      ingress: [{ from: [{ podSelector: C }] }],
    }],
    flows: ["- x/b > x/a icmp", "+ x/c > x/b icmp", "- x/a > x/b icmp"],
  },
];

for (const one of CASES) Deno.test(one.name, () => assert.deepEqual(saidOf(one), one.flows));

const WEB = [{ name: "web", containerPort: 80 }];
const ADMIN = { name: "web", containerPort: 8080 };

Deno.test("R5: a name that several containers use stands for all of their numbers", () => {
  const cluster = PolicyCluster.ordinary();
  const containers = [{ ports: WEB }, { ports: [ADMIN] }];
  cluster.pod({ name: "a", ips: addressesOf("x/a"), spec: { containers } });
  cluster.policy(policyJson(on({ port: "web" })));
  const said = [80, 8080, 81].map((port) => cluster.verdict(`x/b > x/a tcp/${port}`));
  assert.deepEqual(said, ["accept", "accept", "drop"]);
});

Deno.test("R6: ports of native sidecars count, those of other init containers do not", () => {
  for (const restartPolicy of ["Always", undefined]) {
    const cluster = PolicyCluster.ordinary();
    cluster.pod({
      name: "a",
      ips: addressesOf("x/a"),
      spec: { initContainers: [{ restartPolicy, ports: [ADMIN] }] },
    });
    cluster.policy(policyJson(on({ port: "web" })));
    assert.equal(cluster.verdict("x/b > x/a tcp/8080"), restartPolicy === "Always" ? "accept" : "drop");
  }
});

Deno.test("Pods of equal policies share a content, those whose ports have other numbers have one of their own", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: {}, ingress: [{ ports: [{ port: "web" }] }] }));
  const { subjects, contents } = cluster.model.desired();
  const of = (pod: string) => subjects.get(addressesOf(pod)[0])!.ingress;
  assert.equal(of("x/b"), of("x/c"));
  assert.notEqual(of("x/a"), of("x/b"));
  assert.equal(contents.size, 4);
});
