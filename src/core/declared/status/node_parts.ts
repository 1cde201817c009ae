// Of other agents' WireGuardNodes what the rest of us needs: their keys, and what they say of plans.

import { fieldsOf } from "../../kubernetes/fields.ts";
import type { PublicKey } from "../../net/keys.ts";
import { refused } from "../../net/refusal.ts";
import { PLAN_PARTS, type PlanPart } from "../kinds/wireguard_node.ts";
import type { PublishedKeys } from "../want/want_interfaces.ts";

/** What a node says of plans. */
export interface NodeParts {
  readonly node: string;
  /** By plan. */
  readonly plans: ReadonlyMap<string, PlanPart>;
}

/** Of a WireGuardNode what {@link parseNodeParts} reads. */
export function pickNodeParts(json: unknown): unknown {
  const { metadata, status } = fieldsOf(json);
  return { name: fieldsOf(metadata).name, plans: fieldsOf(status).plans };
}

/** Reads it. What is not as agents write it says nothing: it is written anew by its own. */
export function parseNodeParts(picked: unknown): NodeParts {
  const { name, plans } = fieldsOf(picked);
  const parts = PLAN_PARTS.parse(plans ?? []);
  return {
    node: String(name),
    plans: new Map(refused(parts) ? [] : (parts as readonly PlanPart[]).map((part) => [part.name, part])),
  };
}

/** All keys that they tell. */
export function publishedKeys(nodes: readonly NodeParts[]): PublishedKeys {
  const keys = new Map<string, Map<string, PublicKey>>();
  for (const { node, plans } of nodes) {
    for (const { name, publicKey } of plans.values()) {
      if (publicKey === undefined) continue;
      const ofPlan = keys.get(name) ?? new Map();
      keys.set(name, ofPlan.set(node, publicKey));
    }
  }
  return keys;
}
