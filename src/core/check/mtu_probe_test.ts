import assert from "node:assert/strict";
import type { PeerStatus } from "../plan/status.ts";
import { greatestPassing, mtuFindings, probedPeers, type ProbeResult } from "./mtu_probe.ts";

/** Tries sizes on a path that passes up to so many bytes; `lost` are the rounds in which nothing passes. */
function search(bytes: number, path: number, lost: readonly number[] = []): [number | undefined, number] {
  const steps = greatestPassing(bytes);
  let rounds = 0;
  let step = steps.next();
  while (step.done !== true) {
    const isLost = lost.includes(rounds++);
    step = steps.next(new Set(step.value.filter((size) => !isLost && size <= path)));
  }
  return [step.value, rounds];
}

Deno.test("The greatest packet that passes is found to the byte, in a few rounds", () => {
  for (const bytes of [1280, 1420, 8940]) {
    for (let path = 128; path < bytes + 20; path += 7) {
      const [passed, rounds] = search(bytes, path);
      assert.equal(passed, Math.min(path, bytes), `${bytes} over ${path}`);
      assert.ok(rounds <= 8, `${rounds} rounds`);
    }
  }
  assert.deepEqual(search(1420, 1500), [1420, 1]);
});

Deno.test("A packet lost by chance is sent again; a peer that never answers says nothing of sizes", () => {
  assert.deepEqual(search(1420, 1500, [0]), [1420, 2]);
  assert.deepEqual(search(1420, 0), [undefined, 2]);
  assert.ok(search(1420, 1300, [3])[0]! <= 1300);
});

function peerOf(node: string, allowedIps: string[], endpoint?: string): PeerStatus {
  const counts = { handshakeSeconds: 0, receivedBytes: 0, sentBytes: 0 };
  return { node, publicKey: "", endpoint, candidates: [], allowedIps, keepaliveSeconds: 0, ...counts };
}

const N2 = peerOf(
  "n2",
  ["10.9.1.2/32", "10.244.2.0/24", "fd00:10:244:2::/64", "fd09::2/128"],
  "10.9.1.2:24601",
);

Deno.test("Tried are a peer's own addresses in the tunnel, and WireGuard's largest packet to its endpoint", () => {
  assert.deepEqual(probedPeers([N2], 1420), [{
    node: "n2",
    inner: [
      { family: 4, address: "10.244.2.1", bytes: 1420 },
      { family: 6, address: "fd00:10:244:2::1", bytes: 1420 },
    ],
    outer: { family: 4, address: "10.9.1.2", bytes: 1480 },
  }]);
  const ipv6 = peerOf("n3", ["10.244.3.128/25", "10.244.3.0/25"], "[fd09::3]:24601");
  assert.deepEqual(probedPeers([ipv6], 1420)[0]!.outer, { family: 6, address: "fd09::3", bytes: 1500 });
  assert.deepEqual(probedPeers([ipv6], 1420)[0]!.inner.map(({ address }) => address), ["10.244.3.1"]);
  assert.equal(probedPeers([peerOf("n4", ["10.244.4.0/24"])], 1420)[0]!.outer, undefined);
});

Deno.test("At the least that IPv6 needs nobody asks for fragments: they are known, and nothing can be set", () => {
  assert.equal(probedPeers([N2], 1280)[0]!.outer, undefined);
  assert.notEqual(probedPeers([peerOf("n4", ["10.244.4.0/24"], "10.9.1.4:1")], 1280)[0]!.outer, undefined);
});

/** What is found when so many bytes pass: through the tunnel in IPv4 and IPv6, and beside it. */
function found(passed: readonly (number | undefined)[], unprobed = 0): string[] {
  const peers = probedPeers([N2], 1420);
  const targets = [...peers[0]!.inner, peers[0]!.outer!];
  const results = targets.map((target, i): ProbeResult => ({
    ...target,
    node: "n2",
    isOuter: i === 2,
    passedBytes: passed[i],
  }));
  return mtuFindings({ mtuBytes: 1420, peers, results, unprobed }).map(({ level, what, remedy }) =>
    `${level}: ${what}; ${remedy}`
  );
}

const cases: readonly [what: string, passed: (number | undefined)[], lines: string[]][] = [
  ["all passes", [1420, 1420, 1480], []],
  ["beside the tunnel nobody answers, which proves nothing", [1420, 1420, undefined], []],
  ["a path swallows large packets", [1340, 1338, 1398], [
    "error: packets of 1420 bytes do not pass through the tunnel to n2, those of 1338 do; " +
    "WIGGLENET_MTU=1338 on this node and on n2, or let the path to 10.9.1.2 take 1480 bytes",
  ]],
  ["it swallows even what IPv6 needs", [1200, 1200, undefined], [
    "error: packets of 1420 bytes do not pass through the tunnel to n2, those of 1200 do; " +
    "let the path to 10.9.1.2 take 1480 bytes",
  ]],
  ["the path cuts packets into fragments", [1420, 1420, 1400], [
    "warning: full packets to n2 travel in fragments: the path to 10.9.1.2 takes 1400 bytes; " +
    "WIGGLENET_MTU=1340 on this node and on n2, or let that path take 1480 bytes",
  ]],
  ["a peer is silent", [undefined, 1420, 1480], [
    "warning: n2 does not answer through the tunnel (10.244.2.1): what fits is not known; " +
    "wigglenet status tells when its last handshake was; then ping 10.244.2.1",
  ]],
];
for (const [what, passed, lines] of cases) {
  Deno.test(`check --mtu: ${what}`, () => assert.deepEqual(found(passed), lines));
}

Deno.test("check --mtu says how many peers it did not come to", () => {
  assert.deepEqual(found([1420, 1420, 1480], 7), [
    "warning: there was no time to try 7 of 1 peers; ask again: others come first each time",
  ]);
});
