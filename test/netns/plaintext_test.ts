// From a node's boot on, whatever goes wrong: no packet of a pod is readable on the underlay. All the while pods send to pods that
// are there, to those of a Node without a key, and to those that no Node has; CLUSTER_POD_CIDRS holds all of them.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1, whose default route leads to the underlay

import assert from "node:assert/strict";
import { bytesOf } from "../lab/craft.ts";
import { isWireGuard, isWithin } from "../lab/frames.ts";
import type { Host } from "../lab/host.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { sendUdp } from "../lab/wire.ts";
import { pidOf } from "./drift.ts";

const POD_NETWORK = ["10.244.0.0/16", "fd00:10:244::/48"];
const SETTINGS = { "cluster-pod-cidrs": POD_NETWORK.join(",") };
/** Of the keyless n9, of no Node at all. */
const STRANGERS = ["10.244.9.5", "fd00:10:244:9::5", "10.244.200.5", "fd00:10:244:200::5"];
const PORT = 9_998;
const PAUSE_MS = 4;

const lab = await Lab.create({ nodes: 2 });
let [n1, n2] = lab.nodes as [Node, Node];
const capture = await lab.capture();
const keyless = manifestOf(9);
await lab.publish(keyless);

/** Who sends to whom, a packet each few milliseconds. */
const senders = new Map<Host, readonly string[]>();
let sent = 0;
const sending = setInterval(() => {
  for (const [from, addresses] of senders) {
    for (const address of addresses) {
      sendUdp(from, {
        address: bytesOf(address),
        ports: [0, PORT],
        payload: new TextEncoder().encode("readable"),
      });
      sent++;
    }
  }
}, PAUSE_MS);
Deno.test.afterAll(async () => {
  clearInterval(sending);
  await lab.close();
});

const addressesOf = (pod: Pod) => ([4, 6] as const).map((family) => pod.address(family)!);

/** The agent's start, and a pod that sends as soon as there can be one: its node sends to the same. */
async function boot(node: Node, others: readonly string[]): Promise<Pod> {
  node.startAgent({ settings: SETTINGS });
  const pod = await node.addPod(`${node.name}-pod`);
  senders.set(pod, [...others, ...STRANGERS]);
  senders.set(node, [...others, ...STRANGERS]);
  return pod;
}

async function flows(from: Pod, to: Pod): Promise<void> {
  for (const address of addressesOf(to)) {
    await until(`${from.name} to reach ${address}`, async () => {
      return (await from.ping(address, { timeoutMs: 500 })).received === 1;
    }, { deadlineMs: 20_000, seen: () => lab.diagnose() });
  }
}

const pod2 = await boot(n2, ["10.244.1.2", "fd00:10:244:1::2"]);
let pod1 = await boot(n1, addressesOf(pod2));
await flows(pod1, pod2);

/** Something happens while all send; then, unless it says otherwise, all is well again. */
async function happens(act: () => Promise<unknown>): Promise<void> {
  const before = sent;
  await act();
  await flows(pod1, pod2);
  await until("some packets more", () => sent - before > 100);
  await lab.catchUp(capture);
  const readable = capture.packets.filter((packet) => isWithin(packet, POD_NETWORK));
  const shown = readable.slice(0, 10).map((packet) =>
    `${packet.source} ${packet.destination} ${packet.protocol}`
  );
  assert.deepEqual(shown, [], `${readable.length} packets were readable`);
}

Deno.test("the node boots: what its pods send from their first moment on is encrypted or not sent", async () => {
  await happens(async () => {
    senders.delete(pod1);
    senders.delete(n1);
    n1 = await lab.reboot(n1);
    pod1 = await boot(n1, addressesOf(pod2));
  });
  assert.deepEqual((await n1.status())?.unguarded, [], "CLUSTER_POD_CIDRS is all that there is");
});

Deno.test("a Node without a key comes, gets one that nobody has, and goes: nothing for its pods is sent", async () => {
  await happens(async () => {
    const key = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=";
    const annotations = { "wigglenet/public-key": key };
    await lab.publish({ ...keyless, metadata: { ...keyless.metadata, annotations } });
    await n1.says("n9 is a peer", ({ peers }) => peers.some(({ node }) => node === "n9"));
    await lab.withdraw("n9");
    await n1.says("n9 is none", ({ peers }) => !peers.some(({ node }) => node === "n9"));
    await n1.inSync();
  });
});

Deno.test("a peer's key is changed to one that it has not, and back: what is for its pods waits for a session", async () => {
  await happens(async () => {
    const { manifest } = n2;
    const key = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE=";
    const annotations = { ...manifest.metadata.annotations, "wigglenet/public-key": key };
    await lab.publish({ ...manifest, metadata: { ...manifest.metadata, annotations } });
    await n1.says("n2 has another key", ({ peers }) => peers.some(({ publicKey }) => publicKey === key));
    await lab.publish(manifest);
    await n1.says("n2 has its own", ({ peers }) => !peers.some(({ publicKey }) => publicKey === key));
  });
});

Deno.test("the interface is deleted, and all our routes with it", async () => {
  await happens(() => n1.run(["ip", "link", "del", "wigglenet"]));
});

Deno.test("the table is replaced by one of other settings", async () => {
  await happens(async () => {
    for (const filter of ["true", "false"]) {
      await n1.agent!.kill("SIGTERM");
      n1.startAgent({ settings: { ...SETTINGS, "filter-ipv4": filter, "filter-ipv6": filter } });
      await n1.inSync();
    }
  });
});

Deno.test("somebody flushes the whole ruleset: the routes hold until the table is back", async () => {
  await happens(() => n1.run(["nft", "flush", "ruleset"]));
});

Deno.test("the agent is dead, and the interface goes: nothing is sent until there is an agent again", async () => {
  await happens(async () => {
    await n1.agent!.kill("SIGKILL");
    await n1.run(["ip", "link", "del", "wigglenet"]);
    const before = sent;
    await until("many packets", () => sent - before > 2_000);
    n1.startAgent({ settings: SETTINGS });
  });
});

Deno.test(
  "wireguard-go is dead, with the agent or without it",
  { ignore: HAS_KERNEL_WIREGUARD },
  async () => {
    const end = async () => Deno.kill((await pidOf(n1, /wireguard-go\0-f\0wigglenet/))!, "SIGKILL");
    await happens(end);
    await happens(async () => {
      await n1.agent!.kill("SIGKILL");
      await end();
      const before = sent;
      await until("many packets", () => sent - before > 2_000);
      n1.startAgent({ settings: SETTINGS });
    });
  },
);

Deno.test("this would have been seen: without rules and routes of ours the same packets are readable", async () => {
  assert.ok(capture.packets.filter((packet) => isWireGuard(packet)).length > 300, "nothing was captured");
  await n1.agent!.kill("SIGKILL");
  await n1.run(["nft", "flush", "ruleset"]);
  for (const family of ["-4", "-6"]) await n1.run(["ip", family, "route", "flush", "proto", "146"]);
  for (const network of POD_NETWORK) {
    await until(`them to be seen of ${network}`, () => capture.packets.some((it) => isWithin(it, [network])));
  }
});
