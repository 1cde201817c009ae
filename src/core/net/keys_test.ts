import assert from "node:assert/strict";
import { isOfSmallOrder, parsePublicKey, type PublicKey } from "./keys.ts";
import { Refusal } from "./refusal.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

Deno.test("parsePublicKey reads the base64 of 32 bytes and keeps it as it is", () => {
  assert.equal(parsePublicKey(KEY), KEY);
  assert.equal(parsePublicKey(`${"+/".repeat(21)}8=`), `${"+/".repeat(21)}8=`);
  assert.equal(parsePublicKey(`${"A".repeat(42)}E=`), `${"A".repeat(42)}E=`);
});

const refusals: readonly [what: string, input: unknown][] = [
  ["the empty text", ""],
  ["31 bytes", `${"A".repeat(42)}==`],
  ["33 bytes", `${"A".repeat(43)}B`],
  ["two keys in one text", KEY + KEY],
  ["a missing pad", KEY.slice(0, 43)],
  ["a second pad", `${KEY}=`],
  ["a leading space", ` ${KEY}`],
  ["a trailing newline", `${KEY}\n`],
  ["the URL alphabet", `${"-_".repeat(21)}A=`],
  ["a second spelling of the same bytes", KEY.replace(/8=$/, "9=")],
  ["hexadecimal", "0f".repeat(32)],
  ["WireGuard's word for no key", "(none)"],
  ["nft in place of a key", `${"A".repeat(40)}; }=`],
  ["nothing", undefined],
  ["null", null],
  ["a number", 44],
  ["a list", [KEY]],
  ["a megabyte", "A".repeat(1 << 20)],
];

for (const [what, input] of refusals) {
  Deno.test(`parsePublicKey refuses ${what}`, () => {
    const result = parsePublicKey(input);
    assert.ok(result instanceof Refusal);
    assert.match(result.reason, / is not a WireGuard public key \(base64 of 32 bytes\)$/);
  });
}

Deno.test("parsePublicKey refuses the zero key, which is WireGuard's word for no key", () => {
  assert.deepEqual(parsePublicKey(`${"A".repeat(43)}=`), new Refusal("the public key is all zeros"));
});

Deno.test("Every last character that leaves its two spare bits zero is a key, and no other", () => {
  const alphabet = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"];
  const taken = alphabet.filter((last) => typeof parsePublicKey(`${KEY.slice(0, 42)}${last}=`) === "string");
  assert.deepEqual(taken, alphabet.filter((_, bits) => bits % 4 === 0));
});

Deno.test("keys of small order are known in every writing, and no other key is one", () => {
  const keyOfHex = (hex: string) => Uint8Array.fromHex(hex).toBase64() as PublicKey;
  for (
    const hex of [
      `01${"00".repeat(31)}`,
      `01${"00".repeat(30)}80`,
      `ec${"ff".repeat(31)}`,
      `ee${"ff".repeat(30)}7f`,
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
    ]
  ) {
    assert.ok(isOfSmallOrder(keyOfHex(hex)), hex);
  }
  assert.ok(!isOfSmallOrder(keyOfHex(`09${"00".repeat(31)}`)));
});
