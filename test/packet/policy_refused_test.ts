// What cannot be believed of policies and pods, by real packets: isolation holds, what is broken allows nothing, it is told, and the
// others are as they were. Places as in policy_test.ts; the agent's own words of it are in test/netns and test/api.

import assert from "node:assert/strict";
import { BROKEN_POLICIES, BROKEN_RULES, squareIngress } from "../broken_policies.ts";
import { PLACES } from "./cabled_node.ts";
import { PolicedNode, type Spec } from "./policed_node.ts";

const A = { podSelector: { matchLabels: { app: "a" } } };
const PEERS = { from: [{ podSelector: { matchLabels: { app: "peer" } } }] };
const A_HEARS_PEERS: Spec = { ...A, ingress: [PEERS] };
const OTHERS = `
  peer-pod   -> pod-b     tcp 80  accept
  pod-b      -> world     udp 53  masquerade`;

Deno.test("A rule that cannot be believed lets nobody in, and its policy's other rules and pods are as they were", async (t) => {
  await using node = await PolicedNode.create();
  for (const [name, spec, reason] of BROKEN_RULES) {
    await t.step(name, async () => {
      const { ingress, ...rest } = spec as { ingress: unknown[] };
      await node.enforce([{ ...rest, ingress: [...ingress, { ports: [{ port: 90 }] }] }]);
      await node.judge(`
        peer-pod   -> pod-a     tcp 80  drop
        outsider   -> pod-a     tcp 80  drop
        outsider   -> pod-a     udp 80  drop
        pod-b      -> pod-a     echo  drop
        outsider   -> pod-a     tcp 90  accept
        pod-a      -> peer-pod  tcp 80  accept${OTHERS}`);
      assert.deepEqual(node.refused(), [`policy-0 spec.ingress[0]: ${reason}`]);
    });
  }
});

Deno.test("A policy that is broken beside its rules isolates whom it may have meant, and nobody of another namespace", async (t) => {
  await using node = await PolicedNode.create();
  for (const [name, spec, isolated, claim] of BROKEN_POLICIES) {
    await t.step(name, async () => {
      await node.enforce([{ whole: spec }]);
      const ways = /a:(i?)(o?)/.exec(isolated)!;
      await node.judge(`
        peer-pod   -> pod-a     tcp 80  ${ways[1] === "" ? "accept" : "drop"}
        pod-a      -> peer-pod  tcp 80  ${ways[2] === "" ? "accept" : "drop"}${OTHERS}`);
      assert.deepEqual(node.refused().map((line) => line.split(/[ :]/)[1]), claim === "" ? [] : [claim]);
    });
  }
});

Deno.test("A policy of 1 MB", async (t) => {
  await using node = await PolicedNode.create();

  await t.step("of blocks that are all well is enforced as one of a few is", async () => {
    const blockOf = (i: number) => ({
      ipBlock: i % 2 === 0
        ? { cidr: `10.${16 + (i >> 14)}.${i >> 6 & 255}.${2 * i & 127}/32`, except: [] }
        : { cidr: `fd17:${(i >> 1).toString(16)}::/64` },
    });
    const outsider = PLACES.outsider!.addresses;
    const last = [{ ipBlock: { cidr: `${outsider[4]}/32` } }, { ipBlock: { cidr: `${outsider[6]}/128` } }];
    const from = [...Array.from({ length: 24_000 }, (_, i) => blockOf(i)), ...last];
    assert.ok(JSON.stringify(from).length >= 1e6, `${JSON.stringify(from).length} bytes`);
    await node.enforce([{ ...A, ingress: [{ from }] }]);
    await node.judge(`
      outsider   -> pod-a     tcp 80  accept
      peer-pod   -> pod-a     tcp 80  drop
      world      -> pod-a     tcp 80  drop${OTHERS}`);
    assert.deepEqual(node.refused(), []);
  });

  await t.step("that asks for the square of its rules allows nothing, and is told", async () => {
    const ingress = [PEERS, ...squareIngress()];
    await node.enforce([{ ...A, ingress }, { ...A_HEARS_PEERS, namespace: "y" }]);
    await node.judge(`
      peer-pod   -> pod-a     tcp 15000  drop
      outsider   -> pod-a     tcp 80  drop
      host       -> pod-a     udp 80  accept${OTHERS}`);
    assert.deepEqual(node.refused(), [
      "policy-0 spec.ingress: too many peers on too many overlapping ports: nothing is allowed to the pods that it selects",
    ]);
  });

  await t.step("is gone without a trace", async () => {
    await node.enforce([]);
    await node.judge("outsider -> pod-a  tcp 80  accept");
    await node.tidy();
    assert.deepEqual(await node.objects(), []);
  });
});

Deno.test("A policy before its Namespace isolates, and no namespaceSelector means its pods until it comes", async () => {
  await using node = await PolicedNode.create();
  const everybody = { from: [{ namespaceSelector: {} }], ports: [{ port: 80 }] };
  const own = { from: [{ podSelector: {} }], ports: [{ port: 81 }] };
  await node.remove("pod-a");
  await node.remove("peer-pod");
  await node.change("pod-a", { namespace: "late" });
  await node.change("peer-pod", { namespace: "late" });
  await node.enforce([{ ...A, namespace: "late", ingress: [everybody, own] }, {
    podSelector: {},
    namespace: "y",
    ingress: [everybody],
  }]);
  await node.judge(`
    peer-pod   -> pod-a     tcp 80  drop
    peer-pod   -> pod-a     tcp 81  accept
    outsider   -> pod-a     tcp 81  drop
    peer-pod-2 -> pod-a     tcp 80  accept
    peer-pod   -> pod-b     tcp 80  drop
    peer-pod-2 -> pod-b     tcp 80  accept`);
  assert.deepEqual(node.refused(), [
    "policy-0 metadata.namespace: the Namespace is not known: no namespaceSelector means its pods",
  ]);
  await node.namespace("late", {});
  await node.judge("peer-pod -> pod-a  tcp 80  accept\n peer-pod -> pod-b  tcp 80  accept");
  assert.deepEqual(node.refused(), []);
});

Deno.test("An address outside of its node's pod CIDRs makes nobody a peer, and takes no isolation from whoever has it", async () => {
  await using node = await PolicedNode.create();
  const labels = { app: "peer" };
  await node.enforce([A_HEARS_PEERS, { podSelector: {}, namespace: "y" }]);
  await node.change("stranger", { node: "n2", labels, ips: Object.values(PLACES.outsider!.addresses) });
  await node.change("thief", { node: "n2", labels, ips: Object.values(PLACES["pod-b"]!.addresses) });
  await node.change("of-no-node", {
    node: "n9",
    labels,
    ips: Object.values(PLACES["peer-pod-3"]!.addresses),
  });
  await node.judge(`
    outsider   -> pod-a  tcp 80  drop
    pod-b      -> pod-a  tcp 80  drop
    peer-pod-3 -> pod-a  tcp 80  drop
    peer-pod   -> pod-a  tcp 80  accept
    peer-pod   -> pod-b  tcp 80  drop`);
  const names = node.refused().map((line) => line.replace(/ status.podIPs \S+ /, " "));
  assert.deepEqual([...new Set(names)], [
    "of-no-node it is not in a pod CIDR of node n9: no peer by it",
    "stranger it is not in a pod CIDR of node n2: no peer by it",
    "thief it is not in a pod CIDR of node n2: no peer by it",
  ]);
});

Deno.test("L8: of two pods with one address the one that started last has it, as a peer and as a subject", async (t) => {
  await using node = await PolicedNode.create();
  const [old, fresh] = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];
  const ips = Object.values(PLACES["peer-pod"]!.addresses);
  await t.step("a peer", async () => {
    await node.enforce([A_HEARS_PEERS]);
    await node.change("peer-pod", { startTime: old });
    await node.change("next", { node: "n2", labels: { app: "other" }, ips, startTime: fresh });
    await node.judge(`peer-pod -> pod-a  tcp 80  drop${OTHERS}`);
    assert.match(
      node.refused().join("\n"),
      /^peer-pod .*pod x\/next, which started later, has it: no peer by it/,
    );
    await node.change("peer-pod", { startTime: old, phase: "Succeeded" });
    await node.judge("peer-pod -> pod-a  tcp 80  drop");
    await node.change("peer-pod", { startTime: old });
    await node.remove("next");
    await node.judge("peer-pod -> pod-a  tcp 80  accept");
    assert.deepEqual(node.refused(), []);
  });
  await t.step("a pod of this node", async () => {
    const own = Object.values(PLACES["pod-a"]!.addresses);
    await node.change("pod-a", { startTime: old });
    await node.change("next", { labels: { app: "other" }, ips: own, startTime: fresh });
    await node.judge("outsider -> pod-a  tcp 80  accept");
    await node.remove("next");
    await node.judge("outsider -> pod-a  tcp 80  drop\n peer-pod -> pod-a  tcp 80  accept");
  });
});

Deno.test("P15, P16: pods of the host's network are their node: no policy is about them, and a block is what means them", async () => {
  await using node = await PolicedNode.create();
  const of = (name: string) => Object.values(PLACES[name]!.addresses);
  await node.change("agent-here", { hostNetwork: true, labels: { app: "agent" }, ips: of("host") });
  await node.change("agent-there", {
    node: "n2",
    hostNetwork: true,
    labels: { app: "agent" },
    ips: of("peer-node"),
  });
  const agents = { from: [{ podSelector: { matchLabels: { app: "agent" } } }] };
  const block = (name: string) =>
    of(name).map((ip) => ({ ipBlock: { cidr: `${ip}/${ip.includes(":") ? 128 : 32}` } }));
  await node.enforce([
    { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    { ...A, ingress: [agents, { from: block("peer-node"), ports: [{ port: 81 }] }] },
  ]);
  await node.judge(`
    peer-node  -> pod-a  tcp 80  drop
    peer-node  -> pod-a  tcp 81  accept
    host       -> pod-a  udp 80  accept
    outsider   -> host   udp 9   unreachable
    pod-b      -> host   udp 9   unreachable
    peer-node  -> host   udp 9   unreachable`);
  assert.deepEqual(node.refused(), []);
});

Deno.test("Labels and names with nft syntax change nothing but their own pod, which nobody is a peer by", async () => {
  await using node = await PolicedNode.create();
  const hostile = 'x" } ; flush ruleset ; #';
  await node.enforce([A_HEARS_PEERS, {
    podSelector: {},
    namespace: "y",
    ingress: [{ from: [{ podSelector: {} }] }],
  }]);
  await node.change("peer-pod", { labels: { app: "peer", extra: hostile } });
  await node.change("pod-b", { labels: { [hostile]: "b" } });
  await node.judge(`
    peer-pod   -> pod-a  tcp 80  drop
    peer-pod-2 -> pod-b  tcp 80  drop
    pod-b      -> world  udp 53  drop
    host       -> pod-b  udp 80  accept`);
  assert.deepEqual(node.refused(), [
    'pod-b metadata.labels: "x\\" } ; flush ruleset ; #" is not a label key: the pod is nobody\'s peer, and closed',
    'peer-pod metadata.labels: extra: "x\\" } ; flush ruleset ; #" is not a label value: the pod is nobody\'s peer, and closed',
  ]);
  await node.restore();
  await node.enforce([A_HEARS_PEERS]);
  await node.judge(`peer-pod -> pod-a  tcp 80  accept${OTHERS}`);
});
