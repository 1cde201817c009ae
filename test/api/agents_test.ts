// Agents that read the API and write their own Node, as a cluster's life goes: nodes come, change and leave.
//
//   n1-pod ═══ n2-pod      api: kube-apiserver and etcd, beside the nodes on their underlay
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import { fakeClock } from "../lab/fake_clock.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { giveIds, idsOf, reported } from "../lab/machine_ids.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { differences, identityOf } from "../netns/state.ts";

const cluster = await Cluster.create({ nodes: 3 });
const [n1, n2, n3] = cluster.nodes as [Node, Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const FOREIGN_KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgNDQ=";

async function meet(from: Pod, to: Pod): Promise<void> {
  for (const family of [4, 6] as const) {
    await until(`${from.name} to reach ${to.name} over IPv${family}`, async () => {
      return (await from.ping(to.address(family)!, { timeoutMs: 500 })).received === 1;
    }, { seen: () => cluster.lab.diagnose() });
  }
}

/** Who is undone four times within a minute waits for ten seconds at the end: each time twice as long. */
const PACE_MS = 15_000;

/** Waits until the Node's own annotations are what its agent wants them to be. */
async function publishes(node: Node): Promise<void> {
  const publicKey = (await node.run(["wg", "show", "wigglenet", "public-key"])).trim();
  const [v4, v6] = node.podCIDRs;
  const wanted = {
    "wigglenet/public-key": publicKey,
    "wigglenet/node-ips": [],
    "wigglenet/pod-cidrs": [v6, v4],
  };
  let last: Record<string, string> = {};
  await until(`the annotations of ${node.name}`, async () => {
    last = await cluster.annotations(node.name);
    const seen = Object.keys(wanted).map((key) => {
      return key === "wigglenet/public-key" ? last[key] : JSON.parse(last[key] ?? "null");
    });
    return JSON.stringify(seen) === JSON.stringify(Object.values(wanted));
  }, { deadlineMs: PACE_MS, seen: () => `${JSON.stringify(last)}\n${node.agent?.tail()}` });
}

Deno.test("nodes that only the API knows make a mesh, and publish what the original does", async () => {
  await cluster.startAll();
  const [a, b] = await Promise.all([n1, n2].map((node) => node.addPod(`${node.name}-pod`)));
  await meet(a!, b!);
  for (const node of cluster.nodes) await publishes(node);
});

// Of one that is behind the certificates say it first: they are not valid yet (src/core/kubernetes/api_failure_test.ts).
Deno.test("check tells of a clock that is ahead of the API server's, and of a healthy node one line", async () => {
  const check = async (clock: Readonly<Record<string, string>> = {}) => {
    const env = { ...cluster.plane.environment, ...clock };
    const settings = { nodes: undefined, "wireguard-mode": HAS_KERNEL_WIREGUARD ? "auto" : "userspace" };
    return (await n1.runAgent({ verb: "check", settings, env })).stdout;
  };
  assert.match(
    await check(await fakeClock({ FAKETIME: "+1h" })),
    /^warning: the clock is 3[56]\d\d s ahead of the API server's; let chrony or systemd-timesyncd keep the clock$/m,
  );
  assert.match(await check(), /^n1 is well: .*\n$/);
});

Deno.test("a key rotates, told to the others by the Node alone", async () => {
  const { "wigglenet/public-key": before } = await cluster.annotations("n1");
  const { code, stderr } = await n1.runAgent({ verb: "rotate-key", settings: { nodes: undefined } });
  assert.deepEqual([code, stderr], [0, ""]);
  let said: Record<string, string> = {};
  await until("the next key to be in force", async () => {
    said = await cluster.annotations("n1");
    return said["wigglenet/public-key"] !== before && said["wigglenet/next-key"] === "none";
  }, { deadlineMs: 90_000, pauseMs: 200, seen: () => `${JSON.stringify(said)}\n${n1.agent?.tail()}` });
  await publishes(n1);
  for (const node of cluster.nodes) {
    await until("the second interface to go", async () => {
      return !/wigglenet-next/.test(await node.run(["ip", "link"]));
    }, { deadlineMs: 40_000, pauseMs: 200, seen: () => node.agent!.tail() });
    await node.inSync();
    assert.equal((await node.run(["wg", "show", "all", "dump"])).includes(before!), false);
  }
});

Deno.test("heartbeats, labels and foreign annotations of Nodes write nothing to the kernel", async () => {
  const before = await Promise.all(cluster.nodes.map(identityOf));
  const said = n1.agent!.stderr.length;
  for (let i = 0; i < 50; i++) {
    const time = new Date(i * 1000).toISOString();
    const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: time }];
    await cluster.admin.demand(`${NODES}/n2/status`, {
      method: "PATCH",
      body: { status: { conditions } },
      type: "application/strategic-merge-patch+json",
    });
    const metadata = { labels: { round: `${i}` }, annotations: { "example.com/round": `${i}` } };
    await cluster.admin.patch(`${NODES}/n2`, { metadata });
  }
  // What comes later is seen later: once the agents know of this one, they have seen all of the above. n3 undoes it, and
  // who reads slowly sees neither: then once more.
  const marker = { metadata: { annotations: { "wigglenet/node-ips": '["192.0.2.77"]' } } };
  await until("n1 to tell of the marker", async () => {
    await cluster.admin.patch(`${NODES}/n3`, marker);
    return n1.agent!.stderr.slice(said).some((line) => line.includes("192.0.2.77"));
  }, { pauseMs: 1_000, seen: () => n1.agent!.tail() });
  await publishes(n3);
  for (const [i, node] of cluster.nodes.entries()) {
    await node.inSync();
    assert.equal(differences(before[i]!, await identityOf(node)), "");
  }
  const changes = n1.agent!.stderr.slice(said).filter((line) => / info +[-+~] /.test(line));
  assert.deepEqual(changes.filter((line) => !line.includes("192.0.2.77")), []);
});

Deno.test("a node joins and leaves, and its peers follow", async () => {
  const n4 = await cluster.lab.addNode();
  await cluster.register(n4);
  await cluster.start(n4);
  await Promise.all([n1, n2, n3].map((node) => {
    return cluster.knows(node, cluster.nodes.filter((other) => other !== node));
  }));
  const pod = await n4.addPod("n4-pod");
  await meet(pod, n1.pods[0]!);
  await n4.agent!.kill("SIGTERM");
  await cluster.admin.remove(`${NODES}/n4`);
  await Promise.all([cluster.knows(n1, [n2, n3]), cluster.knows(n2, [n1, n3]), cluster.knows(n3, [n1, n2])]);
});

Deno.test("an agent that starts before its Node exists waits for it, and joins", async () => {
  const n5 = await cluster.lab.addNode({ ...n1.manifest, ...fifth() });
  await cluster.start(n5);
  await n5.says(
    "its Node is not there",
    ({ waiting }) => waiting.some(({ why }) => /no Node named n5/.test(why)),
  );
  assert.equal((await n5.attempt(["nft", "list", "table", "inet", "wigglenet"])).code, 1);
  await cluster.register(n5);
  await cluster.knows(n5, [n1, n2, n3]);
  await publishes(n5);
  await n5.agent!.kill("SIGTERM");
  await cluster.admin.remove(`${NODES}/n5`);
  await cluster.knows(n1, [n2, n3]);
});

function fifth() {
  return {
    metadata: { name: "n5" },
    spec: { podCIDRs: ["10.244.5.0/24", "fd00:10:244:5::/64"] },
    status: { addresses: ["10.9.1.5", "fd09::5"].map((address) => ({ type: "InternalIP", address })) },
  };
}

Deno.test("agents without NODE_NAME find their Nodes by what kubelet reported of the machine", async () => {
  const n6 = await cluster.lab.addNode();
  await giveIds(n6, idsOf(6));
  const unnamed = { settings: { "node-name": undefined } };
  await cluster.start(n6, unnamed);
  await n6.says("it looks for its Node", ({ node, waiting }) => {
    return node === "" && waiting.some(({ what }) => what === "this host's Node");
  });
  assert.equal((await n6.attempt(["nft", "list", "table", "inet", "wigglenet"])).code, 1);
  await cluster.register(n6, (manifest) => reported(manifest, idsOf(6)));
  await cluster.knows(n6, [n1, n2, n3]);
  await publishes(n6);
  assert.equal((await n6.status())!.node, n6.name);

  await n6.agent!.kill("SIGTERM");
  const twin = { ...n6.manifest, metadata: { name: "n6-of-old" } };
  await cluster.register(n6, () => reported(twin, idsOf(6)));
  await cluster.start(n6, unnamed);
  await n6.agent!.line("stderr", /2 Nodes have machine-id .*: n\d, n6-of-old; set NODE_NAME/);
  assert.equal((await n6.agent!.ended).code, 1);
  await Promise.all([n6.name, "n6-of-old"].map((name) => cluster.admin.remove(`${NODES}/${name}`)));
  await cluster.knows(n1, [n2, n3]);
});

Deno.test("what somebody else does to a node's own annotations is undone, unknown ones are left alone", async () => {
  const attacks: Record<string, string | null>[] = [
    { "wigglenet/public-key": FOREIGN_KEY },
    { "wigglenet/pod-cidrs": '["0.0.0.0/0"]', "wigglenet/node-ips": "not JSON" },
    { "wigglenet/public-key": null, "wigglenet/pod-cidrs": null, "wigglenet/node-ips": null },
  ];
  for (const annotations of attacks) {
    await cluster.admin.patch(`${NODES}/n2`, { metadata: { annotations } });
    await publishes(n2);
  }
  await cluster.admin.patch(`${NODES}/n2`, { metadata: { annotations: { "wigglenet/of-tomorrow": "x" } } });
  await cluster.admin.patch(`${NODES}/n2`, { metadata: { annotations: { "wigglenet/node-ips": null } } });
  await publishes(n2);
  assert.equal((await cluster.annotations("n2"))["wigglenet/of-tomorrow"], "x");
  await cluster.knows(n1, [n2, n3]);
  await meet(n1.pods[0]!, n2.pods[0]!);
});

Deno.test("a Node that is deleted and made again gets its annotations anew; its machine keeps what it has", async () => {
  const before = await identityOf(n3);
  await cluster.admin.remove(`${NODES}/n3`);
  await cluster.knows(n1, [n2]);
  assert.equal(differences(before, await identityOf(n3)), "");
  await cluster.register(n3);
  await publishes(n3);
  await cluster.knows(n1, [n2, n3]);
  await n3.inSync();
  assert.equal(differences(before, await identityOf(n3)), "");
});

Deno.test("an agent with ipsec publishes a nonce, another one at each start, and none with another transport", async () => {
  const NONCE = "wigglenet/ipsec-nonce";
  const said: (string | undefined)[] = [undefined];
  for (const transport of ["ipsec", "ipsec", "wireguard"]) {
    await n3.agent!.kill("SIGKILL");
    await cluster.start(n3, { settings: { "transport-ipv4": transport, "transport-ipv6": transport } });
    let nonce: string | undefined;
    await until(`the nonce of an agent with ${transport}`, async () => {
      ({ [NONCE]: nonce } = await cluster.annotations("n3"));
      return transport === "ipsec" ? !said.includes(nonce) : nonce === undefined;
    }, { deadlineMs: PACE_MS, pauseMs: 100, seen: () => `${said}\n${n3.agent!.tail()}` });
    if (nonce !== undefined) assert.match(nonce, /^[A-Za-z0-9+/]{43}=$/);
    said.push(nonce);
  }
  await publishes(n3);
  await cluster.knows(n1, [n2, n3]);
});
