// Of an event of a watch no more than what tells whether it changes anything: most are heartbeats of kubelets, and to make
// values of a Node only to find that they are the same costs three times as much. The numbers are those of protobuf_objects.ts.

import { Fingerprint, type Seed } from "./fingerprint.ts";
import { Malformed, Message } from "./protobuf.ts";
import { openEnvelope } from "./protobuf_objects.ts";

/** A Node of which something has changed. */
export interface Skimmed {
  readonly name: string;
  readonly version: string;
  /** Equal for a Node as it was before: then nothing has changed that is read of it. */
  readonly mark: number;
}

const METADATA = 1;
/** Whatever protobuf_objects.ts reads of metadata, spec and status, but for the version: then nobody who picks sees less. */
const READ: ReadonlyMap<number, readonly number[]> = new Map([
  [METADATA, [1, 8, 11, 12]],
  [2, [1, 7]],
  [3, [5, 7]],
]);

/** The Node in these bytes, an event of the type MODIFIED in protocol buffers; undefined: they are anything else. */
export function skimEvent(bytes: Uint8Array, seed: Seed): Skimmed | undefined {
  try {
    const node = modifiedNode(new Message(bytes));
    return node && skimNode(node, new Fingerprint(seed));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function modifiedNode(event: Message): Message | undefined {
  let isModified = false;
  let node: Message | undefined;
  while (event.next()) {
    if (event.field === 1) isModified = event.is("MODIFIED");
    else if (event.field === 2) {
      const extension = event.message();
      while (extension.next()) if (extension.field === 1) node = nodeIn(extension.message());
    }
  }
  return isModified ? node : undefined;
}

function nodeIn(envelope: Message): Message | undefined {
  const { kind, object } = openEnvelope(envelope);
  return kind === "Node" ? object : undefined;
}

function skimNode(node: Message, fingerprint: Fingerprint): Skimmed | undefined {
  let name = "";
  let version = "";
  while (node.next()) {
    const read = READ.get(node.field);
    if (read === undefined) continue;
    if (node.field === METADATA) name = version = "";
    fingerprint.begin(node.field, 0);
    const part = node.message();
    while (part.next()) {
      if (read.includes(part.field)) part.addTo(fingerprint);
      if (node.field !== METADATA) continue;
      if (part.field === 1) name = part.text();
      else if (part.field === 6) version = part.text();
    }
  }
  return name === "" || version === "" ? undefined : { name, version, mark: fingerprint.value };
}
