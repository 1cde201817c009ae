// The Nodes of a command that looks once.

import type { ParsedNode } from "../core/nodes/node.ts";
import { parseNode } from "../core/nodes/parse_node.ts";
import type { Settings } from "../core/settings/settings.ts";
import { FileSource } from "../shell/sources/file_source.ts";
import type { SourceState } from "../shell/sources/node_source.ts";
import { UsageError } from "./usage_error.ts";

/** Throws UsageError when no source is set. */
export function requireNodes(settings: Settings): void {
  if (settings.nodes.length > 0) return;
  throw new UsageError(
    "no Nodes to read: give --nodes PATH (WIGGLENET_NODES), a file or folder of Node manifests",
  );
}

/** Reads all Nodes once. Throws Error when a path cannot be read or our own Node is needed and not there. */
export async function readNodes(
  settings: Settings,
  { isOwnNeeded = true } = {},
): Promise<SourceState<ParsedNode>> {
  requireNodes(settings);
  const source = new FileSource(settings.nodes, { parse: parseNode, onChange: () => {} });
  try {
    await source.start();
    const state = source.state();
    for (const { path, reason } of state.problems) {
      console.error(`wigglenet: cannot take in ${path}: ${reason}`);
    }
    if (!state.complete) throw new Error(`Cannot read all Nodes of ${settings.nodes.join(", ")}`);
    if (isOwnNeeded && !state.items.some(({ node }) => node?.name === settings.nodeName)) {
      throw new Error(`No Node named ${settings.nodeName} in ${settings.nodes.join(", ")}`);
    }
    return state;
  } finally {
    await source.close();
  }
}
