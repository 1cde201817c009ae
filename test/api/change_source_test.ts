// A node's Nodes come from files, from the API, and from files again: the agent is started anew for each, and whoever
// changes his mind loses nothing.
//
//   n1-pod ═══ n2-pod     100 packets a second in each direction, IPv4 and IPv6
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { Traffic } from "../lab/traffic.ts";
import { losing } from "../netns/losses.ts";
import { differences, identityOf } from "../netns/state.ts";

const cluster = await Cluster.create({ nodes: 3 });
const { nodes } = cluster;
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

Deno.test("from the API to files and back: no packet is lost, and the data plane is the same", async (t) => {
  await cluster.startAll();
  const pods = await Promise.all(nodes.map((node) => node.addPod(`${node.name}-pod`)));
  const traffic = await Traffic.start(new Map(nodes.map(({ name }, i) => [name, pods[i]!])));
  const before = await Promise.all(nodes.map(identityOf));
  await losing(traffic)(t, {}, async () => {
    // One after the other, as an operator would: meanwhile both kinds make one mesh.
    for (const node of nodes) {
      await node.agent!.kill("SIGTERM");
      node.startAgent();
      await node.inSync();
    }
    for (const node of nodes) {
      assert.deepEqual((await node.status())!.source.paths, [cluster.lab.nodesFolder]);
    }
    await traffic.flowing();
    for (const node of nodes) {
      await node.agent!.kill("SIGTERM");
      await cluster.start(node);
      await cluster.knows(node, nodes.filter((other) => other !== node));
    }
  });
  for (const [i, node] of nodes.entries()) assert.equal(differences(before[i]!, await identityOf(node)), "");
});
