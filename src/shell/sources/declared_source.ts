// Where declared networks come from: files, or the Kubernetes API.

import type { ParsedDeclared } from "../../core/declared/declared_object.ts";
import type { NodeParts } from "../../core/declared/status/node_parts.ts";
import type { SourceProblem } from "./node_source.ts";

/** Declared objects that concern this node, as they are now. */
export interface DeclaredSource {
  /** The same list until something changes. Undefined: not all of them are known yet, and nothing may be changed. */
  declared(): readonly ParsedDeclared[] | undefined;
  /**
   * Of objects of namespaces: all are in that list; those that were known last, or none where nobody has such kinds; or nobody knows
   * yet, and what stands of them is to stay.
   */
  tenants(): "listed" | "kept" | "unknown";
  /** Who is told that something may have changed. */
  listen(onChange: () => void): void;
  /** Whether it must be known what other nodes say. */
  needNodes(areNeeded: boolean): void;
  /** What other nodes say; undefined: not known, or of files, which say it themselves. */
  nodes(): readonly NodeParts[] | undefined;
  problems(): readonly SourceProblem[];
  start(): void;
  close(): Promise<void>;
}
