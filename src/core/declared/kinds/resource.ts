// Where the API serves the kinds of declared networks.

import type { Resource } from "../../kubernetes/resource.ts";
import { API_VERSION, GROUP } from "./kind.ts";

/** Which of its objects. */
interface Which {
  /** Undefined: those of all nodes. */
  readonly node?: string | undefined;
  /** Undefined: those of all namespaces, or of none. */
  readonly namespace?: string | undefined;
}

/** One kind. */
export function declaredResource(
  { name, plural }: { readonly name: string; readonly plural: string },
  { node, namespace }: Which = {},
): Resource {
  return {
    kind: name,
    group: GROUP,
    plural,
    path: `/apis/${API_VERSION}/${namespace === undefined ? "" : `namespaces/${namespace}/`}${plural}`,
    query: node === undefined ? {} : { fieldSelector: `spec.node=${node}` },
  };
}
