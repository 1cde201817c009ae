// A refused claim as a Kubernetes Event of the Node that made it. Its name is made from what it tells: whoever writes it
// second is told by the API server that it is there, and that is how each is written once.

import type { Rejected, RejectedKind } from "../nodes/node.ts";
import type { ObjectId } from "../policy/objects.ts";
import { parseNodeName } from "../nodes/parse_node.ts";
import { refused } from "../net/refusal.ts";

/** What is told of a refused claim. */
export interface RefusalEvent {
  /** `metadata.name`, and what it is known by. */
  readonly name: string;
  /** The Node that it is about; of another object, as it is told of. */
  readonly node: string;
  /** Undefined: a Node. */
  readonly object: ObjectId | undefined;
  readonly kind: RejectedKind;
  /** Of an Event: one word in camel case. */
  readonly reason: string;
  readonly message: string;
}

/** Reasons by kind; a Node without a key has claimed nothing that was refused, it may have no agent at all. */
const REASONS: Readonly<Record<RejectedKind, string | undefined>> = {
  malformed: "ClaimMalformed",
  conflict: "ClaimConflict",
  namesake: "NameTaken",
  keyless: undefined,
  "own-key": "KeyTaken",
  endpoint: "EndpointRefused",
  host: "HostRefused",
  policy: "PolicyRefused",
};
/** The API server takes 1,024 bytes; what a Node says is ASCII here, by `quote`. */
const MESSAGE_CHARACTERS = 1_000;

/** The Event of a refusal; undefined: none is written. */
export function refusalEvent(
  { node, claim, reason: why, kind = "malformed", object }: Rejected,
): RefusalEvent | undefined {
  const reason = REASONS[kind];
  if (reason === undefined || refused(parseNodeName(object?.name ?? node))) return undefined;
  const message = `${claim}: ${why}`.slice(0, MESSAGE_CHARACTERS);
  const name = `wigglenet-${fingerprint(`${node}\n${kind}\n${message}`)}`;
  return { name, node, object, kind, reason, message };
}

/** Where Events of what is of no namespace stand, as Nodes are: kubelet's own are there. */
const OF_NO_NAMESPACE = "default";

/** Where an Event stands: beside what it is about. */
export function namespaceOfEvent({ object }: Pick<RefusalEvent, "object">): string {
  return object?.namespace || OF_NO_NAMESPACE;
}

const API_VERSIONS = { Pod: "v1", Namespace: "v1", NetworkPolicy: "networking.k8s.io/v1" } as const;

/** A Node by its name, as kubelet writes it: kubectl describe looks for that. */
function involvedObject({ node, object }: RefusalEvent): Record<string, string> {
  if (object === undefined) return { apiVersion: "v1", kind: "Node", name: node, uid: node };
  const { kind, namespace, name } = object;
  return { apiVersion: API_VERSIONS[kind], kind, name, ...(namespace === "" ? {} : { namespace }) };
}

/**
 * The core/v1 Event.
 * @param writer the node whose agent writes it
 */
export function eventJson(
  event: RefusalEvent,
  writer: string,
  nowMs: number,
): Record<string, unknown> {
  const { name, reason, message } = event;
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: namespaceOfEvent(event) },
    involvedObject: involvedObject(event),
    type: "Warning",
    reason,
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: "wigglenet", host: writer },
    reportingComponent: "wigglenet",
    reportingInstance: writer,
  };
}

/** 64 bits of FNV-1a, twice 32: no secret, two texts must only hardly ever meet. */
function fingerprint(text: string): string {
  return [0x811c9dc5, 0x01234567].map((seed) => {
    let hash = seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  }).join("");
}
