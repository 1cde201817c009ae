// CNI_BRIDGE where the kernel's rules can tell bridges apart (./bridge_cases.ts), and where they cannot.

import assert from "node:assert/strict";
import { HAS_BRIDGE_META } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";

// The cases stand on a mesh that a kernel without it never gives.
if (HAS_BRIDGE_META) await import("./bridge_cases.ts");
else Deno.test("pods on a bridge (kernel with nft_meta_bridge)", { ignore: true }, () => {});

Deno.test("a kernel whose rules cannot tell bridges apart is named, and no file attaches a pod to one", {
  ignore: HAS_BRIDGE_META,
}, async () => {
  const lab = await Lab.create({ nodes: 1 });
  await using _ = lab;
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: { "cni-bridge": "true" } });
  await node.says("the bridge's rules are refused", ({ applied }) => {
    return /ibrname|Operation not supported|Could not process rule/.test(applied.failing.bridge?.error ?? "");
  });
  await node.says("all the rest stands", ({ applied }) => {
    return Object.keys(applied.failing).join() === "bridge";
  });
  assert.notEqual((await node.attempt(["ip", "link", "show", "wigglenet-br"])).code, 0);
  assert.notEqual((await node.attempt(["test", "-e", node.conflistPath])).code, 0);
  assert.doesNotMatch(await node.run(["nft", "list", "tables"]), /table bridge/);
});

Deno.test("a node without the bridge plugin says so", async () => {
  const lab = await Lab.create({ nodes: 1 });
  await using _ = lab;
  const [node] = lab.nodes as [Node];
  for (const folder of ["/opt/cni/bin", "/usr/lib/cni"]) {
    await node.attempt(["mount", "-t", "tmpfs", "tmpfs", folder]); // there is one of them at least
  }
  node.startAgent({ settings: { "cni-bridge": "true" } });
  await node.agent!.line(
    "stderr",
    / warn +waiting: pod network: CNI plugins are missing: bridge, host-local, portmap;/,
  );
});
