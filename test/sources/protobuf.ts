// Writes protocol buffers as the Kubernetes API does: the envelope, the frames of a watch, and objects with fields that
// the agent does not read.

import { networkPolicyMessage, podMessage } from "./protobuf_policy.ts";

type Json = Record<string, unknown>;

const encoder = new TextEncoder();
const MAGIC = new Uint8Array([0x6b, 0x38, 0x73, 0]);

/** One field of a message. */
export type Field = readonly [number: number, value: string | number | bigint | Uint8Array];

/** A message of fields in this order. */
export function message(...fields: readonly Field[]): Uint8Array {
  return join(...fields.flatMap(([number, value]) => {
    if (typeof value === "number" || typeof value === "bigint") return [varint(number * 8), varint(value)];
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    return [varint(number * 8 + 2), varint(bytes.length), bytes];
  }));
}

/** A Node, a NodeList or a Status of JSON, as the API writes it. */
export function encodeObject(json: Json): Uint8Array {
  const kind = json.kind as string;
  const item = ITEMS[kind.replace(/List$/, "")];
  const raw = kind === "Status"
    ? statusMessage(json)
    : item === undefined
    ? new Uint8Array()
    : kind.endsWith("List")
    ? listMessage(json, item)
    : item(json);
  return join(MAGIC, message([1, message([1, "v1"], [2, kind])], [2, raw], [3, ""], [4, ""]));
}

/** An event of a watch in its frame. */
export function encodeEvent({ type, object }: { type: string; object: Json }): Uint8Array {
  return frame(message([1, type], [2, message([1, encodeObject({ kind: "Node", ...object })])]));
}

/** A frame with this in it. */
export function frame(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, bytes.length);
  return join(head, bytes);
}

function statusMessage({ message: text = "", code = 0 }: Json): Uint8Array {
  return message([1, message()], [2, "Failure"], [3, text as string], [6, code as number]);
}

/** Whoever writes an object. */
type Write = (json: Json) => Uint8Array;

const ITEMS: Readonly<Record<string, Write>> = {
  Node: nodeMessage,
  Pod: podMessage,
  Namespace: ({ metadata = {} }) =>
    message([1, metadataMessage(metadata as Json)], [2, message([1, "kubernetes"])]),
  NetworkPolicy: networkPolicyMessage,
};

function listMessage({ metadata = {}, items = [] }: Json, write: Write): Uint8Array {
  const { resourceVersion = "", continue: next = "" } = metadata as Json;
  const head = message([1, ""], [2, resourceVersion as string], [3, next as string], [4, 7]);
  return message([1, head], ...(items as Json[]).map((item): Field => [2, write(item)]));
}

function nodeMessage({ metadata = {}, spec = {}, status = {} }: Json): Uint8Array {
  return message(
    [1, metadataMessage(metadata as Json)],
    [2, specMessage(spec as Json)],
    [3, statusOfNode(status as Json)],
  );
}

/** ObjectMeta. */
export function metadataMessage(metadata: Json): Uint8Array {
  const { name = "", namespace = "", uid = "", resourceVersion = "", labels, annotations } = metadata;
  const { creationTimestamp, deletionTimestamp } = metadata;
  return message(
    [1, name as string],
    [2, ""],
    [3, namespace as string],
    [5, uid as string],
    [6, resourceVersion as string],
    [7, 0],
    [8, timeMessage(creationTimestamp)],
    ...deletionTimestamp === undefined ? [] : [[9, timeMessage(deletionTimestamp)] as Field],
    ...entries(11, labels),
    ...entries(12, annotations),
    [17, message([1, "kubelet"], [2, "Update"], [7, message([1, `{"f:metadata":{"f:name":{}}}`])])],
  );
}

/** Also where there is none: then it is empty. */
export function timeMessage(time: unknown): Uint8Array {
  if (time === undefined) return message();
  return message([1, BigInt.asUintN(64, BigInt(Date.parse(time as string)) / 1000n)], [2, 0]);
}

/** A map of texts. */
export function entries(number: number, map: unknown = {}): Field[] {
  const sorted = Object.entries(map as Record<string, string>).sort(([a], [b]) => a < b ? -1 : 1);
  return sorted.map(([key, value]) => [number, message([1, key], [2, value])]);
}

function specMessage({ podCIDR = "", podCIDRs = [], providerID = "" }: Json): Uint8Array {
  const list = (podCIDRs as string[]).map((cidr): Field => [7, cidr]);
  return message([1, podCIDR as string], [2, ""], [3, providerID as string], [4, 1], ...list);
}

/** Whatever is no address stands there as bytes that are no message: nobody may look. */
function statusOfNode({ addresses = [], nodeInfo, ...rest }: Json): Uint8Array {
  const list = (addresses as Json[]).map((address): Field => {
    return [5, message([1, address.type as string], [2, address.address as string])];
  });
  const other = Object.values(rest).map((value): Field => [8, JSON.stringify(value)]);
  const { machineID = "", systemUUID = "" } = (nodeInfo ?? {}) as Json;
  const info = message([1, machineID as string], [2, systemUUID as string], [3, "boot"]);
  return message([3, ""], ...list, ...(nodeInfo === undefined ? [] : [[7, info] as Field]), ...other);
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return new Uint8Array([...bytes, Number(rest)]);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
