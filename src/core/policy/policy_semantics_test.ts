// The semantics of NetworkPolicy, peers and isolation: each line is a test, its sentence the name.

import assert from "node:assert/strict";
import { type FlowCase, saidOf } from "../../../test/policy_cluster.ts";

const A = { matchLabels: { pod: "a" } };
const B = { matchLabels: { pod: "b" } };
const ANY = {};
const from = (...peers: unknown[]) => ({ podSelector: A, ingress: [{ from: peers }] });
const block = (cidr: unknown, ...except: unknown[]) => ({ ipBlock: { cidr, except } });
const where = (key: string, operator: string, values?: string[]) => ({
  matchExpressions: [{ key, operator, values }],
});

const CASES: readonly FlowCase[] = [
  {
    name: "Without any policy everything passes",
    specs: [],
    flows: ["+ x/a > x/b tcp/80", "+ 192.0.2.1 > x/a udp/53", "+ x/a > 192.0.2.1 icmp"],
  },
  {
    name: "S1: policyTypes left out is Ingress, and Egress where there are egress rules",
    specs: [{ podSelector: A }, { podSelector: B, egress: [{ to: [{ podSelector: A }] }] }],
    flows: ["- x/c > x/a tcp/80", "+ x/a > x/c tcp/80", "- x/b > x/c tcp/80", "- x/c > x/b tcp/80"],
  },
  {
    name: "S2: an empty list of egress rules without policyTypes isolates nothing of egress",
    specs: [{ podSelector: A, egress: [] }],
    flows: ["+ x/a > x/b tcp/80", "- x/b > x/a tcp/80"],
  },
  {
    name: "S3: rules of a direction that policyTypes leaves out are ignored",
    specs: [{ podSelector: A, policyTypes: ["Egress"], ingress: [{ from: [{ podSelector: B }] }] }],
    flows: ["+ x/c > x/a tcp/80", "- x/a > x/b tcp/80"],
  },
  {
    name: "S4: no rules and an empty list of rules are the same: nothing comes in",
    specs: [{ podSelector: A, policyTypes: ["Ingress"] }, {
      podSelector: B,
      policyTypes: ["Ingress"],
      ingress: [],
    }],
    flows: ["- x/c > x/a tcp/80", "- x/c > x/b icmp", "+ x/c > y/a tcp/80"],
  },
  {
    name: "S5, S6, S7: an empty rule allows every peer, port and protocol, also from outside",
    specs: [{ podSelector: A, ingress: [{}] }],
    flows: ["+ z/c > x/a sctp/9", "+ 192.0.2.1 > x/a icmp", "+ 2001:db8::1 > x/a udp/53"],
  },
  {
    name: "S6: an empty list of peers is everybody, also outside of the cluster",
    specs: [{ podSelector: A, ingress: [{ from: [], ports: [{ port: 80 }] }] }],
    flows: ["+ 192.0.2.1 > x/a tcp/80", "+ y/a > x/a tcp/80", "- y/a > x/a tcp/81"],
  },
  {
    name: "S10: an empty podSelector is every pod of the namespace, and of no other",
    specs: [{ podSelector: ANY }],
    flows: ["- y/a > x/a tcp/80", "- x/a > x/c tcp/80", "+ x/a > y/a tcp/80"],
  },
  {
    name: "S11: a policy that selects nobody changes nothing",
    specs: [{ podSelector: { matchLabels: { pod: "nobody" } } }],
    flows: ["+ y/a > x/a tcp/80"],
  },
  {
    name: "S12: what one policy allows, no other takes away",
    specs: [{ podSelector: A }, from({ podSelector: B }), {
      podSelector: A,
      ingress: [{ ports: [{ port: 443 }] }],
    }],
    flows: ["+ x/b > x/a udp/9", "+ z/a > x/a tcp/443", "- x/c > x/a tcp/80"],
  },
  {
    name: "S12: a policy that allows everything makes the pod open, whatever else selects it",
    specs: [{ podSelector: A }, { podSelector: ANY, ingress: [{}] }],
    flows: ["+ 192.0.2.1 > x/a icmp"],
  },
  {
    name: "S13: a pod that is selected for egress only takes everything in",
    specs: [{ podSelector: A, policyTypes: ["Egress"] }],
    flows: ["+ y/a > x/a tcp/80", "- x/a > y/a tcp/80"],
  },
  {
    name: "S14: a connection needs egress of its source and ingress of its destination",
    specs: [
      { podSelector: A, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: B }] }] },
      { podSelector: B, ingress: [{ from: [{ podSelector: { matchLabels: { pod: "c" } } }] }] },
    ],
    flows: ["- x/a > x/b tcp/80", "+ x/c > x/b tcp/80", "- x/a > x/c tcp/80"],
  },
  {
    name: "P1: a podSelector alone means pods of the policy's own namespace",
    specs: [from({ podSelector: B })],
    flows: ["+ x/b > x/a tcp/80", "- y/b > x/a tcp/80"],
  },
  {
    name: "P2: a namespaceSelector alone means all pods of those namespaces",
    specs: [from({ namespaceSelector: { matchLabels: { ns: "y" } } })],
    flows: ["+ y/a > x/a tcp/80", "+ y/c > x/a tcp/80", "- x/b > x/a tcp/80", "- z/a > x/a tcp/80"],
  },
  {
    name: "P3: both in one peer must hold, two peers are either",
    specs: [from({ namespaceSelector: { matchLabels: { ns: "y" } }, podSelector: B }, {
      namespaceSelector: { matchLabels: { ns: "z" } },
    })],
    flows: ["+ y/b > x/a tcp/80", "- y/c > x/a tcp/80", "- x/b > x/a tcp/80", "+ z/c > x/a tcp/80"],
  },
  {
    name: "P4, P14: an empty namespaceSelector means all pods, and nobody outside",
    specs: [from({ namespaceSelector: ANY })],
    flows: ["+ z/c > x/a tcp/80", "- 192.0.2.1 > x/a tcp/80"],
  },
  {
    name: "P4: an empty podSelector means all pods of the own namespace",
    specs: [from({ podSelector: ANY })],
    flows: ["+ x/c > x/a tcp/80", "- y/a > x/a tcp/80"],
  },
  {
    name: "P5: In needs the key",
    specs: [from({ podSelector: where("pod", "In", ["b", "c"]) })],
    flows: ["+ x/b > x/a tcp/80", "+ x/c > x/a tcp/80"],
  },
  {
    name: "P5: NotIn and DoesNotExist hold where the key is missing",
    specs: [from({ podSelector: where("missing", "NotIn", ["b"]) }), {
      podSelector: B,
      ingress: [{ from: [{ podSelector: where("missing", "DoesNotExist") }] }],
    }],
    flows: ["+ x/b > x/a tcp/80", "+ x/a > x/b tcp/80"],
  },
  {
    name: "P5: all requirements must hold",
    specs: [from({
      podSelector: {
        matchLabels: { pod: "b" },
        matchExpressions: [{ key: "pod", operator: "NotIn", values: ["b"] }],
      },
    })],
    flows: ["- x/b > x/a tcp/80", "- x/c > x/a tcp/80"],
  },
  {
    name: "P5: Exists needs the key",
    specs: [from({ podSelector: where("missing", "Exists") })],
    flows: ["- x/b > x/a tcp/80"],
  },
  {
    name: "P8: except takes away of its own block, and another rule may give it back",
    specs: [from(block("10.0.0.0/8", "10.244.1.0/24")), from({ podSelector: B }, block("10.244.1.1/32"))],
    flows: ["+ 10.9.9.9 > x/a tcp/80", "+ 10.244.1.1 > x/a tcp/80", "- 10.244.1.2 > x/a tcp/80"],
  },
  {
    name: "P8: exceptions may overlap and lie within one another",
    specs: [from(block("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/15"))],
    flows: [
      "- 10.1.2.3 > x/a tcp/80",
      "- 10.1.9.9 > x/a tcp/80",
      "- 10.3.255.255 > x/a tcp/80",
      "+ 10.4.0.0 > x/a tcp/80",
    ],
  },
  {
    name: "P10: host bits, leading zeros and IPv4-mapped addresses are read as kube-proxy does",
    specs: [
      from(block("10.0.0.200/24", "10.0.0.192/26")),
      from(block("010.1.0.0/16")),
      from(block("::ffff:10.2.0.0/112")),
    ],
    flows: [
      "+ 10.0.0.1 > x/a tcp/80",
      "+ 10.0.0.191 > x/a tcp/80",
      "- 10.0.0.193 > x/a tcp/80",
      "+ 10.1.2.3 > x/a tcp/80",
      "+ 10.2.2.3 > x/a tcp/80",
      "- 10.3.2.3 > x/a tcp/80",
    ],
  },
  {
    name: "P11, P13: an IPv4 block says nothing of IPv6",
    specs: [from(block("0.0.0.0/0"))],
    flows: ["+ 192.0.2.1 > x/a tcp/80", "- 2001:db8::1 > x/a tcp/80"],
  },
  {
    name: "P12: a block means pods by their addresses too",
    specs: [from(block("10.244.1.0/24"), block("fd00:10:244:b::/64"))],
    flows: ["+ y/a > x/a tcp/80", "- z/a > x/a tcp/80"],
  },
  {
    name: "N5, N6: a pod is never kept from itself, not through its Service either",
    specs: [{ podSelector: A, policyTypes: ["Ingress", "Egress"] }],
    flows: ["+ x/a > x/a tcp/80", "- x/a > x/b tcp/80"],
  },
  {
    name: "N8: a link-local address is an ordinary destination",
    specs: [{ podSelector: A, egress: [{ to: [block("0.0.0.0/0", "169.254.169.254/32")] }] }],
    flows: ["- x/a > 169.254.169.254 tcp/80", "+ x/a > 169.254.169.253 tcp/80"],
  },
];

for (const one of CASES) Deno.test(one.name, () => assert.deepEqual(saidOf(one), one.flows));
