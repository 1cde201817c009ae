// Untrusted Namespace JSON -> Namespace and what was refused of it. Never throws.

import { fieldsOf } from "../kubernetes/fields.ts";
import { quote, refused } from "../net/refusal.ts";
import { ObjectReader, parseLabels, readerOf } from "./object_reader.ts";
import type { Namespace, Parsed } from "./objects.ts";
import type { Labels } from "./selector.ts";

const NAME_LABEL = "kubernetes.io/metadata.name";

/**
 * Reads a core/v1 Namespace. Labels that cannot be read make it one that no selector means.
 * @param json any JSON value
 * @param origin where it came from (a path), named when the object has no name of its own
 */
export function parseNamespace(json: unknown, origin: string): Parsed<Namespace> {
  const reader = readerOf("Namespace", json, origin);
  if (!(reader instanceof ObjectReader)) return reader;
  const metadata = fieldsOf(fieldsOf(json).metadata);
  return reader.parsed({
    name: reader.id.name,
    labels: readLabels(reader, metadata.labels),
    isAudit: reader.isAudit(metadata),
  });
}

function readLabels(reader: ObjectReader, json: unknown): Labels | undefined {
  const labels = parseLabels(json);
  if (refused(labels)) {
    reader.reject("metadata.labels", `${labels.reason}: no selector means this namespace`);
    return undefined;
  }
  const { name } = reader.id;
  const stated = labels.get(NAME_LABEL);
  if (stated !== undefined && stated !== name) {
    // The API server sets it: whoever wrote another name into a file would pass for that namespace.
    reader.reject(`metadata.labels.${NAME_LABEL} ${quote(stated)}`, `it is the name: ${name}`);
  }
  return new Map([...labels, [NAME_LABEL, name]]);
}
