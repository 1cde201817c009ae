// Objects of the Kubernetes API from protocol buffers, in the shape that they have in JSON, and of each only what the
// agent reads: images, conditions and managedFields are passed over. The numbers are those of the generated.proto files of
// k8s.io/api/core/v1 and k8s.io/apimachinery/pkg/runtime; an API never gives one away anew.

import { Malformed, Message } from "./protobuf.ts";
import { type Fields, readListMetadata, readMetadata } from "./protobuf_metadata.ts";
import { readNetworkPolicy } from "./protobuf_network_policy.ts";
import { readNamespace, readPod } from "./protobuf_pod.ts";

/** Before each object: "k8s" and the version of the envelope. */
const MAGIC = [0x6b, 0x38, 0x73, 0];

/** The object, list or Status in these bytes; undefined: it is none. */
export function decodeObject(bytes: Uint8Array): unknown {
  return decoded(() => readEnvelope(new Message(bytes)));
}

/** The event of a watch in these bytes, `{ type, object }`; undefined: it is none. */
export function decodeEvent(bytes: Uint8Array): unknown {
  return decoded(() => readEvent(new Message(bytes)));
}

/**
 * What the page behind this one of a list is asked for with: it stands before the objects, and is known long before they have
 * come. Undefined: there is none, or it has not come yet.
 */
export function continueIn(beginning: Uint8Array): string | undefined {
  const metadata = decoded(() => {
    const envelope = new Message(beginning);
    const list = envelope.pass(MAGIC) ? envelope.begun(2) : undefined;
    return list?.next() && list.field === 1 ? readListMetadata(list.message()) : undefined;
  });
  return (metadata as Fields | undefined)?.continue as string | undefined || undefined;
}

function decoded(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** meta/v1 WatchEvent, and the runtime.RawExtension in it. */
function readEvent(event: Message): Fields {
  let type: string | undefined;
  let object: unknown;
  while (event.next()) {
    if (event.field === 1) type = event.text();
    else if (event.field === 2) {
      const extension = event.message();
      while (extension.next()) if (extension.field === 1) object = readEnvelope(extension.message());
    }
  }
  return { type, object };
}

function readEnvelope(envelope: Message): unknown {
  const { kind, object } = openEnvelope(envelope);
  const read = READERS.get(kind);
  return read === undefined || object === undefined ? { kind } : { kind, ...read(object) };
}

/** runtime.Unknown: an object that is not read yet. */
export interface Envelope {
  readonly kind: string | undefined;
  readonly object: Message | undefined;
}

/** What is in an envelope. Throws Malformed where it is none. */
export function openEnvelope(envelope: Message): Envelope {
  if (!envelope.pass(MAGIC)) throw new Malformed("this is no object of Kubernetes");
  let kind: string | undefined;
  let object: Message | undefined;
  while (envelope.next()) {
    if (envelope.field === 1) kind = readKind(envelope.message());
    else if (envelope.field === 2) object = envelope.message();
  }
  return { kind, object };
}

/** runtime.TypeMeta. */
function readKind(type: Message): string | undefined {
  let kind: string | undefined;
  while (type.next()) if (type.field === 2) kind = type.text();
  return kind;
}

const OBJECTS = { Node: readNode, Pod: readPod, Namespace: readNamespace, NetworkPolicy: readNetworkPolicy };
const READERS: ReadonlyMap<string | undefined, (object: Message) => Fields> = new Map([
  ...Object.entries(OBJECTS),
  ...Object.entries(OBJECTS).map(([kind, read]) => [`${kind}List`, listReader(read)] as const),
  ["Status", readStatus],
]);

function readStatus(status: Message): Fields {
  const fields: Fields = {};
  while (status.next()) {
    if (status.field === 3) fields.message = status.text();
    else if (status.field === 6) fields.code = status.number();
  }
  return fields;
}

/** Every list has its metadata first and its items second. */
function listReader(readItem: (item: Message) => Fields): (list: Message) => Fields {
  return (list) => {
    const items: Fields[] = [];
    let metadata: Fields = {};
    while (list.next()) {
      if (list.field === 1) metadata = readListMetadata(list.message());
      else if (list.field === 2) items.push(readItem(list.message()));
    }
    return { metadata, items };
  };
}

function readNode(node: Message): Fields {
  const fields: Fields = {};
  while (node.next()) {
    if (node.field === 1) fields.metadata = readMetadata(node.message(), true);
    else if (node.field === 2) fields.spec = readSpec(node.message());
    else if (node.field === 3) fields.status = readNodeStatus(node.message());
  }
  return fields;
}

function readSpec(spec: Message): Fields {
  const fields: Fields = {};
  const podCIDRs: string[] = [];
  while (spec.next()) {
    if (spec.field === 1) fields.podCIDR = spec.text() || undefined;
    else if (spec.field === 7) podCIDRs.push(spec.text());
  }
  if (podCIDRs.length > 0) fields.podCIDRs = podCIDRs;
  return fields;
}

function readNodeStatus(status: Message): Fields {
  const addresses: Fields[] = [];
  let info: Message | undefined;
  while (status.next()) {
    if (status.field === 5) addresses.push(readAddress(status.message()));
    else if (status.field === 7) info = status.message();
  }
  const fields = addresses.length === 0 ? {} : { addresses };
  if (info === undefined) return fields;
  // Read where a host looks for its own Node, and by nobody else.
  let read: unknown;
  const get = () => read ??= decoded(() => readInfo(info));
  return Object.defineProperty(fields, "nodeInfo", { get, enumerable: true });
}

/** NodeSystemInfo. */
function readInfo(info: Message): Fields {
  const fields: Fields = {};
  while (info.next()) {
    if (info.field === 1) fields.machineID = info.text() || undefined;
    else if (info.field === 2) fields.systemUUID = info.text() || undefined;
  }
  return fields;
}

function readAddress(address: Message): Fields {
  const fields: Fields = { type: "", address: "" };
  while (address.next()) {
    if (address.field === 1) fields.type = address.text();
    else if (address.field === 2) fields.address = address.text();
  }
  return fields;
}
