// Where a file stands in the repository: the rules ask this and never look at paths themselves.

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The part of the repository that a file belongs to; "other" is everything without rules of its own. */
export type Part = "core" | "shell" | "cli" | "main" | "deploy" | "test" | "templates" | "other";

/** A file's place. */
export interface Place {
  /** From the root of the repository: `src/core/net/prefix.ts`. */
  readonly path: string;
  readonly part: Part;
  /** Specification, not product: a `_test.ts` beside the code, or anything in `test/`. */
  readonly isTest: boolean;
  /** Product code in `src/` or `main.ts`. */
  readonly isProduct: boolean;
}

/** The place of a file named by its absolute path, or by its path from the root of the repository. */
export function placeOf(filename: string): Place {
  const path = filename.startsWith(ROOT) ? filename.slice(ROOT.length) : filename;
  const part = partOf(path);
  const isTest = part === "test" || path.endsWith("_test.ts");
  return { path, part, isTest, isProduct: !isTest && (path.startsWith("src/") || part === "main") };
}

function partOf(path: string): Part {
  if (path === "main.ts") return "main";
  if (path.startsWith("test/")) return "test";
  if (path.startsWith("deploy/")) return "deploy";
  if (path.startsWith("nft-templates/")) return "templates";
  const layer = /^src\/(core|shell|cli)\//.exec(path)?.[1];
  return layer === undefined ? "other" : layer as Part;
}
