// Snippets of a Markdown document that tests build, send or run as a reader would: the block below `<!-- snippet: name -->`.

import type { Document } from "./documents.ts";

const MARKED = /^<!-- snippet: (\S+) -->\n+```\w+\n([\s\S]*?)^```$/gm;

/**
 * The marked blocks, by name.
 * @throws Error when two have the same name
 */
export function snippetsIn({ path, text }: Document): ReadonlyMap<string, string> {
  const snippets = new Map<string, string>();
  for (const [, name, block] of text.matchAll(MARKED)) {
    if (snippets.has(name!)) throw new Error(`${path} has two snippets called ${name}`);
    snippets.set(name!, block!);
  }
  return snippets;
}
