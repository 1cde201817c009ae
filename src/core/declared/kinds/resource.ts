// Where the API serves the kinds of declared networks.

import type { Resource } from "../../kubernetes/resource.ts";
import { API_VERSION, GROUP } from "./kind.ts";

/**
 * One kind.
 * @param node undefined: the objects of all nodes
 */
export function declaredResource(
  { name, plural }: { readonly name: string; readonly plural: string },
  node?: string,
): Resource {
  return {
    kind: name,
    group: GROUP,
    plural,
    path: `/apis/${API_VERSION}/${plural}`,
    query: node === undefined ? {} : { fieldSelector: `spec.node=${node}` },
  };
}
