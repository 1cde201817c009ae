// The checklist of NetworkPolicy by real packets: the sentence is the step's name, a case that fails shows the rules it met.

import { A, ALL, judgeAll, OF_Y, type Sentence, tcp } from "./policy_sentences.ts";

const ISOLATION: Readonly<Record<string, Sentence>> = {
  "S1, S2: without policyTypes, and without egress rules, ingress alone is isolated": {
    policies: [{ ...ALL, egress: [] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  drop
      world      -> pod-a    udp 53  drop
      pod-a      -> peer-pod tcp 80  accept
      pod-a      -> world    udp 53  masquerade`,
  },
  "S1: without policyTypes, and with egress rules, both are isolated": {
    policies: [{ ...ALL, egress: [{ ports: [tcp(80)] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  drop
      pod-a      -> peer-pod tcp 80  accept
      pod-a      -> peer-pod tcp 81  drop`,
  },
  "S3: rules of a direction that is not isolated say nothing": {
    policies: [{ ...ALL, policyTypes: ["Egress"], ingress: [{ ports: [tcp(80)] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 81  accept
      pod-a      -> peer-pod tcp 80  drop`,
  },
  "S4: no ingress rules is nobody": {
    policies: [{ ...ALL, policyTypes: ["Ingress"] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  drop
      pod-b      -> pod-a    tcp 80  drop
      outsider   -> pod-a    sctp 80  drop
      peer-pod   -> pod-b    tcp 80  accept`,
  },
  "S5, S7: an empty rule is everybody, on all ports of all protocols, ICMP too": {
    policies: [{ ...ALL, policyTypes: ["Ingress"], ingress: [{}] }, { ...ALL, policyTypes: ["Ingress"] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      outsider   -> pod-a    udp 53  accept
      outsider   -> pod-a    sctp 7  accept
      peer-pod   -> pod-a    echo  accept
      peer-pod   -> pod-a    protocol 47  accept`,
  },
  "S6: an empty list of peers is everybody, outside and other nodes too": {
    policies: [{ ...ALL, ingress: [{ from: [], ports: [tcp(80)] }] }],
    cases: `
      outsider   -> pod-a    tcp 80  accept
      peer-node  -> pod-a    tcp 80  accept
      peer-pod-3 -> pod-a    tcp 80  accept
      outsider   -> pod-a    tcp 81  drop`,
  },
  "S8, R9: a port without fields is all of TCP, and nothing else": {
    policies: [{ ...ALL, policyTypes: ["Ingress"], ingress: [{ ports: [{}] }] }],
    cases: `
      outsider   -> pod-a    tcp 1  accept
      outsider   -> pod-a    tcp 65535  accept
      outsider   -> pod-a    udp 80  drop
      outsider   -> pod-a    sctp 80  drop
      outsider   -> pod-a    echo  drop`,
  },
  "S9: a protocol without a port is all of its ports": {
    policies: [{ ...ALL, policyTypes: ["Ingress"], ingress: [{ ports: [{ protocol: "UDP" }] }] }],
    cases: `
      outsider   -> pod-a    udp 9  accept
      outsider   -> pod-a    tcp 9  drop`,
  },
  "S11: a policy that selects nobody costs nobody anything": {
    policies: [{ podSelector: { matchLabels: { app: "none" } }, policyTypes: ["Ingress", "Egress"] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      pod-a      -> pod-b    tcp 80  accept`,
  },
  "S12: policies add up, whatever their order": {
    policies: [
      { ...ALL, policyTypes: ["Ingress"] },
      { ...A, ingress: [{ from: [{ podSelector: {} }], ports: [tcp(80)] }] },
      { ...A, ingress: [{ from: [OF_Y], ports: [tcp(81)] }] },
    ],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 81  drop
      peer-pod-2 -> pod-a    tcp 80  drop
      peer-pod-2 -> pod-a    tcp 81  accept
      pod-b      -> pod-a    tcp 81  accept`,
  },
  "S13: a pod that is isolated for egress only receives": {
    policies: [{ ...ALL, policyTypes: ["Egress"] }],
    cases: `
      outsider   -> pod-a    udp 53  accept
      peer-pod   -> pod-a    tcp 80  accept
      pod-a      -> pod-b    tcp 80  drop
      pod-a      -> world    tcp 80  drop`,
  },
  "S14: both ends have their say, also on one node": {
    policies: [
      { ...ALL, policyTypes: ["Egress"], egress: [{ to: [OF_Y], ports: [tcp(80), tcp(81)] }] },
      { ...ALL, namespace: "y", policyTypes: ["Ingress"], ingress: [{ ports: [tcp(81), tcp(82)] }] },
    ],
    cases: `
      pod-a      -> pod-b    tcp 80  drop
      pod-a      -> pod-b    tcp 81  accept
      pod-a      -> pod-b    tcp 82  drop
      peer-pod   -> pod-b    tcp 82  accept`,
  },
};

const PEERS: Readonly<Record<string, Sentence>> = {
  "P1: a podSelector alone is of the policy's own namespace": {
    policies: [{ ...A, ingress: [{ from: [{ podSelector: { matchLabels: { app: "peer" } } }] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    echo  accept
      peer-pod-2 -> pod-a    tcp 80  drop
      outsider   -> pod-a    tcp 80  drop`,
  },
  "P2: a namespaceSelector alone is all pods of such namespaces": {
    policies: [{ ...A, ingress: [{ from: [OF_Y] }] }],
    cases: `
      peer-pod-2 -> pod-a    tcp 80  accept
      pod-b      -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 80  drop
      peer-pod-3 -> pod-a    tcp 80  drop`,
  },
  "P3: both in one element are both, two elements are either": {
    policies: [{
      ...A,
      ingress: [
        { from: [{ ...OF_Y, podSelector: { matchLabels: { app: "peer" } } }], ports: [tcp(80)] },
        { from: [OF_Y, { podSelector: { matchLabels: { app: "peer" } } }], ports: [tcp(81)] },
      ],
    }],
    cases: `
      peer-pod-2 -> pod-a    tcp 80  accept
      pod-b      -> pod-a    tcp 80  drop
      peer-pod   -> pod-a    tcp 80  drop
      pod-b      -> pod-a    tcp 81  accept
      peer-pod   -> pod-a    tcp 81  accept
      peer-pod-3 -> pod-a    tcp 81  drop`,
  },
  "P4, P14: an empty namespaceSelector is all pods, but nobody outside and no node": {
    policies: [{ ...A, ingress: [{ from: [{ namespaceSelector: {} }] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod-3 -> pod-a    tcp 80  accept
      outsider   -> pod-a    tcp 80  drop
      peer-node  -> pod-a    tcp 80  drop
      keyless-pod -> pod-a   tcp 80  drop`,
  },
  "P5: NotIn and DoesNotExist match where the label is absent": {
    policies: [{
      ...A,
      ingress: [
        {
          from: [{
            namespaceSelector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["x"] }] },
          }],
        },
        {
          from: [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "DoesNotExist" }] } }],
          ports: [tcp(81)],
        },
      ],
    }],
    cases: `
      peer-pod-3 -> pod-a    tcp 80  accept
      peer-pod-2 -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 80  drop
      peer-pod-3 -> pod-a    tcp 81  accept`,
  },
  "P5: In and Exists need the label": {
    policies: [{
      ...A,
      ingress: [
        {
          from: [{
            namespaceSelector: { matchExpressions: [{ key: "team", operator: "In", values: ["y", "q"] }] },
          }],
          ports: [tcp(80)],
        },
        {
          from: [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "Exists" }] } }],
          ports: [tcp(81)],
        },
      ],
    }],
    cases: `
      peer-pod-2 -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 80  drop
      peer-pod-3 -> pod-a    tcp 80  drop
      peer-pod   -> pod-a    tcp 81  accept
      peer-pod-3 -> pod-a    tcp 81  drop`,
  },
  "P8: an exception is no prohibition: another rule may allow what it leaves out": {
    policies: [{
      ...A,
      ingress: [
        { from: [{ ipBlock: { cidr: "10.244.0.0/16", except: ["10.244.2.0/24"] } }] },
        { from: [{ ipBlock: { cidr: "fd00:10:244::/48", except: ["fd00:10:244:2::/64"] } }] },
        { from: [{ podSelector: { matchLabels: { app: "peer" } } }], ports: [tcp(80)] },
      ],
    }],
    cases: `
      pod-b      -> pod-a    tcp 81  accept
      peer-pod   -> pod-a    tcp 81  drop
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod-2 -> pod-a    tcp 80  drop`,
  },
  "P10: bits of the host do not count": {
    policies: [{ ...A, ingress: [{ from: [{ ipBlock: { cidr: "10.9.1.77/24" } }] }] }],
    cases: `
      v4 outsider -> pod-a    tcp 80  accept
      v4 world    -> pod-a    tcp 80  drop
      v6 outsider -> pod-a    tcp 80  drop`,
  },
  "P10: leading zeros are decimal, and an exception is masked as its block is": {
    policies: [{
      ...A,
      ingress: [{ from: [{ ipBlock: { cidr: "010.009.001.000/24", except: ["10.9.1.201/31"] } }] }],
    }],
    cases: `
      v4 peer-node -> pod-a   tcp 80  accept
      v4 outsider  -> pod-a   tcp 80  drop
      v6 peer-node -> pod-a   tcp 80  drop`,
  },
  "P11, P13: 0.0.0.0/0 is all of IPv4 and nothing of IPv6": {
    policies: [{ ...A, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] }],
    cases: `
      v4 pod-a -> world      tcp 80  masquerade
      v4 pod-a -> peer-pod   tcp 80  accept
      v6 pod-a -> world      tcp 80  drop
      v6 pod-a -> peer-pod   tcp 80  drop`,
  },
  "P12: a block matches pods and nodes by their addresses, and metadata can be left out of it (N8)": {
    policies: [{
      ...A,
      policyTypes: ["Egress", "Ingress"],
      ingress: [{ from: [{ ipBlock: { cidr: "10.9.1.2/32" } }, { ipBlock: { cidr: "fd09::2/128" } }] }],
      egress: [{
        to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["192.0.2.9/32", "10.244.2.5/32"] } }, {
          ipBlock: { cidr: "::/0", except: ["2001:db8::9/128", "fd00:10:244:2::5/128"] },
        }],
      }],
    }],
    cases: `
      peer-node -> pod-a      tcp 80  accept
      outsider  -> pod-a      tcp 80  drop
      pod-a     -> world      tcp 80  drop
      pod-a     -> peer-pod   tcp 80  drop
      pod-a     -> peer-pod-2 tcp 80  accept
      pod-a     -> elsewhere  tcp 80  masquerade`,
  },
  "blocks of many ranges are as good as a few": {
    policies: [{
      ...A,
      ingress: [{
        from: [
          ...Array.from({ length: 9 }, (_, i) => ({ ipBlock: { cidr: `10.${2 * i + 1}.0.0/16` } })),
          ...Array.from(
            { length: 9 },
            (_, i) => ({ ipBlock: { cidr: `fd0${i + 1}::/64`, except: [`fd0${i + 1}::c8/128`] } }),
          ),
        ],
      }],
    }],
    cases: `
      v4 outsider  -> pod-a   tcp 80  accept
      v4 peer-pod  -> pod-a   tcp 80  drop
      v6 outsider  -> pod-a   tcp 80  drop
      v6 peer-node -> pod-a   tcp 80  accept`,
  },
};

Deno.test("Who is isolated, and by which rules", (t) => judgeAll(ISOLATION, t));
Deno.test("Who is a peer", (t) => judgeAll(PEERS, t));
