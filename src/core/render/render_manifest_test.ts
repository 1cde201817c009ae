import assert from "node:assert/strict";
import { nodeJson, ordinaryNode } from "../../../test/cluster.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { nodeManifest } from "./render_manifest.ts";

Deno.test("A manifest is read back as the Node that it was made of", () => {
  for (const words of [ordinaryNode(3), { name: "n1" }]) {
    const { node } = parseNode(nodeJson(words), "nodes");
    const { podCidrs, addresses, ...rest } = node!;
    const values = <T>(claims: readonly { value: T }[]) => claims.map(({ value }) => value);
    const manifest = nodeManifest({ ...rest, podCidrs: values(podCidrs), addresses: values(addresses) });
    assert.deepEqual(parseNode(manifest, "nodes"), { node, rejected: [] });
  }
});
