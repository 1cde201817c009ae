// What is read of a Node, in words, for tests of what claims come to.

import type { ParsedNode } from "../src/core/nodes/node.ts";
import { parseNode } from "../src/core/nodes/parse_node.ts";
import { nodeJson, type NodeWords } from "./cluster.ts";

/** Where they are from. */
export const SOURCE = "nodes/a.yaml";

/** Reads the manifest that these words come to. */
export function parse(words: NodeWords): ParsedNode {
  return parseNode(nodeJson(words), SOURCE);
}

/** A Node whose annotations are these texts. */
export function annotated(annotations: unknown): ParsedNode {
  return parseNode({ metadata: { name: "n1", annotations }, spec: { podCIDRs: ["10.1.0.0/24"] } }, SOURCE);
}

/** Its claims that are taken, and by what it has them: `10.244.1.0/24 by spec`. */
export function textsOf(
  { node }: ParsedNode,
): { readonly podCidrs: string[]; readonly addresses: string[] } {
  const texts = (claims: readonly { value: { text: string }; origin: string }[] = []) =>
    claims.map(({ value, origin }) => `${value.text} by ${origin}`);
  return { podCidrs: texts(node?.podCidrs), addresses: texts(node?.addresses) };
}

/** A line for each of the others: `n1: pod CIDR 10.0.0.0/33: why`. */
export function refusals({ rejected }: ParsedNode): string[] {
  return rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`);
}
