// What a double of the Kubernetes API serves, and how it selects of it.

import {
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  podsOf,
  type Resource,
} from "../../src/core/kubernetes/resource.ts";

type Json = Record<string, unknown>;

/** Objects of one kind. */
export interface Collection extends Resource {
  readonly apiVersion: string;
}

/** All that there are. */
export const COLLECTIONS: readonly Collection[] = [NODES, NAMESPACES, NETWORK_POLICIES, podsOf("any")]
  .map((resource) => ({ ...resource, apiVersion: resource.group === "" ? "v1" : `${resource.group}/v1` }));

/** The one of an object; of one without a kind: Nodes. */
export function collectionOf({ kind = "Node" }: Json): Collection {
  const found = COLLECTIONS.find((collection) => collection.kind === kind);
  if (found === undefined) throw new Error(`there are no ${kind}s here`);
  return found;
}

/** `Pod default/web`. */
export function keyOf(object: Json): string {
  const { name, namespace } = object.metadata as Json;
  const { kind } = collectionOf(object);
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** True where all parts of a field selector hold: `spec.nodeName!=n1,status.phase!=Failed`. */
export function isSelected(object: Json, selector: string): boolean {
  return selector === "" || selector.split(",").every((part) => {
    const [, path, operator, wanted] = /^([^!=]+)(!?=)(.*)$/.exec(part)!;
    const value = path!.split(".").reduce<unknown>((from, key) =>
      (from as Json | undefined)?.[key], object) ?? "";
    return (value === wanted) === (operator === "=");
  });
}
