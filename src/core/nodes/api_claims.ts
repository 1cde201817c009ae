// The API server's address is in nobody's pod network. A Node that says so of itself would have all others send him what they ask the
// API server, and none of them would ever hear that he takes it back.

import type { Address } from "../net/address.ts";
import { containsAddress } from "../net/prefix.ts";
import type { Node, Rejected } from "./node.ts";

/** A Node and what it loses. */
export interface Believed {
  readonly node: Node;
  readonly rejected: readonly Rejected[];
}

/** The same Node stays the same one: what was derived from it is kept by its identity. */
const KNOWN = new WeakMap<Node, { readonly api: string } & Believed>();

/**
 * The Node without pod CIDRs that it claims by annotation and that cover the API server's address. In `spec` they are an administrator's.
 * @param api at which this host asks the API server; undefined: it asks none, or by a name
 */
export function withoutApi(node: Node, api: Address | undefined): Believed {
  if (api === undefined) return { node, rejected: [] };
  const known = KNOWN.get(node);
  if (known?.api === api.text) return known;
  const covering = node.podCidrs.filter(({ value, origin }) =>
    origin === "annotation" && containsAddress(value, api)
  );
  const podCidrs = node.podCidrs.filter((claim) => !covering.includes(claim));
  const believed = {
    api: api.text,
    node: covering.length === 0 ? node : { ...node, podCidrs },
    rejected: covering.map(({ value }): Rejected => ({
      node: node.name,
      claim: `pod CIDR ${value.text}`,
      reason: `covers ${api.text}, at which this host asks the API server`,
      kind: "conflict",
    })),
  };
  KNOWN.set(node, believed);
  return believed;
}
