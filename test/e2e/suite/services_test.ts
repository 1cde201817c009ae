// What kube-proxy and CoreDNS do on top: the agent must not be in their way.

import assert from "node:assert/strict";
import { FAR_PORT, HOST_PORT, LOCAL_PORT, NODE_PORT } from "../pods.ts";
import { at, hostOf, World } from "../world.ts";
import { FAMILIES, testIn } from "../test_in.ts";

const world = await World.standing();
const TRIES = 30;

Deno.test("a pod finds a Service by its name, in every family that the cluster has", async () => {
  const { stdout, stderr } = await world.inPod("one", ["probe", "lookup", "web.e2e.svc.cluster.local"]);
  const wanted = await Promise.all(world.families.map((family) => world.serviceAddress("web", family)));
  assert.deepEqual(stdout.trim().split("\n").sort(), wanted.sort(), stderr);
});

Deno.test("a pod in its node's network finds a Service by its name", async () => {
  const { code, stderr } = await world.inPod("host-one", ["probe", "lookup", "web.e2e.svc.cluster.local"]);
  assert.equal(code, 0, stderr);
});

for (const family of FAMILIES) {
  const test = (name: string, work: () => Promise<void>) => testIn(world, family, { name, work });
  test(`a Service with a pod on each node answers a pod from both by ${family}`, async () => {
    const url = `http://${at(await world.serviceAddress("web", family), 80)}/hostname`;
    const script = `for i in {1..${TRIES}}; do curl -gsSm5 '${url}'; echo; done`;
    const { stdout, stderr } = await world.inPod("one", ["bash", "-c", script], 160_000);
    const answers = stdout.trim().split("\n");
    assert.equal(answers.length, TRIES, stderr);
    assert.deepEqual([...new Set(answers)].sort(), ["far", "two"], stderr);
  });

  test(`the outside reaches a Service's pods by a NodePort of each node, by ${family}`, async () => {
    for (const node of world.nodes) {
      const url = `http://${at(await world.nodeAddress(node, family), NODE_PORT)}/hostname`;
      const answers = new Set<string>();
      for (let i = 0; i < TRIES; i++) answers.add(await world.askFromOutside(url));
      assert.deepEqual([...answers].sort(), ["far", "two"], node);
    }
  });

  test(`the outside reaches a pod on another node by a NodePort, by ${family}`, async () => {
    const url = `http://${at(await world.nodeAddress(world.near, family), FAR_PORT)}/hostname`;
    assert.equal(await world.askFromOutside(url), "far");
  });

  test(`externalTrafficPolicy Local keeps the outside's address, by ${family}`, async () => {
    const url = `http://${at(await world.nodeAddress(world.far, family), LOCAL_PORT)}`;
    assert.equal(await world.askFromOutside(`${url}/hostname`), "far");
    assert.equal(hostOf(await world.askFromOutside(`${url}/clientip`)), await world.outsideAddress(family));
  });

  test(`the outside reaches a pod by its hostPort, by ${family}`, async () => {
    const url = `http://${at(await world.nodeAddress(world.far, family), HOST_PORT)}/hostname`;
    assert.equal(await world.askFromOutside(url), "far");
  });
}
