// This host as a Node object, for the folders of the others.

import type { Address } from "../net/address.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import { ANNOTATION } from "../nodes/node.ts";

/** What a Node says to the others. */
export interface Publication {
  readonly name: string;
  /** Milliseconds since 1970; Infinity: unknown. */
  readonly createdMs: number;
  readonly publicKey: PublicKey | undefined;
  readonly podCidrs: readonly Prefix[];
  readonly addresses: readonly Address[];
}

/** A core/v1 Node, as JSON: what `parseNode` reads back as the same. */
export function nodeManifest({ name, createdMs, publicKey, podCidrs, addresses }: Publication): unknown {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      ...(Number.isFinite(createdMs)
        ? { creationTimestamp: new Date(createdMs).toISOString().replace(/\.000Z$/, "Z") }
        : {}),
      ...(publicKey === undefined ? {} : { annotations: { [ANNOTATION.publicKey]: publicKey } }),
    },
    spec: { podCIDRs: podCidrs.map(({ text }) => text) },
    status: { addresses: addresses.map(({ text }) => ({ type: "InternalIP", address: text })) },
  };
}
