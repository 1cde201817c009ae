// NetworkPolicy where nodes, Services and the lives of pods come in, by real packets; places as in policy_test.ts.

import assert from "node:assert/strict";
import { icmp, ipPacket, tcp, TCP_FLAGS } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import { until } from "../lab/until.ts";
import { type Link, PLACES } from "./cabled_node.ts";
import { PolicedNode, type Spec } from "./policed_node.ts";
import { loadServices } from "./services.ts";

const ALL = { podSelector: {} };
const CLOSED: Spec = { ...ALL, policyTypes: ["Ingress", "Egress"] };
const A_HEARS_PEERS: Spec = {
  podSelector: { matchLabels: { app: "a" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: "peer" } } }] }],
};

/** A node tells a pod that it might reach itself without help, and quotes the packet: as if that had come twice. */
const QUIET = `table inet quiet { chain output {
  type filter hook output priority 0
  icmpv6 type nd-redirect drop
}
}`;

/** A line as a link gets it: what the far end sends is not answered by a host of its own. */
async function neighbourDiscovery(node: PolicedNode, type: number): Promise<number> {
  const { cabled } = node;
  const mark = cabled.mark();
  const [source, destination] = [PLACES["peer-pod"]!.addresses[6], PLACES["pod-a"]!.addresses[6]];
  const packet = ipPacket({ source, destination, hopLimit: 255 }, icmp(58, [type, 0, 0], mark));
  const [arrivals] = await cabled.shoot([{ link: "wigglenet", packet, mark }], type < 138 ? 1 : 0);
  return arrivals!.length;
}

type Steps = Readonly<Record<string, (node: PolicedNode) => Promise<void>>>;

const NODES: Steps = {
  "N1, N2: a node and its own pods reach each other whatever the policies say": (node) =>
    node.judge(`
      host   -> pod-a   udp 53  accept
      host   -> pod-b   udp 80  accept
      pod-a  -> host    udp 9   unreachable`),

  "N3: another node is an outsider, by its own address and through the tunnel": (node) =>
    node.judge(`
      peer-node -> pod-a  tcp 80  drop
      peer-pod  -> pod-a  tcp 80  drop`),

  "N6: a pod that is isolated both ways reaches itself through a Service": (node) =>
    node.judge(`
      pod-a    -> host  udp 30053  accept at pod-a
      pod-a    -> host  tcp 30053  accept at pod-a
      pod-b    -> host  udp 30053  drop
      outsider -> host  udp 30053  drop
      host     -> host  udp 30053  accept at pod-a`),

  "N9: neighbour discovery passes, other ICMPv6 of that range does not": async (node) => {
    for (const type of [133, 134, 135, 136, 137]) {
      assert.equal(await neighbourDiscovery(node, type), 1, `type ${type}`);
    }
    for (const type of [138, 139]) assert.equal(await neighbourDiscovery(node, type), 0, `type ${type}`);
  },

  "R1, N7: a port is the pod's own, behind a Service's address or a node's port": async (node) => {
    await node.enforce([{
      ...ALL,
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ ports: [{ port: 30053, protocol: "UDP" }] }],
      egress: [{ to: [{ podSelector: { matchLabels: { app: "peer" } } }] }],
    }]);
    await node.judge(`
      pod-a    -> service     tcp 80     accept at wigglenet
      pod-a    -> peer-pod-2  tcp 80     drop
      outsider -> host        udp 30053  accept at pod-a`);
  },

  "a policy opens nothing that FILTER_IPV4 and FILTER_IPV6 keep out": async (node) => {
    await node.enforce([{ ...ALL, ingress: [{}] }]);
    await node.judge(`
      outsider -> pod-a  tcp 80  drop
      peer-pod -> pod-a  tcp 80  accept`);
  },
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

  "L7: one that is being deleted is peer and subject still": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    const more = { deletionTimestamp: "2026-11-21T22:00:00Z" };
    await node.change("peer-pod", { more });
    await node.change("pod-a", { more });
    await node.judge("peer-pod -> pod-a  tcp 80  accept\n outsider -> pod-a  tcp 80  drop");
    await node.restore();
  },

  "P15, P16: a pod of the host's network is neither subject nor peer": async (node) => {
    await node.enforce([A_HEARS_PEERS]);
    await node.change("peer-pod", { hostNetwork: true });
    await node.judge("peer-pod -> pod-a  tcp 80  drop");
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

async function take(steps: Steps, node: PolicedNode, t: Deno.TestContext): Promise<void> {
  for (const [sentence, act] of Object.entries(steps)) await t.step(sentence, () => act(node));
}

Deno.test("Policies, nodes and Services", async (t) => {
  await using node = await PolicedNode.create({ settings: { "filter-ipv4": "true", "filter-ipv6": "true" } });
  await loadServices(node.cabled);
  await node.cabled.node.run(["nft", "-f", "-"], { stdin: QUIET });
  await node.enforce([CLOSED, { ...CLOSED, namespace: "y" }]);
  await take(NODES, node, t);
});

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

Deno.test("With POLICY_LOG=drop each drop is traced once, and says whose it was, on which port, by which policy", async () => {
  await using node = await PolicedNode.create({ isLogged: true });
  await node.enforce([CLOSED, {
    ...ALL,
    namespace: "y",
    annotations: { "wigglenet/audit": "true" },
    ingress: [],
  }]);
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(...[node.told(line) ?? []].flat());
  const monitor = node.cabled.node.start(["nft", "monitor"], { onLine });
  const hears = (words: string) =>
    until(words, () => Promise.resolve(lines.filter((line) => line.includes(words)).length === 2), {
      seen: () => Promise.resolve(lines.join("\n")),
    });
  const listening = async () => {
    await node.cabled.node.run(["nft", "add table inet heard; delete table inet heard"]);
    return monitor.stdout.some((line) => line.includes("inet heard"));
  };
  await until("the monitor to listen", listening);
  await node.judge(`
    pod-a    -> world    udp 53        drop
    pod-a    -> world    udp 53        drop
    pod-a    -> pod-b    tcp 80        drop
    peer-pod -> pod-a    sctp 9        drop
    outsider -> pod-a    echo          drop
    outsider -> pod-a    protocol 253  drop
    peer-pod -> pod-b    tcp 81        accept`);
  await hears("tcp 81");
  await node.remove("pod-b");
  await node.judge("peer-pod -> pod-b  tcp 82  drop\n pod-b -> peer-pod  tcp 83  drop");
  await hears("tcp 83");
  await monitor.kill("SIGTERM");
  const world = (family: Family) => PLACES.world!.addresses[family];
  const expected = ([4, 6] as const).flatMap((family) => [
    `policies drop: egress x/pod-a -> ${world(family)} udp 53 (x/policy-0)`,
    "policies drop: egress x/pod-a -> y/pod-b tcp 80 (x/policy-0)",
    "policies drop: ingress x/peer-pod -> x/pod-a sctp 9 (x/policy-0)",
    `policies drop: ingress undefined -> x/pod-a icmp${family === 4 ? "" : "v6"} echo-request (x/policy-0)`,
    "policies drop: ingress undefined -> x/pod-a 253 (x/policy-0)",
    "policies would drop, but for their audit: ingress x/peer-pod -> y/pod-b tcp 81 (y/policy-1)",
  ]);
  assert.deepEqual(lines.filter((line) => !line.includes("no known pod")).sort(), expected.sort());
  assert.equal(lines.length - expected.length, 4, lines.join("\n"));
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
