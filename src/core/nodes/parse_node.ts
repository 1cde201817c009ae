// Untrusted Node JSON -> Node and what was refused of it. The unit of refusal is the claim; the Node as
// a whole goes only without a name. Never throws, never copies unchecked text into a value.

import { type Fields, fieldsOf } from "../kubernetes/fields.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { type Destination, parseDestination } from "../net/destination.ts";
import { parsePublicKey, type PublicKey } from "../net/keys.ts";
import { ownText } from "../net/own_text.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { parseNonce } from "../transport/ipsec/association.ts";
import { parseUdpPort } from "../transport/ipsec/names.ts";
import { parseTransports } from "../transport/stated.ts";
import { unusableAddress, unusablePodCidr } from "../net/scope.ts";
import {
  type AddressClaim,
  ANNOTATION,
  type Claim,
  NO_NEXT_KEY,
  type Node,
  type NodeMetadata,
  type NodeName,
  type Origin,
  type ParsedNode,
  type Rejected,
  REQUIRED,
} from "./node.ts";

// Bounds on what one Node may cost the others: a real one has 1 to 4 prefixes and addresses.
const MAX_CLAIMS = 64;
const MAX_ANNOTATION_CHARACTERS = 16_384;
// What WireGuard takes.
const MAX_KEEPALIVE_SECONDS = 65_535;
const SECONDS = /^(?:0|[1-9]\d{0,4})$/;

/** One for thousands. */
const NOTHING: readonly Rejected[] = [];

/**
 * Reads a core/v1 Node.
 * @param json any JSON value
 * @param origin where it came from (a path), named when the object has no name of its own
 * @param described the Node whose labels and annotations are kept
 */
export function parseNode(json: unknown, origin: string, described?: NodeName): ParsedNode {
  const metadata = fieldsOf(fieldsOf(json).metadata);
  const name = parseNodeName(metadata.name);
  if (refused(name)) {
    return { node: undefined, rejected: [{ node: origin, claim: "Node", reason: name.reason }] };
  }
  const reader = new NodeReader(name, fieldsOf(json), fieldsOf(metadata.annotations));
  const node: Node = {
    name,
    createdMs: parseTimestamp(metadata.creationTimestamp),
    publicKey: reader.publicKey(),
    ...reader.nextKey(),
    ...(reader.annotations[ANNOTATION.hostEncryption] === REQUIRED ? ENCRYPTED : undefined),
    ...reader.transports(),
    ...reader.ipsec(),
    ...reader.podCidrs(),
    addresses: reader.addresses(),
    endpoint: reader.endpoint(),
    keepaliveSeconds: reader.keepaliveSeconds(),
  };
  const rejected = reader.rejected.length === 0 ? NOTHING : reader.rejected;
  if (name !== described) return { node, rejected };
  return { node: { ...node, metadata: metadataOf(name, metadata) }, rejected };
}

/** A number or a boolean passes as its text: that is what YAML makes of some without quotes. */
function metadataOf(name: NodeName, metadata: Fields): NodeMetadata {
  const isText = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
  const texts = (fields: Fields) =>
    Object.fromEntries(
      Object.entries(fields).filter(([, value]) => isText(value)).map((
        [key, value],
      ) => [ownText(key), ownText(String(value))]),
    );
  return {
    name,
    labels: texts(fieldsOf(metadata.labels)),
    annotations: texts(fieldsOf(metadata.annotations)),
  };
}

const NODE_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Reads a Node's name: a DNS-1123 subdomain, as the API server asks. */
export function parseNodeName(name: unknown): NodeName | Refusal {
  if (name === undefined || name === null) return new Refusal("the object has no metadata.name");
  if (typeof name !== "string" || name.length > 253 || !NODE_NAME.test(name)) {
    return new Refusal(`${quote(name)} is not a node name (a DNS-1123 subdomain)`);
  }
  return ownText(name as NodeName);
}

// RFC 3339. Date.parse reads much more, and what has no zone in the zone of the host: nodes would not agree.
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 as milliseconds since 1970; Infinity when it is missing or something else. */
export function parseTimestamp(text: unknown): number {
  const ms = typeof text === "string" && TIMESTAMP.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? Infinity : ms;
}

/** One for thousands. */
const ENCRYPTED: Pick<Node, "isHostEncrypted"> = { isHostEncrypted: true };
/** One for thousands. */
const KNOWS_ROTATION: Pick<Node, "nextKey"> = { nextKey: NO_NEXT_KEY };

class NodeReader {
  readonly rejected: Rejected[] = [];

  constructor(readonly name: NodeName, readonly json: Fields, readonly annotations: Fields) {}

  publicKey(): PublicKey | undefined {
    const text = this.annotations[ANNOTATION.publicKey];
    if (text === undefined) return undefined;
    const key = parsePublicKey(text);
    if (!refused(key)) return key;
    this.reject("public key", key.reason);
    return undefined;
  }

  /** What cannot be read says that the agent knows rotations, and no more. */
  nextKey(): Pick<Node, "nextKey"> | undefined {
    const text = this.annotations[ANNOTATION.nextKey];
    if (text === undefined) return undefined;
    if (text === NO_NEXT_KEY) return KNOWS_ROTATION;
    const key = parsePublicKey(text);
    if (!refused(key)) return { nextKey: key };
    this.reject(ANNOTATION.nextKey, key.reason);
    return KNOWS_ROTATION;
  }

  /** What cannot be read says nothing: then the tunnel stands for it. */
  transports(): Pick<Node, "transports"> | undefined {
    const transports = this.#said(ANNOTATION.transport, parseTransports);
    return transports && { transports };
  }

  ipsec(): Pick<Node, "ipsecNonce" | "ipsecUdpPort"> | undefined {
    const ipsecNonce = this.#said(ANNOTATION.ipsecNonce, parseNonce);
    const ipsecUdpPort = this.#said(ANNOTATION.ipsecUdpPort, parseUdpPort);
    if (ipsecNonce === undefined && ipsecUdpPort === undefined) return undefined;
    return { ...(ipsecNonce && { ipsecNonce }), ...(ipsecUdpPort && { ipsecUdpPort }) };
  }

  #said<T>(key: string, parse: (text: unknown) => T | Refusal): T | undefined {
    const text = this.annotations[key];
    if (text === undefined) return undefined;
    const value = parse(text);
    if (!refused(value)) return value;
    this.reject(key, value.reason);
    return undefined;
  }

  /**
   * `wigglenet/pod-cidrs` says which CIDRs the node uses; where it is missing or junk, `spec.podCIDRs` does.
   * A CIDR that spec holds too has the weight of spec.
   */
  podCidrs(): Pick<Node, "podCidrs" | "assignedPodCidrs"> {
    const spec = fieldsOf(this.json.spec);
    const assigned = this.#list(spec.podCIDRs, SPEC);
    const single = spec.podCIDR ?? undefined;
    const items = assigned.length > 0 || single === undefined ? assigned : [single];
    const bySpec = this.#claims(items, SPEC, (item) => this.#podCidr(item));
    const listed = this.#listIn(ANNOTATION.podCidrs);
    if (listed === undefined) return { podCidrs: bySpec, assignedPodCidrs: bySpec };
    const inSpec = new Map(bySpec.map((claim) => [claim.value.text, claim]));
    const byAnnotation = this.#claims(listed, annotated(ANNOTATION.podCidrs), (item) => this.#podCidr(item));
    const podCidrs = byAnnotation.map((claim) => inSpec.get(claim.value.text) ?? claim);
    return { podCidrs, assignedPodCidrs: bySpec };
  }

  addresses(): AddressClaim[] {
    const entries = this.#list(fieldsOf(this.json.status).addresses, STATUS).map(fieldsOf);
    const ofType = (type: string) =>
      entries.filter((entry) => entry.type === type).map((entry) => entry.address);
    const read = (items: readonly unknown[], field: Field): AddressClaim[] =>
      this.#claims(items, field, (item) => this.#address(item));
    const internal = read(ofType("InternalIP"), STATUS);
    const external = read(ofType("ExternalIP"), STATUS);
    const annotated = read(this.#listIn(ANNOTATION.nodeIps) ?? [], NODE_IPS);
    const own = new Set([...internal, ...annotated].map(({ value }) => value.text));
    const claims = [
      ...internal,
      ...external.map((claim) => own.has(claim.value.text) ? claim : { ...claim, isExternal: true } as const),
      ...annotated,
    ];
    const seen = new Set<string>();
    return claims.filter(({ value }) => !seen.has(value.text) && seen.add(value.text)).slice(); // no room to grow
  }

  endpoint(): Destination | undefined {
    const text = this.annotations[ANNOTATION.endpoint];
    if (text === undefined) return undefined;
    const destination = parseDestination(text);
    const reason = refused(destination)
      ? destination.reason
      : typeof destination.host === "string"
      ? undefined
      : unusableAddress(destination.host);
    if (!refused(destination) && reason === undefined) return destination;
    this.reject(`${ANNOTATION.endpoint} ${quote(text)}`, reason!);
    return undefined;
  }

  /** A number passes too: that is what YAML makes of digits without quotes. */
  keepaliveSeconds(): number | undefined {
    const text = this.annotations[ANNOTATION.keepalive];
    if (text === undefined) return undefined;
    // Of an object no text can be made where it says so itself: `{ toString: 1 }`.
    const seconds = typeof text !== "object" && SECONDS.test(String(text)) ? Number(text) : NaN;
    if (seconds <= MAX_KEEPALIVE_SECONDS) return seconds;
    this.reject(
      `${ANNOTATION.keepalive} ${quote(text)}`,
      `it is not a number of seconds, 0 to ${MAX_KEEPALIVE_SECONDS}`,
    );
    return undefined;
  }

  /** A list of the object; what else stands there is refused. */
  #list(value: unknown, { label }: Field): readonly unknown[] {
    if (Array.isArray(value)) return value;
    if (value !== undefined && value !== null) this.reject(label, `${quote(value)} is not a list`);
    return [];
  }

  #podCidr(item: unknown): Prefix | Refusal {
    const prefix = parsePrefix(item);
    if (refused(prefix)) return prefix;
    const reason = unusablePodCidr(prefix);
    return reason === undefined ? prefix : new Refusal(reason);
  }

  #address(item: unknown): Address | Refusal {
    const address = parseAddress(item);
    if (refused(address)) return address;
    const reason = unusableAddress(address);
    return reason === undefined ? address : new Refusal(reason);
  }

  #claims<T extends { text: string }>(
    items: readonly unknown[],
    field: Field,
    parse: (item: unknown) => T | Refusal,
  ) {
    const claims = new Map<string, Claim<T>>();
    for (const item of items.slice(0, MAX_CLAIMS)) {
      const value = parse(item);
      if (refused(value)) this.reject(`${field.label} ${quote(item)}`, value.reason);
      else claims.set(value.text, { value, origin: field.origin });
    }
    if (items.length > MAX_CLAIMS) {
      this.reject(field.label, `${items.length} entries: only the first ${MAX_CLAIMS} are read`);
    }
    return [...claims.values()];
  }

  /** The JSON list in an annotation; undefined when it is missing or refused. */
  #listIn(key: string): readonly unknown[] | undefined {
    const text = this.annotations[key];
    if (text === undefined) return undefined;
    if (typeof text === "string" && text.length > MAX_ANNOTATION_CHARACTERS) {
      this.reject(key, `${text.length} characters: at most ${MAX_ANNOTATION_CHARACTERS} are read`);
      return undefined;
    }
    const list = parseJson(text);
    if (Array.isArray(list)) return list;
    this.reject(key, `${quote(text)} is not a JSON list`);
    return undefined;
  }

  reject(claim: string, reason: string): void {
    this.rejected.push({ node: this.name, claim, reason });
  }
}

interface Field {
  readonly origin: Origin;
  readonly label: string;
}

const SPEC: Field = { origin: "spec", label: "spec.podCIDRs" };
const STATUS: Field = { origin: "status", label: "status.addresses" };

const NODE_IPS: Field = annotated(ANNOTATION.nodeIps);

function annotated(label: string): Field {
  return { origin: "annotation", label };
}

function parseJson(text: unknown): unknown {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
