// Associations of IPsec, as root alone sees them.

import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import type { Mesh } from "./mesh.ts";

/** SPIs with their keys. */
export async function keysOn(node: Node): Promise<string[]> {
  const text = await node.run(["ip", "xfrm", "state", "list"]);
  return [...text.matchAll(/spi (0x[0-9a-f]+)[^]*?aead rfc4106\(gcm\(aes\)\) (0x[0-9a-f]+)/g)].map(
    ([, spi, key]) => `${spi} ${key}`,
  );
}

/** Each node has one association each way with each other one, and nothing else. */
export async function settled({ nodes }: Mesh): Promise<void> {
  for (const node of nodes) {
    await until(`${node.name} to have two associations with each other node`, async () => {
      return (await keysOn(node)).length === 2 * (nodes.length - 1);
    }, {
      deadlineMs: 60_000,
      seen: async () => await node.run(["ip", "-s", "xfrm", "state", "list", "nokeys"]),
    });
  }
}
