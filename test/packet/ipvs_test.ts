// Policies where Services are kube-proxy's by IPVS, by real packets: what it has led to a pod is sent on by the node itself, with the
// source that it came with. A raw socket sends just so; kube-proxy itself is in test/api/kube_proxy_ipvs_test.ts, on kernels that have it.

import ipvs from "../../nft-templates/ipvs.nft" with { type: "text" };
import vxlanIpvs from "../../nft-templates/vxlan-ipvs.nft" with { type: "text" };
import { CabledNode } from "./cabled_node.ts";
import { PolicedNode } from "./policed_node.ts";
import { ALL, type Sentence } from "./policy_sentences.ts";
import { judge } from "./table.ts";

const SENTENCES: Readonly<Record<string, Sentence>> = {
  "what goes out by a Service asks for egress, by the pod and port that it is led to": {
    policies: [{
      podSelector: { matchLabels: { app: "a" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector: { matchLabels: { app: "peer" } } }], ports: [{ port: 80 }] }],
    }],
    cases: `
      pod-a@ipvs -> peer-pod    tcp 80  accept
      pod-a@ipvs -> peer-pod    tcp 81  drop
      pod-a@ipvs -> peer-pod-2  tcp 80  drop
      pod-a@ipvs -> outsider    udp 53  drop
      pod-b@ipvs -> peer-pod-2  tcp 80  accept`,
  },
  "what comes to a pod of this node asks for ingress, from pods and from outside": {
    policies: [{
      ...ALL,
      namespace: "y",
      ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 80 }] }],
    }],
    cases: `
      pod-a@ipvs     -> pod-b  tcp 80  accept
      pod-a@ipvs     -> pod-b  tcp 81  drop
      outsider@ipvs  -> pod-b  tcp 80  drop
      peer-node@ipvs -> pod-b  tcp 80  drop
      outsider@ipvs  -> pod-a  tcp 80  accept`,
  },
  "a node reaches its own pods, and a pod itself through its Service": {
    policies: [{ ...ALL, policyTypes: ["Ingress", "Egress"] }],
    cases: `
      host       -> pod-a  udp 80   accept
      host@ipvs  -> pod-a  sctp 80  accept
      pod-a@ipvs -> pod-a  sctp 80  accept
      pod-a@ipvs -> pod-b  tcp 80   drop`,
  },
  "without a policy everything passes": {
    policies: [],
    cases: `
      pod-a@ipvs    -> pod-b  tcp 80  accept
      outsider@ipvs -> pod-b  tcp 80  accept`,
  },
};

Deno.test("Policies and IPVS", async (t) => {
  await using node = await PolicedNode.create();
  await t.step("without its chain IPVS goes round the policies", async () => {
    await node.enforce([{ ...ALL, policyTypes: ["Egress"] }]);
    await node.judge("pod-a@ipvs -> pod-b  tcp 80  accept");
  });
  await node.cabled.node.run(["nft", "-f", "-"], { stdin: ipvs });
  for (const [sentence, { policies, cases }] of Object.entries(SENTENCES)) {
    await t.step(sentence, async () => {
      await node.enforce(policies);
      await node.judge(cases);
    });
  }
  await t.step("a pod that nobody knows is closed, both ways", async () => {
    await node.enforce([{ ...ALL, policyTypes: ["Egress"] }]);
    await node.remove("pod-b");
    await node.judge(`
      pod-b@ipvs    -> peer-pod  tcp 80  drop
      outsider@ipvs -> pod-b     tcp 80  drop`);
  });
});

Deno.test("By vxlan no Service by IPVS leads what a pod has wrapped for itself to another node, in this node's name", async (t) => {
  const settings = { "transport-ipv4": "vxlan", "transport-ipv6": "vxlan" };
  const links = [
    "link add wigglenet-vx type vxlan external gpe dstport 24603 nolearning udp6zerocsumrx",
    "link set wigglenet-vx up",
  ];
  await using node = await CabledNode.create({ settings, links });
  await t.step("forwarded it is dropped; sent on by the node it would not be", async () => {
    await judge(
      node,
      `
      pod-a       -> peer-node  vxlan 146  drop
      pod-a@ipvs  -> peer-node  vxlan 146  masquerade`,
    );
  });
  await node.node.run(["nft", "-f", "-"], { stdin: vxlanIpvs });
  await t.step("nor is it with the rule, which leaves the node's own, and other networks", async () => {
    await judge(
      node,
      `
      pod-a@ipvs     -> peer-node  vxlan 146  drop
      outsider@ipvs  -> peer-node  vxlan 146  drop
      host@ipvs      -> peer-node  vxlan 146  accept
      pod-a@ipvs     -> peer-node  vxlan 147  masquerade
      pod-a@ipvs     -> peer-node  udp 53     masquerade`,
    );
  });
});
