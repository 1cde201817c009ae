// Pods reach pods: on one node and across, by either family, with packets of every size.

import assert from "node:assert/strict";
import { HTTP, NODE_HTTP } from "../pods.ts";
import { at, type PodName, World } from "../world.ts";

const world = await World.standing();

Deno.test("every node is Ready, and no agent has logged an error", async () => {
  const { items } = await world.cluster.json(["get", "nodes"]);
  assert.equal(items.length, 3);
  for (const { metadata, status } of items) {
    const ready = status.conditions.find(({ type }: { type: string }) => type === "Ready");
    assert.equal(ready.status, "True", `${metadata.name}: ${ready.message}`);
  }
  const errors = (await world.agentLogs()).split("\n").filter((line) => / error /.test(line));
  assert.deepEqual(errors, []);
});

for (const family of world.families) {
  const pairs: readonly (readonly [PodName, PodName])[] = [["one", "two"], ["one", "far"], ["far", "one"]];
  for (const [from, to] of pairs) {
    const where = from === "one" && to === "two" ? "its own node" : "another node";
    Deno.test(`pod ${from} reaches pod ${to} of ${where} by ${family}, and is seen with its own address`, async () => {
      const url = `http://${at(await world.podAddress(to, family), HTTP)}`;
      assert.equal(await world.ask(from, `${url}/hostname`), to);
      assert.equal(hostOf(await world.ask(from, `${url}/clientip`)), await world.podAddress(from, family));
    });
  }

  Deno.test(`a packet that fills the pods' MTU passes unbroken to another node by ${family}, a larger one is refused at once`, async () => {
    const mtu = Number((await world.inPod("one", ["cat", "/sys/class/net/eth0/mtu"])).stdout);
    const headers = family === "v4" ? 28 : 48;
    const ping = async (bytes: number) => {
      const address = await world.podAddress("far", family);
      return await world.inPod("one", [
        "ping",
        "-M",
        "do",
        "-c",
        "1",
        "-W",
        "5",
        "-s",
        String(bytes),
        address,
      ]);
    };
    const full = await ping(mtu - headers);
    assert.equal(full.code, 0, `${mtu}: ${full.stdout}${full.stderr}`);
    const larger = await ping(mtu - headers + 1);
    assert.notEqual(larger.code, 0, larger.stdout);
    assert.match(larger.stdout + larger.stderr, /too long|too big/i);
  });

  Deno.test(`a pod reaches its own node and the other one by ${family}, and they reach it`, async () => {
    for (const node of [world.near, world.far]) {
      const url = `http://${at(await world.nodeAddress(node, family), NODE_HTTP)}/hostname`;
      assert.equal(await world.ask("one", url), node);
      const back = `http://${at(await world.podAddress("one", family), HTTP)}/hostname`;
      assert.equal(await world.askFromNode(node, back), "one");
    }
  });

  Deno.test(`pods in the network of their node reach pods and each other by ${family}`, async () => {
    const pod = `http://${at(await world.podAddress("far", family), HTTP)}/hostname`;
    assert.equal(await world.ask("host-one", pod), "far");
    assert.equal(await world.ask("host-far", pod), "far");
    const host = `http://${at(await world.nodeAddress(world.far, family), NODE_HTTP)}/hostname`;
    assert.equal(await world.ask("host-one", host), world.far);
  });
}

/** The address in what agnhost says of who asked: `10.244.1.2:4711`, `[fd00::2]:4711`. */
function hostOf(client: string): string {
  return client.slice(0, client.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
