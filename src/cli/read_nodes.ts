// The Nodes of a command that looks once.

import type { ParsedNode } from "../core/nodes/node.ts";
import { nodeParser } from "../core/nodes/node_parser.ts";
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

/** A file that was just written is taken in after three seconds, where its end does not show that it is whole. */
const SETTLING_MS = 5_000;
const LOOK_MS = 50;

/** Reads all Nodes once. Throws Error when a path cannot be read or our own Node is needed and not there. */
export async function readNodes(
  settings: Settings,
  { isOwnNeeded = true } = {},
): Promise<SourceState<ParsedNode>> {
  requireNodes(settings);
  const source = new FileSource(settings.nodes, { parse: nodeParser(settings), onChange: () => {} });
  try {
    await source.start();
    const end = performance.now() + SETTLING_MS;
    while (source.state().problems.some(({ isPending }) => isPending) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
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
