import assert from "node:assert/strict";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { type NodePods, ToldNodes } from "./told_nodes.ts";

const node = (name: string, ...podCidrs: string[]): NodePods => ({
  node: { name },
  podCidrs: podCidrs.map((text) => parsePrefix(text) as Prefix),
});

Deno.test("Of many Nodes those are told that came, changed or went", () => {
  const told: string[] = [];
  const nodes = new ToldNodes({
    putNode: (name, podCidrs) => told.push([name, ...podCidrs.map(({ text }) => text)].join(" ")) > 0,
    removeNode: (name) => told.push(`no ${name}`) === 0,
  });
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name, i) => node(name, `10.0.${i}.0/24`)) as [
    NodePods,
    NodePods,
    NodePods,
    NodePods,
  ];
  const tell = (...list: NodePods[]) => [nodes.tell(list), ...told.splice(0)];
  assert.deepEqual(tell(a, b, d), [true, "a 10.0.0.0/24", "b 10.0.1.0/24", "d 10.0.3.0/24"]);
  assert.deepEqual(tell(a, b, d), [false]);
  assert.deepEqual(tell(a, b, c, d), [true, "c 10.0.2.0/24"]);
  assert.deepEqual(tell(a, node("b", "10.9.0.0/24"), c, d), [true, "b 10.9.0.0/24"]);
  assert.deepEqual(tell(a, c, d), [false, "no b"]);
  assert.deepEqual(tell(), [false, "no a", "no c", "no d"]);
});
