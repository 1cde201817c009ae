// What happens to a world of policy_worlds.ts, told to a model.

import assert from "node:assert/strict";
import { parsePrefix, type Prefix } from "../../src/core/net/prefix.ts";
import { parseNamespace } from "../../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import type { Parsed } from "../../src/core/policy/objects.ts";
import type { PolicyModel } from "../../src/core/policy/policy_model.ts";
import type { Happening, NodeWords, RawNamed } from "./policy_worlds.ts";

function whole<T>({ value, rejected }: Parsed<T>): T {
  assert.deepEqual(rejected, []);
  return value!;
}

/** An object comes, or is another. */
export function put(model: PolicyModel, kind: Happening["kind"], object: RawNamed): void {
  if (kind === "pods") model.putPod(whole(parsePod(object, "test")));
  else if (kind === "nodes") model.putNode(object.metadata.name, cidrsOf(object as NodeWords));
  else if (kind === "namespaces") model.putNamespace(whole(parseNamespace(object, "test")));
  else model.putPolicy(whole(parseNetworkPolicy(object, "test")));
}

function cidrsOf({ podCidrs }: NodeWords): Prefix[] {
  return podCidrs.map((text) => parsePrefix(text) as Prefix);
}

/** The same, or it goes. */
export function happen(model: PolicyModel, happening: Happening): void {
  if ("put" in happening) return put(model, happening.kind, happening.put);
  const { namespace = "", name } = happening.remove.metadata;
  if (happening.kind === "pods") model.removePod(namespace, name);
  else if (happening.kind === "nodes") model.removeNode(name);
  else if (happening.kind === "namespaces") model.removeNamespace(name);
  else model.removePolicy(namespace, name);
}
