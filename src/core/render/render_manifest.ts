// This host as a Node object, for the folders of the others.

import type { Destination } from "../net/destination.ts";
import type { PublicKey } from "../net/keys.ts";
import type { Prefix } from "../net/prefix.ts";
import { type Transports, transportsText } from "../transport/stated.ts";
import { type AddressClaim, ANNOTATION, NO_NEXT_KEY, REQUIRED } from "../nodes/node.ts";

/** What a Node says to the others. */
export interface Publication {
  readonly name: string;
  /** Milliseconds since 1970; Infinity: unknown. */
  readonly createdMs: number;
  readonly publicKey: PublicKey | undefined;
  /** While its key rotates. */
  readonly nextKey?: PublicKey | "none" | undefined;
  readonly isHostEncrypted?: true | undefined;
  /** As `wigglenet/transport` has it. */
  readonly transports?: Transports | undefined;
  readonly podCidrs: readonly Prefix[];
  readonly addresses: readonly Pick<AddressClaim, "value" | "isExternal">[];
  readonly endpoint: Destination | undefined;
  readonly keepaliveSeconds: number | undefined;
}

/** A core/v1 Node, as JSON: what `parseNode` reads back as the same. */
export function nodeManifest(publication: Publication): unknown {
  const { name, createdMs, podCidrs, addresses } = publication;
  const annotations = annotationsOf(publication);
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      ...(Number.isFinite(createdMs)
        ? { creationTimestamp: new Date(createdMs).toISOString().replace(/\.000Z$/, "Z") }
        : {}),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: { podCIDRs: podCidrs.map(({ text }) => text) },
    status: {
      addresses: addresses.map(({ value, isExternal }) => ({
        type: isExternal ? "ExternalIP" : "InternalIP",
        address: value.text,
      })),
    },
  };
}

function annotationsOf(
  { publicKey, nextKey, isHostEncrypted, transports, endpoint, keepaliveSeconds }: Publication,
): Record<string, string> {
  return {
    ...(publicKey === undefined ? {} : { [ANNOTATION.publicKey]: publicKey }),
    ...(nextKey === undefined || nextKey === NO_NEXT_KEY ? {} : { [ANNOTATION.nextKey]: nextKey }),
    ...(isHostEncrypted ? { [ANNOTATION.hostEncryption]: REQUIRED } : {}),
    ...(transports === undefined ? {} : { [ANNOTATION.transport]: transportsText(transports) }),
    ...(endpoint === undefined ? {} : { [ANNOTATION.endpoint]: endpoint.text }),
    ...(keepaliveSeconds === undefined ? {} : { [ANNOTATION.keepalive]: String(keepaliveSeconds) }),
  };
}
