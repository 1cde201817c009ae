import assert from "node:assert/strict";
import { endOfKnown } from "./known_line.ts";
import type { ObservedPeer } from "./observed_state.ts";
import { parseWireguard } from "./parse_network.ts";

const KEY = "gRfKAQg4B0g9Rv/AEs5V7KAUCcNPMqgKlu/nvQkX+00=";
const HEAD = "PRIVATE\tTnsdbio4HJ8HnEU3XKLI7qODmzsSNsEgKaOVXyVxezc=\t24601\toff\n";
const PEER = {
  key: KEY,
  psk: "(none)",
  endpoint: "10.9.1.3:24601",
  allowed: "10.244.3.0/24,fd09::3/128",
  handshake: "1763696900",
  received: "148",
  sent: "296",
  keepalive: "off",
};
const NOW = { wallSeconds: 1763696950, steadySeconds: 54 };
const LATER = { wallSeconds: 1763696955, steadySeconds: 59 };

function lineOf(fields: Partial<typeof PEER> = {}): string {
  return `${Object.values({ ...PEER, ...fields }).join("\t")}\n`;
}

function knownOf(line: string): ObservedPeer {
  return parseWireguard(HEAD + line, undefined, NOW).peers.get(KEY)!;
}

const same: readonly [what: string, line: string][] = [
  ["that lives", lineOf()],
  ["that never answered", lineOf({ handshake: "0", received: "0" })],
  ["without endpoint and addresses", lineOf({ endpoint: "(none)", allowed: "(none)" })],
  ["with a keepalive", lineOf({ keepalive: "25" })],
];
for (const [what, line] of same) {
  Deno.test(`the same line of a peer ${what} is known, and what was made of it is kept`, () => {
    const known = knownOf(line);
    assert.equal(endOfKnown(`${HEAD}${line}rest`, HEAD.length, known), HEAD.length + line.length);
    const last = parseWireguard(HEAD + line, undefined, NOW);
    const next = parseWireguard(HEAD + line, last, LATER);
    assert.equal(next.peers.get(KEY), last.peers.get(KEY));
    assert.notEqual(next.peers, last.peers);
  });
}

const others: readonly Partial<typeof PEER>[] = [
  { key: KEY.replace("g", "h") },
  { psk: "PRESHARED" },
  { endpoint: "10.9.1.3:2460" },
  { endpoint: "10.9.1.3:246011" },
  { endpoint: "(none)" },
  { allowed: "10.244.3.0/24" },
  { allowed: "10.244.3.0/24,fd09::3/128,fd09::4/128" },
  { allowed: "fd09::3/128,10.244.3.0/24" },
  { allowed: "(none)" },
  { handshake: "0" },
  { handshake: "" },
  { received: "14" },
  { received: "1480" },
  { sent: "297" },
  { sent: "x" },
  { keepalive: "25" },
  { keepalive: "off\toff" },
];
for (const other of others) {
  Deno.test(`a line with ${JSON.stringify(other)} is not known`, () => {
    assert.equal(endOfKnown(lineOf(other), 0, knownOf(lineOf())), -1);
  });
}

Deno.test("what a read like the last one changes is read: who moved and was not heard since did not move by himself", () => {
  const known = knownOf(lineOf());
  assert.equal(endOfKnown(lineOf(), 0, { ...known, isRoamed: true, isProven: false }), -1);
  assert.equal(endOfKnown(lineOf(), 0, { ...known, hasPresharedKey: true }), -1);
});

Deno.test("a line without an end is read, whatever it says", () => {
  assert.equal(endOfKnown(lineOf().trimEnd(), 0, knownOf(lineOf())), -1);
});

Deno.test("lines in another order, a new one among them, give all peers", () => {
  const other = lineOf({ key: KEY.replace("g", "h") });
  const last = parseWireguard(HEAD + lineOf(), undefined, NOW);
  const next = parseWireguard(HEAD + other + lineOf(), last, LATER);
  assert.deepEqual([...next.peers.keys()], [KEY.replace("g", "h"), KEY]);
  assert.equal(next.peers.get(KEY), last.peers.get(KEY));
});
