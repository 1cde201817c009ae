// Untrusted JSON of a declared object -> the object, or why it is refused as a whole. Never throws.

import { fieldsOf } from "../kubernetes/fields.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { parseTimestamp } from "../nodes/parse_node.ts";
import { parseObjectName } from "../policy/object_reader.ts";
import type { DeclaredId, DeclaredObject, ParsedDeclared } from "./declared_object.ts";
import { API_VERSION } from "./kinds/kind.ts";
import { type KindName, KINDS } from "./kinds/kinds.ts";
import { COUNT, STATUS } from "./kinds/status.ts";
import { Misfit } from "./schema/schema.ts";

/**
 * Reads an object of one of our kinds.
 * @param json any JSON value
 * @param origin where it came from (a path), named when the object has no name of its own
 */
export function parseDeclared(kind: KindName, json: unknown, origin: string): ParsedDeclared {
  const { apiVersion = API_VERSION, metadata, spec, status } = fieldsOf(json);
  const { name: text, creationTimestamp, generation: count } = fieldsOf(metadata);
  const name = parseObjectName(text);
  if (refused(name)) return rejected({ kind, name: origin }, name);
  if (apiVersion !== API_VERSION) {
    return rejected(
      { kind, name },
      new Refusal(`${quote(apiVersion)} is another API: this agent reads ${API_VERSION}`),
    );
  }
  const value = KINDS.find((it) => it.name === kind)!.spec!.parse(spec);
  if (value instanceof Misfit) return rejected({ kind, name }, value.within("spec"));
  const generation = COUNT.parse(count);
  const stated = STATUS.parse(status);
  const object = {
    kind,
    name,
    createdMs: parseTimestamp(creationTimestamp),
    generation: refused(generation) ? undefined : generation,
    // What somebody else has written there is no reason to refuse what is asked for: it is written anew.
    stated: refused(stated) ? undefined : stated,
    spec: value,
  };
  return { object: object as DeclaredObject, rejected: undefined };
}

/** Of an object of the API what {@link parseDeclared} reads of it. */
export function pickDeclared(json: unknown): unknown {
  const { metadata, spec, status } = fieldsOf(json);
  const { name, creationTimestamp, generation } = fieldsOf(metadata);
  const { observedGeneration, conditions } = fieldsOf(status);
  return {
    metadata: { name, creationTimestamp, generation },
    spec,
    status: { observedGeneration, conditions },
  };
}

function rejected(id: DeclaredId, { reason }: Refusal): ParsedDeclared {
  return { object: undefined, rejected: { ...id, claim: id.kind, reason } };
}
