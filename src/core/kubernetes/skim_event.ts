// Of an event of a watch no more than what tells whether it changes anything: most are heartbeats of kubelets, and to make
// values of a Node only to find that they are the same costs three times as much. The numbers are those of protobuf_objects.ts.

import { Fingerprint, type Seed } from "./fingerprint.ts";
import { Malformed, Message } from "./protobuf.ts";
import { openEnvelope } from "./protobuf_objects.ts";

/** An object of which something has changed. */
export interface Skimmed {
  /** With its namespace before it where it has one. */
  readonly name: string;
  readonly version: string;
  /** Equal for an object as it was before: then nothing has changed that is read of it. */
  readonly mark: number;
}

const METADATA = 1;
type Parts = Readonly<Record<number, readonly number[] | "all">>;
/** Whatever anybody picks of metadata, spec and status of each kind, but for the version: a mark sees no less. */
const READ: ReadonlyMap<string | undefined, Parts> = new Map<string, Parts>([
  ["Node", { 1: [1, 8, 11, 12], 2: [1, 7], 3: [5, 7] }],
  ["Pod", { 1: [1, 3, 5, 8, 9, 11], 2: [2, 10, 11, 20], 3: [1, 6, 7, 12] }],
  ["Namespace", { 1: [1, 11, 12] }],
  ["NetworkPolicy", { 1: [1, 3, 5, 12], 2: "all" }],
]);

/** The object in these bytes, an event of the type MODIFIED in protocol buffers; undefined: they are anything else. */
export function skimEvent(bytes: Uint8Array, seed: Seed): Skimmed | undefined {
  try {
    const modified = modifiedObject(new Message(bytes));
    return modified && skim(modified, new Fingerprint(seed));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

interface Modified {
  readonly object: Message;
  readonly parts: Parts;
}

function modifiedObject(event: Message): Modified | undefined {
  let isModified = false;
  let modified: Modified | undefined;
  while (event.next()) {
    if (event.field === 1) isModified = event.is("MODIFIED");
    else if (event.field === 2) {
      const extension = event.message();
      while (extension.next()) if (extension.field === 1) modified = objectIn(extension.message());
    }
  }
  return isModified ? modified : undefined;
}

function objectIn(envelope: Message): Modified | undefined {
  const { kind, object } = openEnvelope(envelope);
  const parts = READ.get(kind);
  return object === undefined || parts === undefined ? undefined : { object, parts };
}

function skim({ object, parts }: Modified, fingerprint: Fingerprint): Skimmed | undefined {
  let name = "";
  let namespace = "";
  let version = "";
  while (object.next()) {
    const read = parts[object.field];
    if (read === undefined) continue;
    if (object.field === METADATA) name = namespace = version = "";
    fingerprint.begin(object.field, 0);
    const part = object.message();
    while (part.next()) {
      if (read === "all" || read.includes(part.field)) part.addTo(fingerprint);
      if (object.field !== METADATA) continue;
      if (part.field === 1) name = part.text();
      else if (part.field === 3) namespace = part.text();
      else if (part.field === 6) version = part.text();
    }
  }
  if (name === "" || version === "") return undefined;
  return { name: namespace === "" ? name : `${namespace}/${name}`, version, mark: fingerprint.value };
}
