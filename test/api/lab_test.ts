// The laboratory itself: a real API server that can be killed, cut off and made to forget.

import assert from "node:assert/strict";
import { inParallel } from "../lab/kubernetes/api_client.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";

const lab = await Lab.create({ nodes: 1 });
const plane = await ControlPlane.create(lab);
Deno.test.afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await lab.close();
});
const NODES = "/api/v1/nodes";

Deno.test("it is the Kubernetes that it says it is", async () => {
  const { gitVersion } = await plane.admin.demand("/version");
  assert.equal(gitVersion, "v1.36.1");
  const { stdout, stderr } = await plane.kubectl(["version", "-o", "json"]);
  assert.equal(JSON.parse(stdout).serverVersion.gitVersion, gitVersion, stderr);
});

Deno.test("a Node as a kubelet writes it is 12 KB in the list", async () => {
  const nodes = Array.from({ length: 100 }, (_, i) => kubeletNode(manifestOf(i + 1)));
  const start = performance.now();
  await inParallel(nodes, (node) => plane.admin.create(NODES, node));
  console.log(`100 nodes made in ${(performance.now() - start).toFixed(0)} ms`);
  const { items } = await plane.admin.demand(NODES);
  assert.equal(items.length, 100);
  const bytes = JSON.stringify(items[0]).length;
  assert.ok(bytes > 12_000 && bytes < 15_000, `${bytes}`);
});

Deno.test("what it has outlives kill -9", async () => {
  await plane.kill();
  const start = performance.now();
  await plane.start();
  console.log(`ready after ${(performance.now() - start).toFixed(0)} ms`);
  const { items } = await plane.admin.demand(NODES);
  assert.equal(items.length, 100);
});

Deno.test("once etcd is compacted and the server anew, an old version is gone", async () => {
  const { metadata } = await plane.admin.demand(NODES);
  await plane.admin.patch(`${NODES}/n1`, { metadata: { labels: { a: "b" } } });
  await plane.kill();
  await plane.compact();
  await plane.start();
  const path = `${NODES}?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`;
  const { status, body } = await plane.admin.ask(path);
  assert.equal(body.code ?? body.object?.code, 410, `${status} ${JSON.stringify(body)}`);
});
