// Untrusted JSON of a declared object -> the object, or why it is refused as a whole. Never throws.

import { fieldsOf } from "../kubernetes/fields.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { parseTimestamp } from "../nodes/parse_node.ts";
import { parseNamespaceName, parseObjectName } from "../policy/object_reader.ts";
import type { DeclaredId, DeclaredObject, ParsedDeclared } from "./declared_object.ts";
import { API_VERSION } from "./kinds/kind.ts";
import { type KindName, KINDS } from "./kinds/kinds.ts";
import { netlinkInPod, type PodNetlinkSpec } from "./kinds/pod_netlink_interface.ts";
import { type PodWireguardSpec, wireguardInPod } from "./kinds/pod_wireguard_interface.ts";
import { COUNT, KEYED_STATUS } from "./kinds/status.ts";
import { Misfit } from "./schema/schema.ts";

/**
 * Reads an object of one of our kinds.
 * @param json any JSON value
 * @param origin where it came from (a path), named when the object has no name of its own
 */
export function parseDeclared(kind: KindName, json: unknown, origin: string): ParsedDeclared {
  const { apiVersion = API_VERSION, metadata, spec, status } = fieldsOf(json);
  const { name: text, namespace: space, uid, creationTimestamp, generation: count, deletionTimestamp } =
    fieldsOf(metadata);
  const { isNamespaced, spec: schema } = KINDS.find((it) => it.name === kind)!;
  // A finalizer may keep it for ever: whose owner has written it there asks for nothing by it any more.
  if (typeof deletionTimestamp === "string") return { object: undefined, rejected: undefined };
  const own = parseObjectName(text);
  if (refused(own)) return rejected({ kind, name: origin }, own);
  const namespace = isNamespaced ? parseNamespaceName(space) : undefined;
  if (refused(namespace)) return rejected({ kind, name: origin }, namespace);
  const name = namespace === undefined ? own : `${namespace}/${own}`;
  if (apiVersion !== API_VERSION) {
    return rejected(
      { kind, name },
      new Refusal(`${quote(apiVersion)} is another API: this agent reads ${API_VERSION}`),
    );
  }
  const value = schema!.parse(spec);
  if (value instanceof Misfit) return rejected({ kind, name }, value.within("spec"));
  const generation = COUNT.parse(count);
  const stated = KEYED_STATUS.parse(status);
  const object = {
    kind,
    name,
    // It becomes part of a file's name.
    uid: typeof uid === "string" && /^[0-9a-f-]{36}$/.test(uid) ? uid : undefined,
    createdMs: parseTimestamp(creationTimestamp),
    generation: refused(generation) ? undefined : generation,
    // What somebody else has written there is no reason to refuse what is asked for: it is written anew.
    stated: refused(stated) ? undefined : stated,
    ...(namespace === undefined ? { spec: value } : { namespace, spec: inPod(kind, value, namespace) }),
  };
  return { object: object as DeclaredObject, rejected: undefined };
}

/** Of a kind with namespaces what its objects come to. */
function inPod(kind: KindName, spec: unknown, namespace: string): unknown {
  return kind === "PodWireGuardInterface"
    ? wireguardInPod(spec as PodWireguardSpec, namespace)
    : netlinkInPod(spec as PodNetlinkSpec, namespace);
}

/** Of an object of the API what {@link parseDeclared} reads of it. */
export function pickDeclared(json: unknown): unknown {
  const { metadata, spec, status } = fieldsOf(json);
  const { name, namespace, uid, creationTimestamp, generation, deletionTimestamp } = fieldsOf(metadata);
  const { observedGeneration, conditions, publicKey } = fieldsOf(status);
  return {
    metadata: { name, namespace, uid, creationTimestamp, generation, deletionTimestamp },
    spec,
    status: { observedGeneration, conditions, publicKey },
  };
}

function rejected(id: DeclaredId, { reason }: Refusal): ParsedDeclared {
  return { object: undefined, rejected: { ...id, claim: id.kind, reason } };
}
