// Pods reach pods: on one node and across, by either family, with packets of every size.

import assert from "node:assert/strict";
import { HTTP, NODE_HTTP } from "../pods.ts";
import { at, hostOf, type PodName, World } from "../world.ts";
import { FAMILIES, testIn } from "../test_in.ts";

const world = await World.standing();
const MEGABYTES = 50;

Deno.test("every node is Ready, and no agent has logged an error", async () => {
  const { items } = await world.cluster.json(["get", "nodes"]);
  assert.equal(items.length, 3);
  for (const { metadata, status } of items) {
    const ready = status.conditions.find(({ type }: { type: string }) => type === "Ready");
    assert.equal(ready.status, "True", `${metadata.name}: ${ready.message}`);
  }
  assert.deepEqual(await world.agentErrors(), []);
});

for (const family of FAMILIES) {
  const test = (name: string, work: () => Promise<void>) => testIn(world, family, { name, work });
  const pairs: readonly (readonly [PodName, PodName])[] = [["one", "two"], ["one", "far"], ["far", "one"]];
  for (const [from, to] of pairs) {
    const where = from === "one" && to === "two" ? "its own node" : "another node";
    test(`pod ${from} reaches pod ${to} of ${where} by ${family}, and is seen with its own address`, async () => {
      const url = `http://${at(await world.podAddress(to, family), HTTP)}`;
      assert.equal(await world.ask(from, `${url}/hostname`), to);
      assert.equal(hostOf(await world.ask(from, `${url}/clientip`)), await world.podAddress(from, family));
    });
  }

  test(`a packet that fills the pods' MTU passes unbroken to another node by ${family}, a larger one is refused at once`, async () => {
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

  test(`${MEGABYTES} MB arrive whole on another node by ${family}`, async () => {
    const file = "/tmp/bulk";
    const make = `head -c ${MEGABYTES}M /dev/urandom > ${file}; sha256sum < ${file}`;
    const sent = await world.inPod("one", ["bash", "-c", make]);
    assert.match(sent.stdout, /^[0-9a-f]{64} /, sent.stderr);
    const url = `http://${at(await world.podAddress("far", family), HTTP)}/upload`;
    const upload = ["curl", "-gsS", "--max-time", "60", "-F", `file=@${file}`];
    const started = performance.now();
    const { stdout, stderr } = await world.inPod("one", [...upload, url], 70_000);
    assert.match(stdout, /"output"/, stderr);
    const seconds = (performance.now() - started) / 1000;
    console.log(`${MEGABYTES} MB in ${seconds.toFixed(1)} s, by kubectl exec, curl and agnhost`);
    const kept = `/uploads/${JSON.parse(stdout).output.split("/").at(-1)}`;
    const arrived = await world.inPod("far", ["bash", "-c", `sha256sum < ${kept}; rm ${kept}`]);
    assert.equal(arrived.stdout, sent.stdout);
  });

  test(`a pod reaches its own node and the other one by ${family}, and they reach it`, async () => {
    for (const node of [world.near, world.far]) {
      const url = `http://${at(await world.nodeAddress(node, family), NODE_HTTP)}/hostname`;
      assert.equal(await world.ask("one", url), node);
      const back = `http://${at(await world.podAddress("one", family), HTTP)}/hostname`;
      assert.equal(await world.askFromNode(node, back), "one");
    }
  });

  test(`pods in the network of their node reach pods and each other by ${family}`, async () => {
    const pod = `http://${at(await world.podAddress("far", family), HTTP)}/hostname`;
    assert.equal(await world.ask("host-one", pod), "far");
    assert.equal(await world.ask("host-far", pod), "far");
    const host = `http://${at(await world.nodeAddress(world.far, family), NODE_HTTP)}/hostname`;
    assert.equal(await world.ask("host-one", host), world.far);
  });
}
