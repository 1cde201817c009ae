import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf, secondOf } from "../../../test/host_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import type { Heard } from "./heard.ts";
import { secondDesired } from "./interfaces.ts";
import { turnOf } from "./turn.ts";

const NOW = 1000;
const NEXT = keyOf(102);
const OWN = { isPublished: true, publicKey: keyOf(1), second: "ours" } as const;
const SENDS: Heard = {
  handshakeSeconds: 9,
  receivedBytes: 500,
  lastSeconds: NOW,
  readSeconds: NOW,
  toldSeconds: -Infinity,
  times: 9,
};

/** n2 announces, and this host has a session with it on the second interface. */
function scene(stranger?: { key?: string; nextKey?: string }, heard = SENDS) {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT }];
  const others = stranger === undefined ? [] : [{ ...ordinaryNode(9), ...stranger }];
  const desired = desireOf([...nodes, ...others], { KEY_ROTATION: "manual" }, OWN);
  const host = hostOf(desired);
  const { second: quiet, has } = secondOf(host, { key: keyOf(2), nextKey: NEXT, nowSeconds: NOW });
  const second = { ...quiet, heard: new Map([[NEXT, heard]]) };
  return { desired, has, observed: { ...host, second } satisfies ObservedState };
}

/** The host with other routes. */
function routed(observed: ObservedState, routes: Partial<Record<4 | 6, readonly string[]>>): ObservedState {
  const { 4: v4 = observed.routes[4], 6: v6 = observed.routes[6] } = routes;
  return { ...observed, routes: { 4: new Set(v4), 6: new Set(v6) } };
}

const V4 = "10.244.2.0/24 dev wigglenet-next proto 146";
const V6 = "fd00:10:244:2::/64 dev wigglenet-next proto 146";

function keepalive(observed: ObservedState): number | undefined {
  const { desired } = scene();
  const turn = turnOf(desired, observed, NOW);
  assert.deepEqual([...turn.carried], [NEXT]);
  return secondDesired(desired, observed, turn).peers[0]!.keepaliveSeconds;
}

Deno.test("A peer is told each second that it is sent to there once no family of it is sent to by the first interface", () => {
  const { observed } = scene();
  assert.equal(keepalive(observed), 25);
  assert.equal(keepalive(routed(observed, { 4: [V4] })), 25);
  assert.equal(keepalive(routed(observed, { 4: [V4], 6: [V6] })), 1);
  assert.equal(keepalive(routed(observed, { 4: [V4], 6: [] })), 1);
});

Deno.test("What somebody has led here from another's first interface is no session", () => {
  const { desired, has, observed } = scene();
  const peers = new Map([[NEXT as string, { ...has, endpoint: "10.9.1.2:24601" }]]);
  const { second } = observed;
  const misled = { ...observed, second: { ...second!, wireguard: { ...second!.wireguard!, peers } } };
  assert.equal(turnOf(desired, observed, NOW).carried.size, 1);
  assert.equal(turnOf(desired, misled, NOW).carried.size, 0);
});

Deno.test("Who still sends by a key that another Node has claimed stays, however long he is silent, and the other has it nowhere", () => {
  for (const stranger of [{ key: NEXT }, { nextKey: NEXT }]) {
    const { desired, observed } = scene(stranger);
    const { members, carried } = turnOf(desired, routed(observed, { 4: [V4], 6: [V6] }), NOW);
    assert.deepEqual(members.map(({ node, isLeaving }) => [node, isLeaving]), [["n2", true]]);
    assert.equal(carried.size, 1);
    assert.equal(turnOf(desired, observed, NOW).carried.size, 0);
    const membersAfter = (seconds: number, heard: Partial<Heard> = {}) => {
      const { observed } = scene(stranger, { ...SENDS, lastSeconds: NOW - seconds, ...heard });
      return turnOf(desired, observed, NOW).members.length;
    };
    assert.equal(membersAfter(900), 1);
    // That somebody may have announced as his own whose it is not.
    assert.deepEqual([20, 21].map((seconds) => membersAfter(seconds, { receivedBytes: 0 })), [1, 0]);
  }
});

Deno.test("A key that its own Node does not say any more is no peer's, whatever comes by it", () => {
  const { observed } = scene();
  const desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), nextKey: keyOf(103) }], {
    KEY_ROTATION: "manual",
  }, OWN);
  const { members } = turnOf(desired, observed, NOW);
  assert.deepEqual(members.map(({ publicKey }) => publicKey), [keyOf(103)]);
});

Deno.test("By an interface that somebody has taken out of the group nothing is sent any more", () => {
  const { desired, observed } = scene();
  const { isNext: _, ...link } = observed.second!.link!;
  const foreign = { ...observed, second: { ...observed.second!, link } };
  for (const routes of [{}, { 4: [V4], 6: [V6] }]) {
    assert.equal(turnOf(desired, routed(observed, routes), NOW).carried.size, 1);
    assert.equal(turnOf(desired, routed(foreign, routes), NOW).carried.size, 0);
  }
});

Deno.test("Nobody is sent to by the second interface before the rules that know it stand; who is already stays", () => {
  const { desired, observed } = scene();
  const older = { ...observed, table: { ...observed.table!, structure: "of another agent" } };
  for (const host of [older, { ...observed, table: undefined, reference: undefined }]) {
    assert.equal(turnOf(desired, host, NOW).carried.size, 0);
    assert.equal(turnOf(desired, routed(host, { 4: [V4], 6: [V6] }), NOW).carried.size, 1);
  }
});

Deno.test("Who has an entry keeps it through an outage, whoever says that key as its next one; who has none gets none", () => {
  const thief = { ...ordinaryNode(3), nextKey: keyOf(2) };
  const nodes = [{ ...ordinaryNode(1), nextKey: keyOf(101) }, { ...ordinaryNode(2), nextKey: "none" }, thief];
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, { ...OWN, nextKey: keyOf(101) });
  const { observed } = scene();
  const has = { ...observed.second!.wireguard!.peers.get(NEXT)!, publicKey: keyOf(2) };
  const silent = { ...SENDS, lastSeconds: NOW - 60 };
  const membersWith = (allowedIps: string) => {
    const wireguard = {
      ...observed.second!.wireguard!,
      peers: new Map([[keyOf(2), { ...has, allowedIps }]]),
    };
    const second = { ...observed.second!, wireguard, heard: new Map([[keyOf(2), silent]]) };
    return turnOf(desired, { ...observed, second }, NOW).members.map(({ node }) => node);
  };
  assert.deepEqual(membersWith(has.allowedIps), ["n2", "n3"]);
  assert.deepEqual(membersWith("10.244.7.0/24"), ["n3"]);
});

/** What a host tells that has the second interface for so many seconds, while n2 rotates, or nobody does any more. */
function told(words: { readonly isRotating: boolean; readonly isDue: boolean; readonly seconds?: number }) {
  const nodes = [ordinaryNode(1), { ...ordinaryNode(2), ...(words.isRotating && { nextKey: NEXT }) }];
  const facts = { ...OWN, ...(words.isDue && { isRotationDue: true }) };
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, facts);
  const { observed } = scene();
  const wireguard = { ...observed.second!.wireguard!, peers: new Map() };
  const second = { ...observed.second!, wireguard, sinceSeconds: NOW - (words.seconds ?? 99) };
  const turn = turnOf(desired, { ...observed, second }, NOW);
  const [waiting] = turn.waiting;
  return { turn, text: waiting && `${waiting.what}: ${waiting.why}; ${waiting.next}`, desired, second };
}

Deno.test("Why the second interface stands, and why a rotation does not begin, is told: who rotates, and the remedy", () => {
  const remedy = "kubectl annotate node NAME wigglenet/next-key-";
  const standing = told({ isRotating: true, isDue: false }).text!;
  assert.match(standing, /^interface wigglenet-next: a key rotates, of n2; it goes behind that; /);
  const { text, turn } = told({ isRotating: true, isDue: true });
  assert.match(text!, /^key rotation of n1: a key rotates, of n2; this one begins behind that; /);
  assert.equal(turn.move, undefined);
  for (const words of [standing, text!]) assert.ok(words.endsWith(remedy), words);
  assert.equal(told({ isRotating: false, isDue: false, seconds: 3 }).text, undefined);
});

Deno.test("The second interface stands half a minute at least, without peers in the end: who flips his announcement has it made no more often", () => {
  const linkAfter = (seconds: number, isDue = false) => {
    const { turn, desired, second } = told({ isRotating: false, isDue, seconds });
    const { link, peers } = secondDesired(desired, { ...hostOf(desired), second }, turn);
    return [link?.name, peers.length];
  };
  assert.deepEqual(linkAfter(29), ["wigglenet-next", 0]);
  assert.deepEqual(linkAfter(30), [undefined, 0]);
  assert.deepEqual(linkAfter(3, true), [undefined, 0]); // this host's own key is to rotate
});

Deno.test("Who waits for one whose ports are forwarded is told the one that is to be forwarded as well", () => {
  const nodes = [{ ...ordinaryNode(1), nextKey: NEXT }, {
    ...ordinaryNode(2),
    nextKey: "none",
    endpoint: "198.51.100.7:41000",
  }];
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, { ...OWN, nextKey: NEXT });
  const [waiting] = turnOf(desired, hostOf(desired), NOW).waiting;
  assert.match(waiting!.next, /UDP port 24602, 41001 be open/);
});

Deno.test("Who still sends by the second interface without a key that rotates is told of as that: no annotation ends it", () => {
  const { observed } = scene();
  const desired = desireOf([1, 2].map(ordinaryNode), { KEY_ROTATION: "manual" }, OWN);
  const has = { ...observed.second!.wireguard!.peers.get(NEXT)!, publicKey: keyOf(2) };
  const wireguard = { ...observed.second!.wireguard!, peers: new Map([[keyOf(2) as string, has]]) };
  const second = { ...observed.second!, wireguard, heard: new Map([[keyOf(2) as string, SENDS]]) };
  const { waiting, members } = turnOf(desired, { ...observed, second }, NOW);
  assert.deepEqual(members.map(({ node, isLeaving }) => [node, isLeaving]), [["n2", true]]);
  assert.match(waiting[0]!.why, /^n2 may still send by wigglenet-next$/);
  assert.match(waiting[0]!.next, /their Nodes be deleted/);
});

Deno.test("Who goes back waits for a session of now on the first interface, and sends nothing by the second one behind that", () => {
  const nodes = [{ ...ordinaryNode(1), nextKey: "none" }, { ...ordinaryNode(2), key: NEXT, nextKey: NEXT }];
  const desired = desireOf(nodes, { KEY_ROTATION: "manual" }, OWN);
  const host = hostOf(desired);
  const { second: quiet } = secondOf(host, { key: NEXT, nextKey: NEXT, nowSeconds: NOW });
  const second = { ...quiet, heard: new Map([[NEXT as string, SENDS]]) };
  const asOf = (aliveSeconds: number, routes: Partial<Record<4 | 6, readonly string[]>>) => {
    const has = { ...host.wireguard!.peers.get(NEXT)!, handshakeSeconds: 9, aliveSeconds };
    const wireguard = { ...host.wireguard!, peers: new Map([[NEXT as string, has]]) };
    const observed = routed({ ...host, wireguard, second }, routes);
    const turn = turnOf(desired, observed, NOW);
    return [
      turn.carried.size,
      turn.returning.size,
      secondDesired(desired, observed, turn).peers[0]!.keepaliveSeconds,
    ];
  };
  const onSecond = { 4: [V4], 6: [V6] };
  assert.deepEqual(asOf(NOW - 180, onSecond), [1, 1, 1]);
  assert.deepEqual(asOf(NOW - 179, onSecond), [0, 0, 0]);
  assert.deepEqual(asOf(NOW - 180, {}), [0, 0, 0]);
});
