// Behind the second that settledFrom() tells, the passing of time alone is no reason to change a peer. A failure prints its
// seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ObservedPeer } from "../../src/core/observed/observed_state.ts";
import { endpointFor, keepaliveFor, settledFrom } from "../../src/core/plan/choose_endpoint.ts";
import { desireOf, keyOf, ordinaryNode } from "../cluster.ts";
import { hostOf } from "../host_state.ts";

const DESIRED = desireOf([1, 2].map(ordinaryNode));
const PEER = DESIRED.peers[0]!;
const HAS = hostOf(DESIRED).wireguard!.peers.get(keyOf(2))!;
const NOW = 100_000;

const second = fc.integer({ min: -400, max: 0 }).map((ago) => NOW + ago);
const place = fc.constantFrom(...PEER.candidates, "198.51.100.9:4500", undefined);
const observed: fc.Arbitrary<ObservedPeer> = fc.record({
  endpoint: place,
  handshakeSeconds: fc.constantFrom(0, 1),
  aliveSeconds: fc.oneof(second, fc.constant(-Infinity)),
  foundSeconds: second,
  keepaliveSeconds: fc.constantFrom(0, 25),
  isRoamed: fc.boolean(),
  isProven: fc.boolean(),
  silence: fc.option(fc.record({ sinceSeconds: second, lastSeconds: second }), { nil: undefined }),
  choice: fc.option(
    fc.record({
      preferred: fc.constantFrom(...PEER.candidates),
      sinceSeconds: second,
      isAnswered: fc.boolean(),
    }),
    { nil: undefined },
  ),
}).map((some) => ({ ...HAS, ...some }));
const peer = fc.record({ excluded: fc.subarray([...PEER.candidates]), isUnresolved: fc.boolean() }).map(
  ({ excluded, isUnresolved }) => ({ ...PEER, excluded, ...(isUnresolved ? { isUnresolved: true } : {}) }),
);

Deno.test("time alone changes nothing of a peer that is settled", () => {
  const later = fc.double({ min: 0.001, max: 500, noNaN: true });
  fc.assert(
    fc.property(peer, observed, fc.tuple(later, later), (peer, has, [first, second]) => {
      const from = Math.max(settledFrom(has), NOW);
      const [a, b] = [first, first + second].map((seconds) => {
        const endpoint = endpointFor(peer as typeof PEER, has, from + seconds);
        return { endpoint, keepalive: keepaliveFor(peer as typeof PEER, has, { own: undefined, endpoint }) };
      });
      assert.deepEqual(b, a);
    }),
    { numRuns: 5_000 },
  );
});
