// How this node reads Nodes: what every source of them is given to parse with.

import { expressionFamilies, type Settings } from "../settings/settings.ts";
import type { NodeMetadata, NodeName, ParsedNode, Stated } from "./node.ts";
import { parseNode } from "./parse_node.ts";
import { pickNode } from "./pick_node.ts";

/** As {@link parseNode}; of our own Node also the texts that it states, which are to be written, and what an expression asks for. */
export function nodeParser(settings: Settings): (json: unknown, origin: string) => ParsedNode {
  const described = describedNode(settings);
  return (json, origin) => {
    const parsed = parseNode(json, origin, described);
    return parsed.node?.name === settings.nodeName ? { ...parsed, stated: statedIn(json) } : parsed;
  };
}

/** What {@link nodeParser} reads of an object, and nothing else. */
export function nodePicker(settings: Settings): (json: unknown) => unknown {
  const described = describedNode(settings);
  return (json) => pickNode(json, described);
}

/** The Node whose labels and annotations an expression may ask for. */
function describedNode(settings: Settings): NodeName | undefined {
  return expressionFamilies(settings).length > 0 ? settings.nodeName : undefined;
}

/** Annotations that are texts; the object was parsed before, so that it has a name. */
function statedIn(json: unknown): Stated {
  const { annotations } = (json as { metadata: { annotations?: unknown } }).metadata;
  const entries = typeof annotations === "object" && annotations !== null ? Object.entries(annotations) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** What an expression sees of our own Node; of one that nobody knows, its name. */
export function ownMetadata(settings: Settings, nodes: readonly ParsedNode[]): NodeMetadata {
  const own = nodes.find(({ node }) => node?.name === settings.nodeName)?.node;
  return own?.metadata ?? { name: settings.nodeName, labels: {}, annotations: {} };
}
