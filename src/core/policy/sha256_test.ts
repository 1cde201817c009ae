import assert from "node:assert/strict";
import { sha256 } from "./sha256.ts";

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// FIPS 180-4's examples, and texts around the ends of a block.
const DIGESTS = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
] as const;

for (const [text, digest] of DIGESTS) {
  Deno.test(`SHA-256 of ${JSON.stringify(text)} is that of FIPS 180-4`, () => {
    assert.equal(hex(sha256(text)), digest);
  });
}

Deno.test("SHA-256 equals Web Crypto's for every length around a block, outside of ASCII too", async () => {
  for (let length = 0; length < 200; length++) {
    const text = "aé€".repeat(length).slice(0, length);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    assert.equal(hex(sha256(text)), hex(new Uint8Array(digest)), String(length));
  }
});
