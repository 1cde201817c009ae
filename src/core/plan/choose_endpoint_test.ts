import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { Choice, ObservedPeer } from "../observed/observed_state.ts";
import { endpointFor, keepaliveFor } from "./choose_endpoint.ts";

// What happens over time is in test/laws/failover_test.ts.

const DESIRED = desireOf([1, 2].map(ordinaryNode));
const [PEER] = DESIRED.peers;
const [FIRST, SECOND] = PEER!.candidates as [string, string];
const THERE = "198.51.100.9:4500";
const HAS = hostOf(DESIRED).wireguard!.peers.get(keyOf(2))!;
const NOW = 100_000;

const chosen = (sinceSeconds: number, isAnswered = false): Choice => ({
  preferred: FIRST,
  sinceSeconds,
  isAnswered,
});
const silent = (since: number, last = NOW) => ({ sinceSeconds: since, lastSeconds: last });

const choices: readonly [what: string, peer: Partial<ObservedPeer>, endpoint: string][] = [
  ["without an endpoint goes to the first candidate", { endpoint: undefined }, FIRST],
  ["found at another candidate without a handshake goes to the first", { endpoint: SECOND }, FIRST],
  [
    "found at another candidate with an old handshake stays",
    { endpoint: SECOND, handshakeSeconds: 1, aliveSeconds: 1 },
    SECOND,
  ],
  ["on trial stays while it is tried", {
    endpoint: SECOND,
    choice: chosen(NOW - 25),
    silence: silent(NOW - 3),
  }, SECOND],
  ["on trial stays for a while when nothing is sent", { endpoint: SECOND, choice: chosen(NOW - 20) }, SECOND],
  ["on trial goes back when nothing is sent any more", { endpoint: SECOND, choice: chosen(NOW - 21) }, FIRST],
  ["that has answered once stays when nothing is sent", {
    endpoint: SECOND,
    choice: chosen(1, true),
    handshakeSeconds: 1,
    aliveSeconds: 1,
  }, SECOND],
  ["that does not answer goes on", { silence: silent(NOW - 8) }, SECOND],
  ["that does not answer at the last candidate goes on to the first", {
    endpoint: SECOND,
    choice: chosen(NOW - 9),
    silence: silent(NOW - 8),
  }, FIRST],
  [
    "whose session lives stays, answer or not",
    { handshakeSeconds: NOW - 179, aliveSeconds: NOW - 179, silence: silent(NOW - 60) },
    FIRST,
  ],
  ["whose session lives goes on from a place that never answered", {
    handshakeSeconds: NOW - 179,
    aliveSeconds: NOW - 179,
    choice: chosen(NOW - 60),
    silence: silent(NOW - 15),
  }, SECOND],
  ["whose session lives has longer to answer", {
    handshakeSeconds: NOW - 179,
    aliveSeconds: NOW - 179,
    choice: chosen(NOW - 60),
    silence: silent(NOW - 14),
  }, FIRST],
  ["elsewhere without a handshake comes back", { endpoint: THERE, isRoamed: true }, FIRST],
  ["put elsewhere, where it was seen before, stays while it is tried", {
    endpoint: THERE,
    choice: chosen(NOW - 20),
    silence: silent(NOW - 7),
  }, THERE],
  ["put elsewhere that does not answer there goes to the first", {
    endpoint: THERE,
    choice: chosen(NOW - 20),
    silence: silent(NOW - 8),
  }, FIRST],
  [
    "elsewhere that is idle stays",
    { endpoint: THERE, isRoamed: true, handshakeSeconds: 1, aliveSeconds: 1 },
    THERE,
  ],
];

for (const [what, difference, endpoint] of choices) {
  Deno.test(`A peer ${what}`, () => {
    assert.equal(endpointFor(PEER!, { ...HAS, ...difference }, NOW), endpoint);
  });
}

Deno.test("A peer without candidates stays wherever it is", () => {
  const nowhere = { ...PEER!, candidates: [] };
  assert.equal(endpointFor(nowhere, { ...HAS, endpoint: THERE, silence: silent(1) }, NOW), THERE);
  assert.equal(endpointFor(nowhere, { ...HAS, endpoint: undefined }, NOW), undefined);
});

Deno.test("A peer that was found in a family that is excluded now goes to the first candidate; not for ever", () => {
  const peer = { ...PEER!, excluded: [THERE] };
  const has = { ...HAS, endpoint: THERE, isRoamed: true, handshakeSeconds: NOW, aliveSeconds: NOW };
  const found = (foundSeconds: number) => ({ ...has, foundSeconds });
  assert.equal(endpointFor(peer, found(NOW - 29), NOW), FIRST);
  assert.equal(endpointFor(peer, found(NOW - 30), NOW), THERE);
  assert.equal(endpointFor(peer, has, NOW), THERE);
  assert.equal(endpointFor({ ...peer, candidates: [] }, found(NOW), NOW), THERE);
});

Deno.test("While a name is not resolved, nobody knows whether its peer is elsewhere: the keepalive stays as it is", () => {
  const has = {
    ...HAS,
    endpoint: THERE,
    isRoamed: true,
    isProven: true,
    handshakeSeconds: NOW,
    aliveSeconds: NOW,
  };
  const keepalive = (rest: Partial<ObservedPeer>) =>
    keepaliveFor({ ...PEER!, isUnresolved: true }, { ...has, ...rest }, { own: undefined, endpoint: THERE });
  assert.deepEqual([keepalive({}), keepalive({ keepaliveSeconds: 25 }), keepalive({ keepaliveSeconds: 5 })], [
    0,
    25,
    0,
  ]);
  assert.equal(keepaliveFor(PEER!, has, { own: undefined, endpoint: THERE }), 25);
});
