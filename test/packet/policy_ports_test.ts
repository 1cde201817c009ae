// As policy_test.ts: which ports.

import { A, ALL, judgeAll, OF_Y, sctp, type Sentence, tcp, udp } from "./policy_sentences.ts";

const PORTS: Readonly<Record<string, Sentence>> = {
  "R2: a named port is what the pod that is connected to calls so": {
    policies: [{ ...ALL, ingress: [{ ports: [tcp("http")] }] }, {
      ...ALL,
      namespace: "y",
      ingress: [{ ports: [tcp("http")] }],
    }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 8080  drop
      peer-pod   -> pod-b    tcp 8080  accept
      peer-pod   -> pod-b    tcp 80  drop`,
  },
  "R3: on the way out each destination pod has its own number for a name": {
    policies: [{
      ...A,
      policyTypes: ["Egress"],
      egress: [{ to: [{ namespaceSelector: {} }], ports: [tcp("http")] }],
    }],
    cases: `
      pod-a      -> peer-pod   tcp 8080  accept
      pod-a      -> peer-pod   tcp 80  drop
      pod-a      -> peer-pod-2 tcp 80  accept
      pod-a      -> peer-pod-2 tcp 8080  drop
      pod-a      -> pod-b      tcp 8080  accept
      pod-a      -> peer-pod-3 tcp 80  drop
      pod-a      -> world      tcp 80  drop`,
  },
  "R3: also within a block, and of whoever is no pod nothing": {
    policies: [{
      ...A,
      policyTypes: ["Egress"],
      egress: [{
        to: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }],
        ports: [tcp("http")],
      }],
    }],
    cases: `
      pod-a      -> peer-pod   tcp 8080  accept
      pod-a      -> peer-pod   tcp 80  drop
      pod-a      -> peer-pod-2 tcp 80  accept
      pod-a      -> world      tcp 80  drop
      pod-a      -> world      tcp 8080  drop`,
  },
  "R4: a name of another protocol is another name": {
    policies: [{ ...A, ingress: [{ ports: [udp("http"), tcp("dns")] }] }],
    cases: `
      peer-pod   -> pod-a    udp 80  drop
      peer-pod   -> pod-a    tcp 53  drop
      peer-pod   -> pod-a    udp 53  drop`,
  },
  "R5, R6: a name is what all containers and sidecars call so, and no init container that ends": {
    policies: [{ ...A, ingress: [{ ports: [tcp("http"), tcp("side"), tcp("before")] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  accept
      peer-pod   -> pod-a    tcp 8081  accept
      peer-pod   -> pod-a    tcp 8082  drop
      peer-pod   -> pod-a    tcp 9090  accept
      peer-pod   -> pod-a    tcp 9091  drop`,
  },
  "R7: a name that nobody has is no port, not all ports": {
    policies: [{ ...A, ingress: [{ ports: [tcp("metrics")] }] }],
    cases: `
      peer-pod   -> pod-a    tcp 80  drop
      peer-pod   -> pod-a    echo  drop`,
  },
  "R8: endPort is inside of the range, of all protocols": {
    policies: [{
      ...A,
      ingress: [{
        ports: [tcp(8000, 8079), { protocol: "UDP", port: 9000, endPort: 9000 }, {
          protocol: "SCTP",
          port: 7000,
          endPort: 7100,
        }],
      }],
    }],
    cases: `
      outsider   -> pod-a    tcp 7999  drop
      outsider   -> pod-a    tcp 8000  accept
      outsider   -> pod-a    tcp 8079  accept
      outsider   -> pod-a    tcp 8080  drop
      outsider   -> pod-a    udp 9000  accept
      outsider   -> pod-a    udp 9001  drop
      outsider   -> pod-a    sctp 7100  accept
      outsider   -> pod-a    sctp 7101  drop`,
  },
  "R10: SCTP is a protocol of its own": {
    policies: [{ ...A, ingress: [{ ports: [sctp(80), tcp(81)] }] }],
    cases: `
      outsider   -> pod-a    sctp 80  accept
      outsider   -> pod-a    tcp 80  drop
      outsider   -> pod-a    sctp 81  drop
      outsider   -> pod-a    tcp 81  accept`,
  },
  "R11: where ranges overlap each peer has its own ports, by many segments too": {
    policies: [{
      ...A,
      ingress: [
        { from: [OF_Y], ports: [tcp(80), tcp(8000, 8100), udp(53), udp(54), sctp(9)] },
        { from: [{ podSelector: {} }], ports: [tcp(8050, 9000), udp(54), udp(55)] },
      ],
    }],
    cases: `
      peer-pod-2 -> pod-a    tcp 8000  accept
      peer-pod-2 -> pod-a    tcp 8100  accept
      peer-pod-2 -> pod-a    tcp 8101  drop
      peer-pod   -> pod-a    tcp 8049  drop
      peer-pod   -> pod-a    tcp 8050  accept
      peer-pod   -> pod-a    tcp 9000  accept
      peer-pod-2 -> pod-a    tcp 9000  drop
      peer-pod   -> pod-a    tcp 80  drop
      peer-pod-2 -> pod-a    udp 53  accept
      peer-pod   -> pod-a    udp 53  drop
      peer-pod   -> pod-a    udp 54  accept
      peer-pod-2 -> pod-a    udp 55  drop
      peer-pod-2 -> pod-a    sctp 9  accept`,
  },
  "R12: a rule with ports is not for ICMP, one without is": {
    policies: [{ ...A, ingress: [{ from: [OF_Y] }, { ports: [tcp(80)] }] }],
    cases: `
      peer-pod-2 -> pod-a    echo  accept
      peer-pod   -> pod-a    echo  drop
      peer-pod   -> pod-a    tcp 80  accept`,
  },
};

Deno.test("Which ports", (t) => judgeAll(PORTS, t));
