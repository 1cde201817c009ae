// How this node reads Nodes: what every source of them is given to parse with.

import { expressionFamilies, type Settings } from "../settings/settings.ts";
import type { NodeMetadata, ParsedNode } from "./node.ts";
import { parseNode } from "./parse_node.ts";

/** Keeps labels and annotations of our own Node where an expression may ask for them, and of no other. */
export function nodeParser(settings: Settings): (json: unknown, origin: string) => ParsedNode {
  const described = expressionFamilies(settings).length > 0 ? settings.nodeName : undefined;
  return (json, origin) => parseNode(json, origin, described);
}

/** What an expression sees of our own Node; of one that nobody knows, its name. */
export function ownMetadata(settings: Settings, nodes: readonly ParsedNode[]): NodeMetadata {
  const own = nodes.find(({ node }) => node?.name === settings.nodeName)?.node;
  return own?.metadata ?? { name: settings.nodeName, labels: {}, annotations: {} };
}
