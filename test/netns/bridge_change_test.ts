// A node's pods change from ptp to a bridge, and back.

import assert from "node:assert/strict";
import { HAS_BRIDGE_META } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { Traffic } from "../lab/traffic.ts";
import { until } from "../lab/until.ts";

const FAMILIES = [4, 6] as const;
const BRIDGED = { "cni-bridge": "true" };
const BRIDGE = "wigglenet-br";

async function reaches(from: Pod, to: Pod): Promise<boolean[]> {
  return await Promise.all(
    FAMILIES.map(async (family) => (await from.ping(to.address(family)!, { timeoutMs: 300 })).received === 1),
  );
}

Deno.test("from ptp to a bridge and back: what runs loses nothing, and the bridge goes with its last pod", {
  ignore: !HAS_BRIDGE_META,
}, async () => {
  const lab = await Lab.create({ nodes: 2 });
  await using _ = lab;
  const [a, b] = lab.nodes as [Node, Node];
  for (const node of lab.nodes) node.startAgent();
  const [old, peer] = [await a.addPod("old"), await b.addPod("peer")];
  const traffic = await Traffic.start(new Map([["a", old], ["b", peer]]));
  const restart = async (settings: Readonly<Record<string, string>>) => {
    await a.agent!.kill("SIGTERM");
    a.startAgent({ settings });
    await a.inSync();
  };
  await restart(BRIDGED);
  await until("the CNI file to name the bridge", async () => (await a.conflist()).includes(BRIDGE));
  const bridged = await a.addPod("bridged");
  await until(
    "the new pod to reach the other node's",
    async () => (await reaches(bridged, peer)).every(Boolean),
  );
  await restart({});
  await until("the CNI file to name none", async () => !(await a.conflist()).includes(BRIDGE));
  assert.deepEqual(await reaches(bridged, peer), [true, true], "the bridge stays while a pod hangs there");
  const attached = await a.addPod("attached");
  await until(
    "the newest to reach the other node's",
    async () => (await reaches(attached, peer)).every(Boolean),
  );
  await bridged.remove();
  await until("the bridge to go", async () => (await a.attempt(["ip", "link", "show", BRIDGE])).code !== 0, {
    seen: () => a.diagnose(),
  });
  await until("its rules to go", async () => {
    return (await a.attempt(["nft", "list", "table", "bridge", "wigglenet"])).code !== 0;
  });
  const lost = (await traffic.report()).filter(({ lost }) => lost > 0);
  assert.deepEqual(lost, []);
  await a.inSync();
});
