// What all objects of the Kubernetes API have in common, from protocol buffers. The numbers are those of generated.proto of
// k8s.io/apimachinery/pkg/apis/meta/v1.

import type { Message } from "./protobuf.ts";

/** An object as JSON has it. */
export type Fields = Record<string, unknown>;

/** 9999-12-31, the last one that RFC 3339 has. */
const LAST_SECOND = 253_402_300_799;

/** ListMeta. */
export function readListMetadata(metadata: Message): Fields {
  const fields: Fields = {};
  while (metadata.next()) {
    if (metadata.field === 2) fields.resourceVersion = metadata.text();
    else if (metadata.field === 3) fields.continue = metadata.text();
  }
  return fields;
}

/** ObjectMeta. Texts that are empty are not there, as JSON has it: protocol buffers do not tell one from the other. */
export function readMetadata(metadata: Message, areLabelsLazy = false): Fields {
  const fields: Fields = {};
  const labels: Message[] = [];
  const annotations: Entry[] = [];
  while (metadata.next()) {
    switch (metadata.field) {
      case 1:
        fields.name = metadata.text() || undefined;
        break;
      case 3:
        fields.namespace = metadata.text() || undefined;
        break;
      case 5:
        fields.uid = metadata.text() || undefined;
        break;
      case 6:
        fields.resourceVersion = metadata.text();
        break;
      case 8:
        fields.creationTimestamp = readTime(metadata.message());
        break;
      case 9:
        fields.deletionTimestamp = readTime(metadata.message());
        break;
      case 11:
        labels.push(metadata.message());
        break;
      case 12:
        annotations.push(readEntry(metadata.message()));
        break;
    }
  }
  if (annotations.length > 0) fields.annotations = Object.fromEntries(annotations);
  if (labels.length === 0) return fields;
  if (!areLabelsLazy) {
    fields.labels = Object.fromEntries(labels.map(readEntry));
    return fields;
  }
  // Thirty of each Node that the cloud wrote, and nobody asks for more than those of one.
  let read: Fields | undefined;
  return Object.defineProperty(fields, "labels", {
    get: () => read ??= Object.fromEntries(labels.map(readEntry)),
    enumerable: true,
  });
}

/** Of a map of texts. */
export type Entry = readonly [key: string, value: string];

/** An entry of a map of texts. */
export function readEntry(entry: Message): Entry {
  let key = "";
  let value = "";
  while (entry.next()) {
    if (entry.field === 1) key = entry.text();
    else if (entry.field === 2) value = entry.text();
  }
  return [key, value];
}

/** A time as the API server prints it in JSON: whole seconds, UTC. */
export function readTime(time: Message): string | undefined {
  let seconds: number | undefined;
  while (time.next()) if (time.field === 1) seconds = time.number();
  if (seconds === undefined || seconds > LAST_SECOND) return undefined;
  return `${new Date(seconds * 1000).toISOString().slice(0, -".000Z".length)}Z`;
}
