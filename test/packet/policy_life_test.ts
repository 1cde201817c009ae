// NetworkPolicy and the lives of pods, by real packets; places as in policy_test.ts.

import assert from "node:assert/strict";
import { ipPacket, tcp, TCP_FLAGS } from "../lab/craft.ts";
import { type Link, PLACES } from "./cabled_node.ts";
import { PolicedNode, type Spec } from "./policed_node.ts";
import { type Steps, take } from "./policy_sentences.ts";

const ALL = { podSelector: {} };
const CLOSED: Spec = { ...ALL, policyTypes: ["Ingress", "Egress"] };
const A_HEARS_PEERS: Spec = {
  podSelector: { matchLabels: { app: "a" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "peer" } } }] }],
};

const LIVES: Steps = {
  "S15: a pod that loses the label is no peer any more, and is one again with it": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.judge("peer-pod -> pod-a  tcp 80  accept");
    await node.change("peer-pod", { labels: {} });
    await node.judge("peer-pod -> pod-a  tcp 80  drop");
    await node.change("peer-pod", {});
    await node.judge("peer-pod -> pod-a  tcp 80  accept");
  },

  "S15: a pod that gets another label is selected by other policies": async (node) => {
    await node.change("pod-a", { labels: { app: "other" } });
    await node.judge("outsider -> pod-a  tcp 80  accept");
    await node.change("pod-a", {});
    await node.judge("outsider -> pod-a  tcp 80  drop");
  },

  "S10: a pod that comes later is isolated as the others are": async (node) => {
    await node.enforce([{ ...ALL, policyTypes: ["Ingress"] }]);
    await node.remove("pod-a");
    await node.change("later", { ips: Object.values(PLACES["pod-a"]!.addresses) });
    await node.judge("peer-pod -> pod-a  tcp 80  drop\n pod-a -> world  udp 53  masquerade");
    await node.remove("later");
    await node.judge("peer-pod -> pod-a  tcp 80  drop\n pod-a -> world  udp 53  drop");
    await node.restore();
  },

  "S15: a namespace that gets another label is meant by other policies": async (node) => {
    await node.enforce([{
      podSelector: { matchLabels: { app: "a" } },
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "y" } } }] }],
    }]);
    await node.judge("peer-pod-3 -> pod-a  tcp 80  drop\n peer-pod-2 -> pod-a  tcp 80  accept");
    await node.namespace("z", { team: "y" });
    await node.namespace("y", {});
    await node.judge("peer-pod-3 -> pod-a  tcp 80  accept\n peer-pod-2 -> pod-a  tcp 80  drop");
    await node.namespace("z", {});
    await node.namespace("y", { team: "y" });
    await node.judge("peer-pod-3 -> pod-a  tcp 80  drop\n peer-pod-2 -> pod-a  tcp 80  accept");
  },

  "L1: a pod that may not speak answers what it may hear": async (node) => {
    await node.enforce([CLOSED, A_HEARS_PEERS]);
    await node.judge(`
      peer-pod -> pod-a     tcp 80  accept
      peer-pod -> pod-a     echo    accept
      pod-a    -> peer-pod  tcp 80  drop
      pod-a    -> peer-pod  echo    drop`);
  },

  "L5: a pod that is pending with an address is subject and peer": async (node) => {
    await node.change("pod-a", { phase: "Pending" });
    await node.change("peer-pod", { phase: "Pending" });
    await node.judge("peer-pod -> pod-a  tcp 80  accept\n outsider -> pod-a  tcp 80  drop");
    await node.restore();
  },

  "L6: a pod that has ended is no peer": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.change("peer-pod", { phase: "Succeeded" });
    await node.judge("peer-pod -> pod-a  tcp 80  drop");
    await node.restore();
  },

  "L6: nor is it a subject: its address is the next pod's, or nobody's": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.change("pod-a", { phase: "Failed" });
    await node.judge("peer-pod -> pod-a  tcp 80  drop\n pod-a -> world  udp 53  drop");
    await node.change("next", {
      labels: { app: "other" },
      ips: Object.values(PLACES["pod-a"]!.addresses),
    });
    await node.judge("outsider -> pod-a  tcp 80  accept\n pod-a -> world  udp 53  masquerade");
    await node.remove("next");
    await node.restore();
  },

  "L7: one that is being deleted is peer and subject still": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    const more = { deletionTimestamp: "2026-11-21T22:00:00Z" };
    await node.change("peer-pod", { more });
    await node.change("pod-a", { more });
    await node.judge("peer-pod -> pod-a  tcp 80  accept\n outsider -> pod-a  tcp 80  drop");
    await node.restore();
  },

  "an address of this node's pods that no pod is known to have is closed both ways, but for its node": async (
    node,
  ) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.remove("pod-b");
    await node.judge(`
      peer-pod -> pod-b     tcp 80  drop
      pod-b    -> peer-pod  tcp 80  drop
      pod-b    -> world     udp 53  drop
      host     -> pod-b     udp 80  accept`);
    await node.change("pod-b", {});
    await node.judge("peer-pod -> pod-b  tcp 80  accept\n pod-b -> world  udp 53  masquerade");
  },

  "and open where no policy isolates anybody": async (node) => {
    await node.enforce([]);
    await node.remove("pod-b");
    await node.judge("peer-pod -> pod-b  tcp 80  accept\n pod-b -> world  udp 53  masquerade");
    await node.restore();
  },

  "L12: isolation ends with the last policy that selects the pod": async (node) => {
    await node.enforce([A_HEARS_PEERS, { ...ALL, policyTypes: ["Ingress"] }]);
    await node.judge("outsider -> pod-a  tcp 80  drop");
    await node.enforce([{ ...ALL, policyTypes: ["Ingress"] }]);
    await node.judge("peer-pod -> pod-a  tcp 80  drop");
    await node.enforce([]);
    await node.judge("outsider -> pod-a  tcp 80  accept");
  },

  "policies that come back find what nobody has deleted yet, and nothing of old in it": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.enforce([]);
    await node.change("peer-pod", { labels: {} });
    await node.enforce([A_HEARS_PEERS]);
    await node.judge("peer-pod -> pod-a  tcp 80  drop\n outsider -> pod-b  tcp 80  accept");
    await node.tidy();
    await node.restore();
    await node.tidy();
    assert.deepEqual(await node.objects(), []);
  },
};

Deno.test("Policies and the lives of pods", async (t) => {
  await using node = await PolicedNode.create();
  await take(LIVES, node, t);
});

Deno.test("With POLICY_UNKNOWN_PODS=open an address that no pod is known to have is open, and known ones are closed", async () => {
  await using node = await PolicedNode.create({ isUnknownClosed: false });
  await node.enforce([CLOSED]);
  await node.remove("pod-b");
  await node.judge(`
    peer-pod -> pod-b  tcp 80  accept
    pod-b    -> world  udp 53  masquerade
    peer-pod -> pod-a  tcp 80  drop`);
  await node.remove("pod-a");
  await node.judge("peer-pod -> pod-a  tcp 80  accept");
});

/** What comes of a segment of a flow: the links that it came out of. */
async function segment(
  node: PolicedNode,
  flags: number,
  [from, to]: readonly [string, string],
): Promise<string> {
  const [a, b] = [PLACES[from]!, PLACES[to]!];
  const mark = node.cabled.mark();
  const ports = from === "peer-pod" ? [4_000, 80] as const : [80, 4_000] as const;
  const packet = ipPacket({ source: a.addresses[4], destination: b.addresses[4] }, tcp(ports, flags, mark));
  const [arrivals] = await node.cabled.shoot([{ link: a.link as Link, packet, mark }]);
  return arrivals!.map(({ link }) => link).join();
}

Deno.test("L2: a flow that is there goes on until it is revoked, and then neither end brings it back", async () => {
  await using node = await PolicedNode.create();
  const [to, back] = [["peer-pod", "pod-a"], ["pod-a", "peer-pod"]] as const;
  const { syn, ack } = TCP_FLAGS;
  await node.enforce([A_HEARS_PEERS]);
  assert.equal(await segment(node, syn, to), "pod-a");
  assert.equal(await segment(node, syn | ack, back), "wigglenet");
  assert.equal(await segment(node, ack, to), "pod-a");
  await node.enforce([{ ...ALL, policyTypes: ["Ingress"] }]);
  assert.equal(await segment(node, ack, to), "pod-a", "POLICY_ESTABLISHED=keep");
  await node.revoke();
  // The end that may speak first: without more it would be taken for the beginning of a flow of its own.
  assert.equal(await segment(node, ack, back), "", "from the end that may begin flows");
  assert.equal(await segment(node, ack, to), "", "from the end that may not");
  assert.equal(await segment(node, syn, back), "wigglenet", "a new flow of the end that may begin one");
});
