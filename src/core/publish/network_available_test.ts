import assert from "node:assert/strict";
import { desireOf, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import type { RawSettings } from "../settings/parse_settings.ts";
import { availablePatch, isNetworkOurs } from "./network_available.ts";

const NOW = Date.UTC(2026, 10, 22, 16, 0, 0, 123);

function listOf(...conditions: unknown[]): unknown {
  return { items: [{ metadata: { name: "n1", resourceVersion: "7" }, status: { conditions } }] };
}

Deno.test("A condition that is true is taken back, by type alone and for this version of the Node", () => {
  const list = listOf({ type: "Ready", status: "True" }, {
    type: "NetworkUnavailable",
    status: "True",
    reason: "NoRouteCreated",
  });
  assert.deepEqual(availablePatch(list, NOW), {
    metadata: { resourceVersion: "7" },
    status: {
      conditions: [{
        type: "NetworkUnavailable",
        status: "False",
        reason: "WigglenetIsUp",
        message: "Routes and CNI configuration of this node stand",
        lastTransitionTime: "2026-11-22T16:00:00Z",
        lastHeartbeatTime: "2026-11-22T16:00:00Z",
      }],
    },
  });
});

const NOTHING_TO_SAY: Readonly<Record<string, unknown>> = {
  "is not there": listOf({ type: "Ready", status: "True" }),
  "is false": listOf({ type: "NetworkUnavailable", status: "False" }),
  "is unknown": listOf({ type: "NetworkUnavailable", status: "Unknown" }),
  "is not one": listOf(null, "NetworkUnavailable", [], { type: "NetworkUnavailable" }),
  "is of no Node": { items: [] },
  "is in no list": "<html>",
};

for (const [what, list] of Object.entries(NOTHING_TO_SAY)) {
  Deno.test(`Nothing is written where the condition ${what}`, () => {
    assert.equal(availablePatch(list, NOW), undefined);
  });
}

const MODES: readonly (readonly [RawSettings, boolean])[] = [
  [{}, true],
  [{ NATIVE_ROUTING_IPV6: "true" }, false],
  [{ NATIVE_ROUTING_IPV6: "true", POD_CIDR_SOURCE_IPV6: "none" }, true],
  [{ NATIVE_ROUTING_IPV4: "true", NATIVE_ROUTING_IPV6: "true" }, false],
  [{ FIREWALL_ONLY: "true" }, false],
  [{ POD_CIDR_SOURCE_IPV4: "none", POD_CIDR_SOURCE_IPV6: "none" }, false],
];

Deno.test("Only who makes the way to all of its pods says that it stands", () => {
  for (const [environment, isOurs] of MODES) {
    const desired = desireOf([1, 2].map(ordinaryNode), environment);
    assert.equal(isNetworkOurs(settingsOf(environment), desired), isOurs, JSON.stringify(environment));
  }
});
