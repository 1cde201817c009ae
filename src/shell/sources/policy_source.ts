// Where Pods, Namespaces and NetworkPolicies come from. A source decides nothing: it tells what has changed, and whether
// everything that is needed is known.

import type { Namespace, NetworkPolicy, Parsed, Pod } from "../../core/policy/objects.ts";
import type { ObjectListener } from "./kubernetes/object_store.ts";
import type { SourceProblem } from "./node_source.ts";

/** Who hears of objects, each by its name with its namespace before it: `default/web`. */
export interface PolicyListeners {
  readonly pods: ObjectListener<Parsed<Pod>>;
  readonly namespaces: ObjectListener<Parsed<Namespace>>;
  readonly policies: ObjectListener<Parsed<NetworkPolicy>>;
}

/** A watched set of these objects. */
export interface PolicySource {
  /** Begins to read; what it finds is told by the listeners, and then once that something was. */
  start(): void;
  /** Whether pods of other nodes are asked for. What is not needed may be told, or forgotten. */
  need(areOthersNeeded: boolean): void;
  /** Everything that is needed is known. What was known once stays so while it is out of reach. */
  readonly isComplete: boolean;
  problems(): readonly SourceProblem[];
  /** How many objects are known. */
  readonly size: number;
  close(): Promise<void>;
}
