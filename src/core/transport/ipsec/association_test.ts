import assert from "node:assert/strict";
import { keyOf } from "../../../../test/cluster.ts";
import { refused } from "../../net/refusal.ts";
import { associationOf, type End, keyContextOf, type Nonce, parseNonce } from "./association.ts";

function nonceOf(n: number): Nonce {
  return new Uint8Array(32).fill(n).toBase64() as Nonce;
}

const ONE: End = { publicKey: keyOf(1), nonce: nonceOf(1), address: "10.9.1.1" };
const TWO: End = { publicKey: keyOf(2), nonce: nonceOf(2), address: "10.9.1.2" };

Deno.test("a nonce is 32 bytes in the one base64 that they have", () => {
  assert.equal(parseNonce(nonceOf(7)), nonceOf(7));
  for (
    const text of ["", `${nonceOf(7)} `, `${"A".repeat(42)}B=`, "AAAA", nonceOf(7).slice(0, -1), 1, null]
  ) {
    assert.ok(refused(parseNonce(text)), String(text));
  }
});

Deno.test("both ends derive an association alike, and the two directions have the same salt", () => {
  const there = associationOf(ONE, TWO, "data");
  assert.deepEqual(associationOf({ ...ONE }, { ...TWO }, "data"), there);
  const back = associationOf(TWO, ONE, "data");
  assert.deepEqual(keyContextOf(there).salt, keyContextOf(back).salt);
  assert.notEqual(keyContextOf(there).info, keyContextOf(back).info);
});

Deno.test("another nonce, key, address, direction or purpose is another number and another key", () => {
  const variants = [
    associationOf(ONE, TWO, "data"),
    associationOf(TWO, ONE, "data"),
    associationOf(ONE, TWO, "greeting"),
    associationOf({ ...ONE, nonce: nonceOf(3) }, TWO, "data"),
    associationOf(ONE, { ...TWO, nonce: nonceOf(3) }, "data"),
    associationOf({ ...ONE, publicKey: keyOf(3) }, TWO, "data"),
    associationOf(ONE, { ...TWO, publicKey: keyOf(3) }, "data"),
    associationOf({ ...ONE, address: "10.9.1.11" }, TWO, "data"),
    associationOf(ONE, { ...TWO, address: "10.9.1.22" }, "data"),
  ];
  assert.equal(new Set(variants.map(({ spi }) => spi)).size, variants.length);
  assert.equal(new Set(variants.map((it) => keyContextOf(it).info)).size, variants.length);
});

Deno.test("no association has a number that IANA keeps", () => {
  for (let n = 0; n < 1_000; n++) {
    const { spi } = associationOf({ ...ONE, address: `10.9.${n >> 8}.${n & 255}` }, TWO, "data");
    assert.ok(Number.isInteger(spi) && spi >= 256 && spi < 2 ** 32, String(spi));
  }
});

Deno.test("an association derived a year ago is derived today: nodes of two versions understand each other", () => {
  assert.equal(associationOf(ONE, TWO, "data").spi, 3_016_068_802);
  assert.equal(
    keyContextOf(associationOf(ONE, TWO, "data")).info,
    `wigglenet ipsec 1 data\n${keyOf(1)} ${nonceOf(1)} 10.9.1.1\n${keyOf(2)} ${
      nonceOf(2)
    } 10.9.1.2\n3016068802`,
  );
});
