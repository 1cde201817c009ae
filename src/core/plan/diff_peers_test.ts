import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";

const DESIRED = desireOf([1, 2].map(ordinaryNode));
const SYNCED = hostOf(DESIRED);
const N2 = SYNCED.wireguard!.peers.get(keyOf(2))!;
const ALLOWED = "10.9.1.2/32,10.244.2.0/24,fd00:10:244:2::/64,fd09::2/128";
const NOW = 1000;

function withPeers(...peers: ObservedPeer[]): ObservedState {
  const map = new Map(peers.map((peer) => [peer.publicKey, peer]));
  return { ...SYNCED, wireguard: { ...SYNCED.wireguard!, peers: map } };
}

function planFor(...peers: ObservedPeer[]) {
  const plan = diff(DESIRED, withPeers(...peers), NOW);
  const actions = plan.steps.flatMap((step) => step.actions).map((action) => {
    if (action.kind === "greet") {
      return `greet ${action.peers.map((it) => `${it.publicKey} ${it.keepaliveSeconds}`).join(" ")}`;
    }
    assert.ok(action.kind === "run");
    return `${action.program} ${action.args.join(" ")}${
      action.input === undefined ? "" : `\n${action.input}`
    }`;
  });
  return { lines: describe(plan), actions };
}

const replaceN2 = (endpoint = "endpoint 10.9.1.2:24601 ") =>
  `wg set wigglenet peer ${keyOf(2)} ${endpoint}allowed-ips ${ALLOWED} persistent-keepalive 25 ` +
  `peer ${keyOf(2)} persistent-keepalive off`;
const QUIET = `wg set wigglenet peer ${keyOf(2)} persistent-keepalive off`;
const GREET = `greet ${keyOf(2)} 0`;

Deno.test("A peer is added, and greeted: that starts the handshake", () => {
  assert.deepEqual(planFor(), {
    lines: [`+ peer n2: ${keyOf(2)} at 10.9.1.2:24601 for ${ALLOWED} (missing)`],
    actions: [replaceN2(), GREET],
  });
});

Deno.test("A peer with other allowed IPs is replaced in place", () => {
  assert.deepEqual(planFor({ ...N2, allowedIps: "10.9.1.2/32" }), {
    lines: [`~ peer n2: ${keyOf(2)} at 10.9.1.2:24601 for ${ALLOWED} (allowed IPs are 10.9.1.2/32)`],
    actions: [replaceN2(""), GREET],
  });
  assert.match(planFor({ ...N2, allowedIps: "" }).lines[0]!, /\(allowed IPs are none\)$/);
});

Deno.test("A foreign preshared key goes along with other differences, at once", () => {
  const foreign = { ...N2, allowedIps: "", hasPresharedKey: true };
  assert.deepEqual(planFor(foreign).actions, [
    replaceN2("preshared-key /dev/null "),
    GREET,
  ]);
});

Deno.test("A living session keeps the endpoint that its peer has shown, also when allowed IPs change", () => {
  const roaming = {
    ...N2,
    endpoint: "192.0.2.1:9",
    isRoamed: true,
    handshakeSeconds: 9,
    aliveSeconds: NOW - 100,
  };
  assert.deepEqual(planFor(roaming).actions, []);
  assert.deepEqual(planFor({ ...roaming, allowedIps: "" }).actions, [replaceN2(""), GREET]);
});

const misplaced: readonly [what: string, peer: Partial<ObservedPeer>, reason: string][] = [
  [
    "somebody set",
    { isRoamed: false, handshakeSeconds: NOW - 1, aliveSeconds: NOW - 1 },
    "endpoint is 192.0.2.1:9",
  ],
  ["a dead session showed", {
    isRoamed: true,
    handshakeSeconds: NOW - 180,
    aliveSeconds: NOW - 180,
    silence: { sinceSeconds: NOW - 9, lastSeconds: NOW },
  }, "192.0.2.1:9 does not answer"],
  ["a session showed that was dead when the agent started", {
    isRoamed: false,
    handshakeSeconds: NOW - 180,
    aliveSeconds: NOW - 180,
  }, "endpoint is 192.0.2.1:9"],
  ["is unknown", { endpoint: undefined }, "endpoint is unknown"],
];

for (const [what, difference, reason] of misplaced) {
  Deno.test(`An endpoint that ${what} is set right`, () => {
    const { lines, actions } = planFor({ ...N2, endpoint: "192.0.2.1:9", ...difference });
    assert.deepEqual(lines, [`~ peer n2: endpoint 10.9.1.2:24601 (${reason})`]);
    assert.deepEqual(actions, [`wg set wigglenet peer ${keyOf(2)} endpoint 10.9.1.2:24601`]);
  });
}

Deno.test("A foreign keepalive and preshared key are turned off, and the endpoint stays", () => {
  const { lines, actions } = planFor({ ...N2, keepaliveSeconds: 5, hasPresharedKey: true });
  assert.deepEqual(lines, [
    "~ peer n2: no keepalive, no preshared key (keepalive is 5 s, it has a preshared key)",
  ]);
  assert.deepEqual(actions, [`${QUIET} preshared-key /dev/null`]);
});

const NAT: Partial<ObservedPeer> = {
  endpoint: "192.0.2.1:9",
  isRoamed: true,
  isProven: true,
  handshakeSeconds: NOW,
  aliveSeconds: NOW,
};
const SILENT = { sinceSeconds: NOW - 8, lastSeconds: NOW };

const touches: readonly [
  what: string,
  own: string | undefined,
  peer: Partial<ObservedPeer>,
  line: string | undefined,
  cause: "session" | undefined,
][] = [
  ["is seen elsewhere", undefined, NAT, "a keepalive every 25 s (it is seen at 192.0.2.1:9)", "session"],
  ["perhaps is elsewhere", undefined, { ...NAT, isProven: false }, undefined, undefined],
  [
    "perhaps is elsewhere, as before",
    undefined,
    { ...NAT, isProven: false, keepaliveSeconds: 25 },
    undefined,
    undefined,
  ],
  ["is seen elsewhere, as before", undefined, { ...NAT, keepaliveSeconds: 25 }, undefined, undefined],
  ["is back", undefined, { keepaliveSeconds: 25 }, "no keepalive (keepalive is 25 s)", "session"],
  [
    "got another keepalive elsewhere",
    undefined,
    {
      ...NAT,
      keepaliveSeconds: 5,
    },
    "a keepalive every 25 s (it is seen at 192.0.2.1:9)",
    undefined,
  ],
  ["has not our own keepalive", "15", {}, "a keepalive every 15 s (keepalive is off)", undefined],
  ["has our own keepalive elsewhere", "15", { ...NAT, keepaliveSeconds: 15 }, undefined, undefined],
  [
    "is to have none, wherever it is",
    "0",
    { ...NAT, keepaliveSeconds: 5 },
    "no keepalive (keepalive is 5 s)",
    undefined,
  ],
  [
    "is silent",
    undefined,
    { silence: SILENT },
    "endpoint [fd09::2]:24601 (10.9.1.2:24601 does not answer)",
    "session",
  ],
  [
    "is silent, but was so before",
    undefined,
    {
      silence: { sinceSeconds: NOW - 48, lastSeconds: NOW - 40 },
    },
    undefined,
    undefined,
  ],
  [
    "is silent, but its session lives",
    undefined,
    { silence: SILENT, handshakeSeconds: NOW - 179, aliveSeconds: NOW - 179 },
    undefined,
    undefined,
  ],
];

for (const [what, own, difference, line, cause] of touches) {
  Deno.test(`Where this node's keepalive is ${own ?? "not said"}, a peer that ${what}: ${line ?? "nothing"}`, () => {
    const desired = desireOf([{ ...ordinaryNode(1), keepalive: own }, ordinaryNode(2)]);
    const plan = diff(desired, withPeers({ ...N2, ...difference }), NOW);
    assert.deepEqual(describe(plan), line === undefined ? [] : [`~ peer n2: ${line}`]);
    assert.equal(plan.steps[0]?.cause, cause);
  });
}

Deno.test("What sessions show and what somebody did are steps of their own", () => {
  const desired = desireOf([1, 2, 3].map(ordinaryNode));
  const peers = [{ ...N2, silence: SILENT }, { ...N2, publicKey: keyOf(3), keepaliveSeconds: 5 }];
  const host = withPeers(...peers);
  const three = {
    ...peers[1]!,
    allowedIps: desired.peers[1]!.allowedIps,
    endpoint: desired.peers[1]!.endpoint,
  };
  const map = new Map(host.wireguard!.peers).set(keyOf(3), three);
  const { steps } = diff(desired, { ...host, wireguard: { ...host.wireguard!, peers: map } }, NOW);
  const ofPeers = steps.filter(({ part }) => part === "wireguard");
  assert.deepEqual(ofPeers.map(({ cause, changes }) => [cause, changes.map(({ target }) => target)]), [
    [undefined, ["n3"]],
    ["session", ["n2"]],
  ]);
});

Deno.test("A peer is added with our own keepalive, and greeted so that it stays", () => {
  const desired = desireOf([{ ...ordinaryNode(1), keepalive: "15" }, ordinaryNode(2)]);
  const [add, greet] = diff(desired, withPeers(), NOW).steps.flatMap((step) => step.actions);
  assert.match(
    add?.kind === "run" ? add.args.join(" ") : "",
    /persistent-keepalive off peer \S+ persistent-keepalive 15$/,
  );
  assert.deepEqual(greet?.kind === "greet" ? greet.peers : [], [{
    publicKey: keyOf(2),
    keepaliveSeconds: 15,
  }]);
});

Deno.test("A peer that nobody wants goes last", () => {
  const { lines, actions } = planFor({ ...N2, publicKey: keyOf(9) });
  assert.deepEqual(lines.slice(1), [`- peer ${keyOf(9)} (not wanted)`]);
  assert.deepEqual(actions.slice(2), [`wg set wigglenet peer ${keyOf(9)} remove`]);
});

Deno.test("Peers of an interface that is gone are not believed: all are added", () => {
  const plan = diff(DESIRED, { ...SYNCED, link: undefined }, NOW);
  assert.ok(describe(plan).some((line) => line.startsWith("+ peer n2: ")));
});

Deno.test("Thousands of peers are split over command lines that the kernel takes", () => {
  const plan = diff(DESIRED, withPeers(N2, ...Array.from({ length: 2500 }, (_, i) => foreignPeer(i))), NOW);
  const actions = plan.steps.flatMap((step) => step.actions);
  assert.deepEqual(actions.map((action) => action.kind === "run" ? (action.args.length - 2) / 3 : 0), [
    ...[1000, 1000, 500],
  ]);
});

function foreignPeer(i: number): ObservedPeer {
  return { ...N2, publicKey: keyOf(100 + i) };
}

Deno.test("What was found to be as wanted is found out again where time is a reason, or the own keepalive is another one", () => {
  const choice = { preferred: "10.9.1.2:24601", sinceSeconds: NOW, isAnswered: false };
  const tried = { ...N2, endpoint: "[fd09::2]:24601", choice };
  const host = withPeers(tried);
  const linesAt = (seconds: number) => describe(diff(DESIRED, host, seconds));
  assert.deepEqual([NOW, NOW + 10, NOW + 20].map(linesAt), [[], [], []]);
  const back = `~ peer n2: endpoint 10.9.1.2:24601 (endpoint is [fd09::2]:24601)`;
  assert.deepEqual(linesAt(NOW + 21), [back]);

  const settled = withPeers(N2);
  const kept = { ...DESIRED, link: { ...DESIRED.link!, keepaliveSeconds: 25 } };
  assert.deepEqual([NOW, NOW + 500].map((at) => describe(diff(DESIRED, settled, at))), [[], []]);
  assert.deepEqual(describe(diff(kept, settled, NOW + 500)), [
    "~ peer n2: a keepalive every 25 s (keepalive is off)",
  ]);
});
