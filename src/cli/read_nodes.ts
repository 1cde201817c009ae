// The Nodes of a command that looks once.

import type { ParsedNode } from "../core/nodes/node.ts";
import { nodeParser, nodePicker } from "../core/nodes/node_parser.ts";
import type { GivenSettings, Settings } from "../core/settings/settings.ts";
import { factsOf, missingSource, openSource } from "../shell/sources/open_source.ts";
import type { NodeSource, SourceState } from "../shell/sources/node_source.ts";
import { UsageError } from "./usage_error.ts";

/** Throws UsageError when no source is set. */
export function requireNodes(settings: GivenSettings): void {
  const missing = missingSource(settings);
  if (missing !== undefined) throw new UsageError(missing);
}

/** A file that was just written is taken in after three seconds, where its end does not show that it is whole. */
const SETTLING_MS = 5_000;
const LOOK_MS = 50;

/** Starts a source and waits for what is being written to it. */
export async function settle<T>(source: NodeSource<T>): Promise<SourceState<T>> {
  await source.start();
  const end = performance.now() + SETTLING_MS;
  while (source.state().problems.some(({ isPending }) => isPending) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  for (const { path, reason } of source.state().problems) {
    console.error(`wigglenet: cannot take in ${path}: ${reason}`);
  }
  return source.state();
}

/** Reads all Nodes once, as the agent would. Throws Error when a path cannot be read or our own Node is needed and not there. */
export async function readNodes(
  settings: Settings,
  { isOwnNeeded = true } = {},
): Promise<SourceState<ParsedNode> & { readonly ofApi: ReturnType<typeof factsOf> }> {
  requireNodes(settings);
  const reading = { parse: nodeParser(settings), pick: nodePicker(settings), onChange: () => {} };
  const { source, api } = await openSource(settings, reading);
  try {
    const state = await settle(source);
    if (!state.complete) throw new Error(`Cannot read all Nodes of ${source.places.join(", ")}`);
    if (isOwnNeeded && !state.items.some(({ node }) => node?.name === settings.nodeName)) {
      throw new Error(`No Node named ${settings.nodeName} in ${source.places.join(", ")}`);
    }
    return { ...state, ofApi: factsOf(api) };
  } finally {
    await source.close();
  }
}
