// NetworkPolicy where nodes and Services come in, and what is told of it, by real packets; places as in policy_test.ts.

import assert from "node:assert/strict";
import { icmp, ipPacket } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import { until } from "../lab/until.ts";
import { PLACES } from "./cabled_node.ts";
import { PolicedNode, type Spec } from "./policed_node.ts";
import { type Steps, take } from "./policy_sentences.ts";
import { loadServices } from "./services.ts";

const ALL = { podSelector: {} };
const CLOSED: Spec = { ...ALL, policyTypes: ["Ingress", "Egress"] };

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

Deno.test("Policies, nodes and Services", async (t) => {
  await using node = await PolicedNode.create({ settings: { "filter-ipv4": "true", "filter-ipv6": "true" } });
  await loadServices(node.cabled);
  await node.cabled.node.run(["nft", "-f", "-"], { stdin: QUIET });
  await node.enforce([CLOSED, { ...CLOSED, namespace: "y" }]);
  await take(NODES, node, t);
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
