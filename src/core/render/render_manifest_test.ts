import assert from "node:assert/strict";
import { nodeJson, ordinaryNode } from "../../../test/cluster.ts";
import { parseNode } from "../nodes/parse_node.ts";
import { nodeManifest } from "./render_manifest.ts";

Deno.test("A manifest is read back as the Node that it was made of", () => {
  const said = { external: ["203.0.113.3"], endpoint: "gw.example.org:7", keepalive: "25" };
  for (const words of [ordinaryNode(3), { ...ordinaryNode(3), ...said }, { name: "n1" }]) {
    const { node } = parseNode(nodeJson(words), "nodes");
    const { podCidrs, ...rest } = node!;
    const values = <T>(claims: readonly { value: T }[]) => claims.map(({ value }) => value);
    const manifest = nodeManifest({ ...rest, podCidrs: values(podCidrs) });
    assert.deepEqual(parseNode(manifest, "nodes"), { node, rejected: [] });
  }
});
