// What is said of a kind of objects: to the API server by its CustomResourceDefinition, to people by `kubectl explain`, and to the
// parser by the schema of its spec.

import type { Schema } from "../schema/schema.ts";

/** The API group, with its one version. */
export const GROUP = "networking.wigglenet.dev";
/** The version. */
export const VERSION = "v1alpha1";
/** What an object of ours says as its apiVersion. */
export const API_VERSION = `${GROUP}/${VERSION}`;

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer";
  readonly jsonPath: string;
}

/** A kind. */
export interface Kind<Name extends string, Spec> {
  readonly name: Name;
  readonly plural: string;
  /** Left out: its objects are the cluster's. */
  readonly isNamespaced?: true;
  readonly shortNames: readonly string[];
  readonly description: string;
  /** Undefined: nobody asks for anything by it, and its agents write it whole. */
  readonly spec: Schema<Spec> | undefined;
  /** Undefined: nobody says anything of it. */
  readonly status: Schema<unknown> | undefined;
  /** Between the name and the state. */
  readonly columns: readonly Column[];
  /** Fields by which the API server selects objects. */
  readonly selectable: readonly string[];
}
