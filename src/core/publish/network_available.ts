// The condition NetworkUnavailable of this host's own Node: a cloud sets it, and with it a taint that keeps pods away, until somebody
// says that the network stands. It is taken back where it is true, and never made (docs/decisions/0058).

import type { DesiredState } from "../desired/desired_state.ts";
import { type Fields, fieldsOf } from "../kubernetes/fields.ts";
import { familySettings, type Settings } from "../settings/settings.ts";

/** By whom and why it is false: others say FlannelIsUp, CalicoIsUp, CiliumIsUp. */
const REASON = "WigglenetIsUp";
const TYPE = "NetworkUnavailable";

/** True where this agent makes the way to all of this node's pods: what somebody else routes is his to say. */
export function isNetworkOurs(settings: Settings, { cni }: DesiredState): boolean {
  if (cni === undefined) return false;
  return cni.podCidrs.every((prefix) => familySettings(settings, prefix.includes(":") ? 6 : 4).isRouted);
}

/**
 * A strategic merge patch of the Node's status that takes it back; undefined: nobody says that the network is unavailable.
 * It holds for this version of the Node alone, so that what somebody takes away meanwhile is not made.
 * @param list a list of the one Node, as the API answers it
 * @param nowMs since 1970
 */
export function availablePatch(list: unknown, nowMs: number): Fields | undefined {
  const { items } = fieldsOf(list);
  const [node] = arrayOf(items);
  const { metadata, status } = fieldsOf(node);
  const { resourceVersion } = fieldsOf(metadata);
  const isTrue = arrayOf(fieldsOf(status).conditions).map(fieldsOf).some((condition) =>
    condition.type === TYPE && condition.status === "True"
  );
  if (!isTrue || typeof resourceVersion !== "string") return undefined;
  const now = new Date(nowMs).toISOString().replace(/\.\d+/, "");
  const condition = {
    type: TYPE,
    status: "False",
    reason: REASON,
    message: "Routes and CNI configuration of this node stand",
    lastTransitionTime: now,
    lastHeartbeatTime: now,
  };
  return { metadata: { resourceVersion }, status: { conditions: [condition] } };
}

function arrayOf(json: unknown): readonly unknown[] {
  return Array.isArray(json) ? json : [];
}
