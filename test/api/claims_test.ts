// Attacks with real objects against the real API: who says what is not his costs the others no packet, every node decides alike who has
// it, and every refusal is in status, a metric and one Event.
//
//   n1-pod ═══ n2-pod     100 packets a second between all, IPv4 and IPv6; evil-* are Nodes that no machine stands behind
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import type { Rejected, RejectedKind } from "../../src/core/nodes/node.ts";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { Traffic } from "../lab/traffic.ts";
import { until } from "../lab/until.ts";
import { losing } from "../netns/losses.ts";
import { differences, readState } from "../netns/state.ts";
import { patch } from "./node_attacks.ts";

const METRICS = "127.0.0.1:9097";
const SETTINGS = { "enable-metrics": "true", "metrics-bind-addr": METRICS };
const cluster = await Cluster.create({ nodes: 3 });
const nodes = cluster.nodes as readonly [Node, Node, Node];
const [n1, n2, n3] = nodes;
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
await cluster.startAll({ settings: SETTINGS });
const pods = await Promise.all(nodes.map((node) => node.addPod(`${node.name}-pod`)));
const losesOnly = losing(await Traffic.start(new Map(nodes.map(({ name }, i) => [name, pods[i]!]))));
// Of equal age the name would decide; creation times have whole seconds.
await new Promise((resolve) => setTimeout(resolve, 1_100));

const keyOf = async (node: Node) => (await cluster.annotations(node.name))["wigglenet/public-key"]!;
let keys = 0;
/** Of nobody. */
const freshKey = () => new Uint8Array(32).fill(7).with(31, 64).with(0, ++keys * 8).toBase64();

interface Attack {
  /** Annotations, without their prefix. */
  readonly says?: (key: string) => Promise<Record<string, unknown>> | Record<string, unknown>;
  readonly podCIDRs?: readonly string[];
  readonly addresses?: readonly string[];
  readonly kind: RejectedKind;
  readonly reason: RegExp;
}

const API_ADDRESS = cluster.plane.environment.KUBERNETES_SERVICE_HOST!;
const claiming = (...podCidrs: readonly string[]) => (key: string) => ({
  "public-key": key,
  "pod-cidrs": podCidrs,
});

const ATTACKS: Readonly<Record<string, Attack>> = {
  "another's prefix": {
    says: claiming(...n1.podCIDRs),
    kind: "conflict",
    reason: /overlaps the pod CIDR \S+ of n1/,
  },
  "half of another's prefix, by its spec": {
    says: (key) => ({ "public-key": key }),
    podCIDRs: ["10.244.1.128/25"],
    kind: "conflict",
    reason: /overlaps the pod CIDR 10\.244\.1\.0\/24 of n1/,
  },
  "a copied key": {
    says: async () => ({ "public-key": await keyOf(n1), "pod-cidrs": ["10.244.70.0/24"] }),
    kind: "conflict",
    reason: /n1 has the same key/,
  },
  "an endpoint inside the pod network": {
    says: (key) => ({ ...claiming("10.244.71.0/24")(key), endpoint: `${pods[0]!.address(4)}:24601` }),
    kind: "endpoint",
    reason: /10\.244\.1\.0\/24/,
  },
  "another's address": {
    says: claiming("10.244.72.0/24"),
    addresses: ["10.9.1.2"],
    kind: "conflict",
    reason: /is the address 10\.9\.1\.2 of n2/,
  },
  "everything": { says: claiming("0.0.0.0/0", "::/0"), kind: "malformed", reason: /too wide/ },
  "everything, in two halves": {
    says: claiming("0.0.0.0/1", "128.0.0.0/1"),
    kind: "malformed",
    reason: /too wide/,
  },
  "a prefix over the nodes": {
    says: claiming("10.9.1.0/28"),
    kind: "conflict",
    reason: /covers the address 10\.9\.1\.\d of n\d/,
  },
  "a prefix over the API server's address": {
    says: claiming(`${API_ADDRESS}/32`),
    kind: "conflict",
    reason: /at which this host asks the API server/,
  },
};

const nameOf = (what: string) => `evil-${Object.keys(ATTACKS).indexOf(what)}`;

async function attack(what: string, { says, podCIDRs, addresses = [] }: Attack): Promise<void> {
  const said = Object.entries(await says?.(freshKey()) ?? {});
  const text = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value);
  const annotations = Object.fromEntries(said.map(([key, value]) => [`wigglenet/${key}`, text(value)]));
  const name = nameOf(what);
  await cluster.admin.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, annotations },
    spec: podCIDRs === undefined ? {} : { podCIDRs, podCIDR: podCIDRs[0] },
  });
  if (addresses.length === 0) return;
  const status = { addresses: addresses.map((address) => ({ type: "InternalIP", address })) };
  await cluster.admin.demand(`${NODES}/${name}/status`, { ...patch({ status }) });
}

async function refusedOf(node: Node, name: string): Promise<Rejected[]> {
  return (await node.status())!.rejected.filter((it) => it.node === name);
}

for (const [what, it] of Object.entries(ATTACKS)) {
  Deno.test(`a Node claims ${what}: no packet of the others is lost, and every node refuses it alike`, async (t) => {
    const name = nameOf(what);
    await losesOnly(t, {}, async () => {
      await attack(what, it);
      const told = await Promise.all(nodes.map((node) =>
        until(`${node.name} to refuse it`, async () => {
          const all = await refusedOf(node, name);
          return all.some(({ kind = "malformed", reason }) => kind === it.kind && it.reason.test(reason)) &&
            all;
        }, {
          seen: async () => `${JSON.stringify(await refusedOf(node, name), null, 1)}\n${node.agent!.tail()}`,
        })
      ));
      for (const all of told) assert.deepEqual(all, told[0]);
      for (const node of nodes) await node.inSync();
    });
    for (const node of nodes) {
      const { peers, source } = (await node.status())!;
      assert.deepEqual(source.problems, []);
      for (const other of nodes) assert.ok(other === node || peers.some((peer) => peer.node === other.name));
    }
  });
}

Deno.test("a node's own token makes it say another's prefix and key: no packet of the others is lost, and it says its own again", async (t) => {
  const before = await Promise.all(nodes.map((node) => readState(node, ["table", "link", "routes", "cni"])));
  const own = await cluster.annotations("n3");
  using client = await cluster.plane.clientWith(await cluster.account.podToken("n3"));
  const annotations = {
    "wigglenet/pod-cidrs": JSON.stringify([...n1.podCIDRs, `${API_ADDRESS}/32`]),
    "wigglenet/public-key": await keyOf(n2),
  };
  await losesOnly(t, { victim: "n3", outageMs: 17_000 }, async () => {
    await client.demand(`${NODES}/n3`, patch({ metadata: { annotations } }));
    await until("n3 to say its own again", async () => {
      return JSON.stringify(await cluster.annotations("n3")) === JSON.stringify(own);
    }, { deadlineMs: 20_000, seen: () => n3.agent!.tail() });
    for (const node of nodes) await node.inSync(20_000);
  });
  for (const [i, node] of nodes.entries()) {
    await until(`${node.name} to be as before`, async () => {
      return await readState(node, ["table", "link", "routes", "cni"]) === before[i];
    }, {
      seen: async () => differences(before[i]!, await readState(node, ["table", "link", "routes", "cni"])),
    });
  }
});

Deno.test("another node's annotations are none of a token's business", async () => {
  using client = await cluster.plane.clientWith(await cluster.account.podToken("n3"));
  const annotations = { "wigglenet/pod-cidrs": JSON.stringify(n1.podCIDRs) };
  assert.equal((await client.ask(`${NODES}/n2`, patch({ metadata: { annotations } }))).status, 403);
});

Deno.test("each kind of refusal is in the metric of every node, and each refusal has at most one Event, of each kind the first by now", async () => {
  const counts = async (node: Node) => {
    const text = await node.run(["curl", "-sS", "-m", "10", `http://${METRICS}/metrics`]);
    return [...text.matchAll(/^wigglenet_rejected_claims\{reason="(.*?)"\} (\d+)$/gm)].map((
      [, kind, count],
    ) => `${kind} ${count}`);
  };
  const ofNodes = await Promise.all(nodes.map(counts));
  for (const list of ofNodes) assert.deepEqual(list, ofNodes[0]);
  for (const kind of ["conflict", "malformed", "endpoint"]) {
    assert.ok(ofNodes[0]!.some((line) => new RegExp(`^${kind} [1-9]`).test(line)), ofNodes[0]!.join());
  }
  const messages = async () => {
    const { items } = await cluster.admin.demand("/api/v1/namespaces/default/events");
    const all = items as readonly {
      reason: string;
      message: string;
      involvedObject: { name: string };
      source: { component: string };
    }[];
    return all.filter(({ source, involvedObject: { name } }) =>
      source.component === "wigglenet" && name.startsWith("evil-")
    );
  };
  await until(
    "an Event of each kind",
    async () => new Set((await messages()).map(({ reason }) => reason)).size === 3,
    {
      deadlineMs: 180_000,
      pauseMs: 1_000,
      seen: async () => JSON.stringify(await messages()),
    },
  );
  const texts = (await messages()).map(({ involvedObject: { name }, message }) => `${name} ${message}`);
  assert.deepEqual([...new Set(texts)], texts);
  const refusals = new Set(
    (await n1.status())!.rejected.map(({ node, claim, reason }) => `${node} ${claim}: ${reason}`),
  );
  for (const text of texts) assert.ok(refusals.has(text), text);
});
