// The API is away in every way that networks and machines know: noticed within 30 s, no event lost, and the data plane
// stays as it is for as long as it takes.

import assert from "node:assert/strict";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { differences, identityOf } from "../netns/state.ts";

const cluster = await Cluster.create({ nodes: 2 });
const { plane } = cluster;
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
await cluster.startAll();

const NOTICED_MS = 30_000;
const KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgOTk=";

/** Nodes that have no machine: nobody needs one to be a peer. */
const [GHOST, OTHER] = [ghost(9), ghost(8)];

/** With one address: of two the agent would try the other one after a while, and write it. */
function ghost(i: number): Manifest {
  const { metadata, status: { addresses }, ...rest } = manifestOf(i);
  const annotations = { "wigglenet/public-key": KEY.replace("OTk", `O${i}k`), "wigglenet/node-ips": "[]" };
  return {
    ...rest,
    metadata: { ...metadata, annotations },
    status: { addresses: addresses.slice(0, 1) },
  };
}

async function appears(node = GHOST): Promise<void> {
  await cluster.admin.create(NODES, kubeletNode(node));
}

async function disappears({ metadata: { name } } = GHOST): Promise<void> {
  await cluster.admin.remove(`${NODES}/${name}`);
}

/** Waits until both agents have each other and these for peers. */
async function know(...ghosts: readonly Manifest[]): Promise<void> {
  const named = ghosts.map(({ metadata }) => metadata);
  await Promise.all([
    cluster.knows(n1, [n2, ...named], NOTICED_MS),
    cluster.knows(n2, [n1, ...named], NOTICED_MS),
  ]);
}

// What a failed test left behind.
Deno.test.beforeEach(async () => {
  await plane.mend();
  const left = await Promise.all([GHOST, OTHER].map(({ metadata: { name } }) => {
    return cluster.admin.ask(`${NODES}/${name}`, { method: "DELETE" });
  }));
  if (left.some(({ status }) => status === 200)) await know();
});

/** A Node comes and goes, and both agents know within the time. */
async function follows(): Promise<void> {
  await appears();
  await know(GHOST);
  await disappears();
  await know();
}

/** How often agents have listed everything, in one page as long as they are few; of one Node they ask for the version. */
async function listings(): Promise<number> {
  return (await plane.auditEvents()).filter(({ verb, requestURI, responseStatus }) => {
    return verb === "list" && !/\blimit=1$/.test(requestURI) && responseStatus?.code === 200;
  }).length;
}

/** Waits until both agents say that they hear nothing from the API. */
async function missesTheApi(): Promise<void> {
  await Promise.all(
    [n1, n2].map((node) =>
      node.says("the API is away", ({ source }) => source.problems.length > 0, NOTICED_MS)
    ),
  );
}

/** Runs something during which no data plane may change. */
async function standsStill(act: () => Promise<void>): Promise<void> {
  const before = await Promise.all([n1, n2].map(identityOf));
  await act();
  for (const [i, node] of [n1, n2].entries()) {
    assert.equal(differences(before[i]!, await identityOf(node)), "");
    assert.ok(node.agent!.isRunning, node.agent!.tail());
  }
}

async function tellTime(what: string, act: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await act();
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

Deno.test("kill -9 of the API server is noticed, and what comes after its restart is seen", async () => {
  await standsStill(async () => {
    await plane.kill();
    await tellTime("noticed after", missesTheApi);
    await plane.start();
  });
  await tellTime("a Node came and went, both seen after", follows);
});

Deno.test("an orderly restart of the API server is no trouble", async () => {
  await standsStill(async () => {
    await tellTime("it ended after", () => plane.stop());
    await plane.start();
  });
  await tellTime("a Node came and went, both seen after", follows);
});

Deno.test("an API that swallows every packet is noticed; what happened meanwhile is made up for", async () => {
  await appears(OTHER);
  await know(OTHER);
  await plane.blackHole();
  await standsStill(async () => {
    await appears();
    await disappears(OTHER);
    await tellTime("noticed after", missesTheApi);
  });
  await plane.mend();
  await tellTime("the Node that had come and the one that had gone were seen after", () => know(GHOST));
  await disappears();
  await know();
});

Deno.test("connections that are dead and do not know it are given up within 30 s, and no event is lost", async () => {
  assert.ok(await plane.halfOpen() >= 2);
  await appears();
  await tellTime("the Node that had come was seen after", () => know(GHOST));
  await disappears();
  await know();
});

Deno.test("the version to go on from is gone (410): everything is listed anew, and nothing is lost", async () => {
  await appears();
  await know(GHOST);
  const before = await listings();
  await plane.blackHole();
  await standsStill(async () => {
    await disappears();
    for (let i = 0; i < 20; i++) {
      await cluster.admin.patch(`${NODES}/n2`, { metadata: { labels: { i: `${i}` } } });
    }
    await plane.kill();
    await plane.compact();
    await plane.start();
  });
  await plane.mend();
  await know();
  // What was under way may still have come by the old connection, so that the list comes after it.
  await until("each agent to list once", async () => await listings() === before + 2);
  await follows();
});

Deno.test("etcd is killed and comes back", async () => {
  await standsStill(async () => {
    await plane.killEtcd();
    plane.startEtcd();
  });
  await plane.ready();
  await follows();
});

Deno.test("etcd is restored from a backup: what came after that is forgotten, and what comes now is seen", async () => {
  const [data, backup] = [`${plane.folder}/etcd`, `${plane.folder}/backup`];
  await plane.whileStopped(() => run(["cp", "-a", data, backup]));
  await appears(OTHER);
  for (let i = 0; i < 20; i++) {
    await cluster.admin.patch(`${NODES}/n8`, { metadata: { labels: { i: `${i}` } } });
  }
  await know(OTHER);
  await plane.whileStopped(() => run(["sh", "-c", `rm -r ${data} && mv ${backup} ${data}`]));
  await appears();
  await tellTime("the Node that had come was gone, and the next one seen after", () => know(GHOST));
  await disappears();
  await know();
});

Deno.test("an agent that starts while the API is away leaves the data plane as it is, and goes on when it is back", async () => {
  await plane.blackHole();
  await standsStill(async () => {
    for (const node of [n1, n2]) {
      await node.agent!.kill("SIGKILL");
      await cluster.start(node);
    }
    await missesTheApi();
  });
  await plane.mend();
  await know();
  await follows();
});
