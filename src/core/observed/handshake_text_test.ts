import assert from "node:assert/strict";
import { handshakeText } from "./handshake_text.ts";

const CASES: readonly [number, number, string][] = [
  [0, 1_000, "no handshake yet"],
  [990, 1_000.4, "handshake 10 s ago"],
  [1_000, 999.8, "handshake 0 s ago"],
  [1_500, 1_000, "handshake before the clock went back"],
];

for (const [handshake, now, text] of CASES) {
  Deno.test(`A handshake at ${handshake} is at ${now}: ${text}`, () => {
    assert.equal(handshakeText(handshake, now), text);
  });
}
