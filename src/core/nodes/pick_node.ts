// Of a Node object what parse_node.ts reads, and nothing else: a Node of 20 KB of images and conditions comes down to
// some 500 bytes, and an event that changes none of it is known before anything is parsed.

import { type Fields, fieldsOf } from "../kubernetes/fields.ts";
import { ANNOTATION, type NodeName } from "./node.ts";

const KEYS = Object.values(ANNOTATION);

/**
 * The same object with only what {@link parseNode} reads: both parse alike. Any JSON value will do.
 * @param described the Node of which all labels and annotations are read
 */
export function pickNode(json: unknown, described?: NodeName): Fields {
  const { metadata, spec, status } = fieldsOf(json);
  const fields = fieldsOf(metadata);
  const { name, creationTimestamp, annotations } = fields;
  const { podCIDR, podCIDRs } = fieldsOf(spec);
  const { addresses } = fieldsOf(status);
  return {
    metadata: described !== undefined && name === described
      ? { name, creationTimestamp, labels: fields.labels, annotations } // made only where they are asked for
      : { name, creationTimestamp, annotations: ours(fieldsOf(annotations)) },
    spec: { podCIDR, podCIDRs },
    status: { addresses },
  };
}

function ours(annotations: Fields): Fields {
  const picked: Record<string, unknown> = {};
  for (const key of KEYS) if (Object.hasOwn(annotations, key)) picked[key] = annotations[key];
  return picked;
}
