// What can be wrong with a Markdown document, as far as a program can tell.

import { posix } from "node:path";

/** A Markdown document of the repository. */
export interface Document {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const DECISION = /^docs\/decisions\/(?!\d{4}-[a-z0-9-]+\.md$)/;
const DECISION_LINES = 80;

/** Paths of the files and folders that a document links to, from the root of the repository. */
export function linksOf({ path, text }: Document): string[] {
  const links: string[] = [];
  for (const [, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)/g)) {
    const file = target!.split("#")[0]!;
    if (file === "" || /^[a-z]+:/.test(file)) continue;
    links.push(posix.normalize(posix.join(posix.dirname(path), file)));
  }
  return links;
}

/** A test that a document says to show something. */
export interface Citation {
  /** From the root of the repository. */
  readonly path: string;
  /** A part of its name, as it stands in the file. */
  readonly name: string;
}

/** A link to a file of tests, and behind it names: `[x_test.ts](x_test.ts): "what is so", "what else"`. */
const CITATION = /\]\(([^)\s]+_(?:test|cases)\.ts)\):((?:,?\s+"[^"]+")+)/g;

/** The tests that a document names. */
export function citationsIn({ path, text }: Document): Citation[] {
  return [...text.matchAll(CITATION)].flatMap(([, target, names]) => {
    const file = posix.normalize(posix.join(posix.dirname(path), target!));
    return [...names!.matchAll(/"([^"]+)"/g)].map(([, name]) => ({
      path: file,
      name: name!.replace(/\s+/g, " "),
    }));
  });
}

/** What of a document must be shown by tests, and by none is: its items. Other documents need not show anything. */
export function unshownItems({ path, text }: Document): string[] {
  if (path !== "docs/security.md") return [];
  const items = text.split(/\n(?=- |#|\n)/).filter((part) => part.startsWith("- "));
  return items.filter((item) => citationsIn({ path, text: item }).length === 0);
}

/** True when the document has TypeScript that `deno check --doc-only` can check. */
export function hasTypeScript({ text }: Document): boolean {
  return /^```ts$/m.test(text);
}

/** What is wrong with the form of a decision; undefined for other documents too. */
export function decisionObjection({ path, text }: Document): string | undefined {
  if (!path.startsWith("docs/decisions/")) return;
  if (DECISION.test(path)) return "is not named NNNN-what-was-decided.md";
  const lines = text.trimEnd().split("\n").length;
  if (lines > DECISION_LINES) {
    return `has ${lines} lines, at most ${DECISION_LINES}: one page holds a decision`;
  }
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}
