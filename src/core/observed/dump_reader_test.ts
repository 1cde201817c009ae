import assert from "node:assert/strict";
import { DumpReader } from "./dump_reader.ts";
import type { ObservedWireguard } from "./observed_state.ts";
import { parseWireguard } from "./parse_network.ts";

const KEY = "gRfKAQg4B0g9Rv/AEs5V7KAUCcNPMqgKlu/nvQkX+00=";
const OTHER = KEY.replace("g", "h");
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

/** A reader with what it made of the line of a peer. */
function readerOf(line: string) {
  const reader = new DumpReader([1, 2]);
  const read = (text: string, last?: ObservedWireguard, now = LATER) =>
    reader.read(new TextEncoder().encode(text), last, now);
  return { read, first: read(HEAD + line, undefined, NOW) };
}

const same: readonly [what: string, line: string][] = [
  ["that lives", lineOf()],
  ["that never answered", lineOf({ handshake: "0", received: "0" })],
  ["without endpoint and addresses", lineOf({ endpoint: "(none)", allowed: "(none)" })],
  ["with a keepalive", lineOf({ keepalive: "25" })],
];
for (const [what, line] of same) {
  Deno.test(`the same dump of a peer ${what} gives the identical state, and what was made of the line stays in another`, () => {
    const { read, first } = readerOf(line);
    assert.deepEqual(first, parseWireguard(HEAD + line, undefined, NOW));
    assert.equal(read(HEAD + line, first), first);
    const next = read(HEAD + line + lineOf({ key: OTHER }), first);
    assert.equal(next.peers.get(KEY), first.peers.get(KEY));
    assert.deepEqual([...next.peers.keys()], [KEY, OTHER]);
    assert.deepEqual([...read(HEAD + line, next).peers.keys()], [KEY]);
  });
}

const others: readonly Partial<typeof PEER>[] = [
  { endpoint: "10.9.1.3:2460" },
  { endpoint: "10.9.1.3:246011" },
  { endpoint: "(none)" },
  { allowed: "10.244.3.0/24" },
  { allowed: "10.244.3.0/24,fd09::3/128,fd09::4/128" },
  { allowed: "(none)" },
  { psk: "PRESHARED" },
  { handshake: "0" },
  { received: "14" },
  { received: "1480" },
  { sent: "297" },
  { keepalive: "25" },
];
for (const other of others) {
  Deno.test(`a line with ${JSON.stringify(other)} is read`, () => {
    const { read, first } = readerOf(lineOf());
    const wanted = parseWireguard(HEAD + lineOf(other), first, LATER);
    assert.deepEqual(read(HEAD + lineOf(other), first), wanted);
    assert.notDeepEqual(wanted, first);
  });
}

const heads: readonly string[] = [HEAD.replace("24601", "24602"), HEAD.replace("off", "0x7")];
for (const head of heads) {
  Deno.test(`an interface that is ${JSON.stringify(head)} now is not taken for what it was`, () => {
    const { read, first } = readerOf(lineOf());
    assert.deepEqual(read(head + lineOf(), first), parseWireguard(head + lineOf(), first, LATER));
  });
}

Deno.test("what a read like the last one changes is read: who moved and was not heard since did not move by himself", () => {
  const { read, first } = readerOf(lineOf());
  const moved = lineOf({ endpoint: "10.9.1.4:24601", received: "149" });
  const second = read(HEAD + moved, first);
  assert.deepEqual([second.peers.get(KEY)?.isRoamed, second.peers.get(KEY)?.isProven], [true, false]);
  const third = read(HEAD + moved, second);
  assert.deepEqual([third.peers.get(KEY)?.isRoamed, third.peers.get(KEY)?.isProven], [false, false]);
});

Deno.test("what a step of ours has changed of a peer since is what its line is compared with", () => {
  const { read, first } = readerOf(lineOf());
  const has = { ...first.peers.get(KEY)!, endpoint: "10.9.1.4:24601", isRoamed: false, isProven: false };
  const changed = { ...first, peers: new Map([[KEY, has]]) };
  assert.deepEqual(read(HEAD + lineOf(), changed), parseWireguard(HEAD + lineOf(), changed, LATER));
});

Deno.test("a dump that is cut off is an error, and the next one is read as ever", () => {
  const { read, first } = readerOf(lineOf());
  for (const cut of ["", "P", HEAD + lineOf().slice(0, 60)]) {
    assert.throws(() => read(cut, first), SyntaxError);
  }
  assert.equal(read(HEAD + lineOf(), first), first);
});
