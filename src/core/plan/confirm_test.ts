import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST, hostOf } from "../../../test/host_state.ts";
import type { Peer } from "../desired/desired_state.ts";
import type { Choice, ObservedState, Silence } from "../observed/observed_state.ts";
import { confirm } from "./confirm.ts";
import { diff } from "./diff.ts";
import type { Confirmation, ConfirmedPeer } from "./plan.ts";

const TWO = desireOf([1, 2].map(ordinaryNode));
const THREE = desireOf([1, 2, 3].map(ordinaryNode));
const HOST = hostOf(TWO);
const N2 = HOST.wireguard!.peers.get(keyOf(2))!;

const confirmed = (confirmation: Confirmation, host = HOST) => confirm(host, [confirmation]);

const setting = ({ publicKey, allowedIps }: Peer, rest: Partial<ConfirmedPeer> = {}): ConfirmedPeer => ({
  ...{ publicKey, allowedIps, keepaliveSeconds: 0 },
  ...rest,
});

Deno.test("Members, routes and peers that a step adds and deletes are there and gone", () => {
  const elements = [{ name: "pod-cidrs-v4", added: ["10.7.0.0/24"], deleted: ["10.244.2.0/24"] }];
  assert.deepEqual(
    [...confirmed({ elements }).table!.sets.get("pod-cidrs-v4")!],
    ["10.244.1.0/24", "10.7.0.0/24"],
  );
  const next = confirmed({ routes: { family: 6, added: ["a"], deleted: [...HOST.routes[6]] } });
  assert.deepEqual([next.routes[6], next.routes[4]], [new Set(["a"]), HOST.routes[4]]);
  assert.deepEqual(confirmed({ peers: { set: [], removed: [keyOf(2)] } }).wireguard!.peers, new Map());
});

Deno.test("A text that is deleted and added is there", () => {
  const elements = [{ name: "pod-cidrs-v4", added: ["10.244.2.0/24"], deleted: ["10.244.2.0/24"] }];
  assert.ok(confirmed({ elements }).table!.sets.get("pod-cidrs-v4")!.has("10.244.2.0/24"));
});

Deno.test("The state that was read stays as it was", () => {
  const before = structuredClone(HOST);
  confirmed({
    elements: [{ name: "pod-cidrs-v4", added: ["10.7.0.0/24"], deleted: [] }],
    routes: { family: 4, added: ["a"], deleted: [] },
    peers: { set: [], removed: [keyOf(2)] },
  });
  assert.deepEqual(HOST, before);
});

Deno.test("What is not there cannot be changed: it is read back", () => {
  const peers = { set: THREE.peers.map((peer) => setting(peer)), removed: [] };
  const elements = [{ name: "pod-cidrs-v4", added: ["10.7.0.0/24"], deleted: [] }];
  const next = confirm(EMPTY_HOST, [{ elements, peers }]);
  assert.deepEqual([next.table, next.wireguard], [undefined, undefined]);
});

Deno.test("A peer that is set keeps its session's numbers, and is quiet", () => {
  const has = {
    ...N2,
    handshakeSeconds: 9,
    aliveSeconds: 9,
    receivedBytes: 1,
    sentBytes: 2,
    keepaliveSeconds: 25,
    hasPresharedKey: true,
  };
  const host = { ...HOST, wireguard: { ...HOST.wireguard!, peers: new Map([[N2.publicKey, has]]) } };
  const set = [setting(TWO.peers[0]!, { allowedIps: "10.7.0.0/24" })];
  assert.deepEqual(confirmed({ peers: { set, removed: [] } }, host).wireguard!.peers.get(keyOf(2)), {
    ...has,
    allowedIps: "10.7.0.0/24",
    keepaliveSeconds: 0,
    hasPresharedKey: false,
  });
});

const CHOICE: Choice = { preferred: "10.9.1.2:24601", sinceSeconds: 7, isAnswered: false };
const SILENCE: Silence = { sinceSeconds: 1, lastSeconds: 5 };

const endpoints: readonly [what: string, set: string | undefined, endpoint: string, stays: boolean][] = [
  ["none, which leaves it where the peer is", undefined, "192.0.2.1:9", true],
  ["the one that it has", "192.0.2.1:9", "192.0.2.1:9", true],
  ["another one, which is ours then", "10.9.1.2:24601", "10.9.1.2:24601", false],
];

for (const [what, endpoint, expected, stays] of endpoints) {
  Deno.test(`A roamed peer is set with an endpoint: ${what}`, () => {
    const roamed = { endpoint: "192.0.2.1:9", isRoamed: true, isProven: true, silence: SILENCE };
    const has = { ...N2, ...roamed, foundSeconds: 7 };
    const host = { ...HOST, wireguard: { ...HOST.wireguard!, peers: new Map([[N2.publicKey, has]]) } };
    const set = [setting(TWO.peers[0]!, endpoint === undefined ? {} : { endpoint, choice: CHOICE })];
    const peer = confirmed({ peers: { set, removed: [] } }, host).wireguard!.peers.get(keyOf(2))!;
    assert.deepEqual([peer.endpoint, peer.isRoamed, peer.isProven], [expected, stays, stays]);
    assert.equal(peer.foundSeconds, 7);
    assert.deepEqual([peer.silence, peer.choice], stays ? [SILENCE, undefined] : [undefined, CHOICE]);
  });
}

Deno.test("Where one node joins and another one leaves, all is certain: the next plan is empty without a read", () => {
  for (const [before, after] of [[TWO, THREE], [THREE, TWO]] as const) {
    let host = hostOf(before);
    for (const step of diff(after, host, 1000).steps) host = confirm(host, [step.confirms!]);
    assert.deepEqual(diff(after, host, 1000).steps, []);
  }
});

Deno.test("A route that a new one replaces is gone with it", () => {
  const route = "10.244.2.0/24 dev wg-old proto 146";
  const rest = [...HOST.routes[4]].filter((text) => text !== "10.244.2.0/24 dev wigglenet proto 146");
  let host: ObservedState = { ...HOST, routes: { ...HOST.routes, 4: new Set([...rest, route]) } };
  for (const step of diff(TWO, host, 1000).steps) host = confirm(host, [step.confirms!]);
  assert.deepEqual(host.routes, HOST.routes);
});
