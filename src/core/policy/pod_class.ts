// Pods that no selector can tell apart: one namespace, equal labels. Selectors are asked once for all of them.

import type { Namespace, Pod } from "./objects.ts";
import type { LiveSet } from "./live_set.ts";
import type { PolicyList, PolicyRecord } from "./policy_list.ts";
import type { Labels } from "./selector.ts";

/** A namespace by its name, whether its object is known or not. */
export interface NamespaceRecord {
  readonly name: string;
  /** undefined: nobody knows its labels, and no selector means it. */
  namespace: Namespace | undefined;
  /** By the text of their labels. */
  readonly classes: Map<string, PodClass>;
  /** Those with pods of this node. */
  readonly localClasses: Set<PodClass>;
  readonly policies: Map<string, PolicyRecord>;
}

/** A Pod that is there. Its labels are those of its class. */
export interface PodRecord {
  readonly pod: Omit<Pod, "labels">;
  /** undefined: its labels cannot be read. */
  readonly podClass: PodClass | undefined;
  readonly isLocal: boolean;
}

/** See above. */
export class PodClass {
  readonly pods = new Set<PodRecord>();
  /** Pods of this node among them. */
  localCount = 0;
  /** The sets that have its pods as members. */
  readonly sets = new Set<LiveSet>();
  /** Policies that select it; kept only while there are local pods. */
  readonly policies = new Set<PolicyRecord>();
  /** The same, shared by classes with the same policies. */
  list: PolicyList | undefined;

  constructor(readonly namespace: NamespaceRecord, readonly labels: Labels, readonly key: string) {}
}

/** `namespace/name`. */
export function podKey({ namespace, name }: Pick<Pod, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** Equal labels have equal texts. */
export function labelsText(labels: Labels): string {
  return [...labels].map(([key, value]) => `${key}=${value}`).sort().join(",");
}
