import assert from "node:assert/strict";
import { isHolder, leaseJson, leaseMove, parseLease, seeLease, type SeenLease } from "./lease.ts";

function seen(holder: string, sinceMs: number, version = "1"): SeenLease {
  return { lease: { holder, transitions: 3, version }, sinceMs };
}

Deno.test("a Lease that nobody renews for a minute, as this node sees it, is taken", () => {
  assert.equal(leaseMove(seen("n1", 0), "n2", 59_999), "nothing");
  assert.equal(leaseMove(seen("n1", 0), "n2", 60_000), "take");
  assert.equal(leaseMove(seen("", 0), "n2", 0), "take");
});

Deno.test("a renewed Lease is new, one that was looked at twice is as old as the first look", () => {
  const first = seeLease(undefined, seen("n1", 0).lease, 1_000);
  assert.equal(seeLease(first, { ...first.lease }, 50_000).sinceMs, 1_000);
  assert.equal(seeLease(first, { ...first.lease, version: "2" }, 50_000).sinceMs, 50_000);
});

Deno.test("the holder renews every twenty seconds, and knows before the others that it holds it no more", () => {
  assert.equal(leaseMove(seen("n1", 0), "n1", 19_999), "nothing");
  assert.equal(leaseMove(seen("n1", 0), "n1", 20_000), "renew");
  assert.equal(isHolder(seen("n1", 0), "n1", 49_999), true);
  assert.equal(isHolder(seen("n1", 0), "n1", 50_000), false);
  assert.equal(isHolder(seen("n1", 0), "n2", 0), false);
  assert.equal(isHolder(undefined, "n1", 0), false);
});

Deno.test("a Lease is written with the version that was read: of two who take it, one is refused", () => {
  const wish = {
    namespace: "kube-system",
    name: "wigglenet-events",
    own: "n2",
    nowMs: Date.parse("2026-11-21T12:00:00.5Z"),
  };
  assert.deepEqual(leaseJson(wish, undefined), {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "wigglenet-events", namespace: "kube-system" },
    spec: {
      holderIdentity: "n2",
      leaseDurationSeconds: 60,
      acquireTime: "2026-11-21T12:00:00.500000Z",
      renewTime: "2026-11-21T12:00:00.500000Z",
      leaseTransitions: 0,
    },
  });
  const taken = leaseJson(wish, seen("n1", 0, "77").lease) as Record<string, Record<string, unknown>>;
  assert.equal(taken.metadata!.resourceVersion, "77");
  assert.equal(taken.spec!.leaseTransitions, 4);
  const renewed = leaseJson(wish, seen("n2", 0).lease) as Record<string, Record<string, unknown>>;
  assert.equal(renewed.spec!.leaseTransitions, 3);
});

Deno.test("what is no Lease is none, what is empty in one is nobody's", () => {
  for (
    const json of [undefined, null, 1, "x", [], {}, { metadata: {} }, { metadata: { resourceVersion: 1 } }]
  ) {
    assert.equal(parseLease(json), undefined);
  }
  assert.deepEqual(parseLease({ metadata: { resourceVersion: "5" }, spec: { holderIdentity: 7 } }), {
    version: "5",
    holder: "",
    transitions: 0,
  });
});
