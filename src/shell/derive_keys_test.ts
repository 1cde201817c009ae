import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from "node:crypto";
import type { PublicKey } from "../core/net/keys.ts";
import { associationOf, type End, keyContextOf, type Nonce } from "../core/transport/ipsec/association.ts";
import { deriveKeys, KEY_BYTES, type KeyPair } from "./derive_keys.ts";
import { makeKey, pkcs8Of } from "./key_file.ts";

function pairOf(privateKey: string): KeyPair {
  const { x } = createPublicKey(privateOf(privateKey)).export({ format: "jwk" });
  const publicKey = Uint8Array.fromBase64(x!, { alphabet: "base64url" }).toBase64() as PublicKey;
  return { privateKey, publicKey };
}

function privateOf(privateKey: string) {
  return createPrivateKey({ key: Buffer.from(pkcs8Of(privateKey)), format: "der", type: "pkcs8" });
}

function endOf({ publicKey }: KeyPair, n: number): End {
  return { publicKey, nonce: new Uint8Array(32).fill(n).toBase64() as Nonce, address: `10.9.1.${n}` };
}

const [ONE, TWO, THREE] = [pairOf(makeKey()), pairOf(makeKey()), pairOf(makeKey())];
const ALL = [
  associationOf(endOf(ONE, 1), endOf(TWO, 2), "data"),
  associationOf(endOf(TWO, 2), endOf(ONE, 1), "data"),
  associationOf(endOf(ONE, 1), endOf(TWO, 2), "greeting"),
  associationOf(endOf(ONE, 3), endOf(TWO, 2), "data"),
];

Deno.test("both ends have the same keys, each association another one, and nobody else has any of them", async () => {
  const keys = await deriveKeys(ONE, ALL);
  assert.deepEqual(await deriveKeys(TWO, ALL), keys);
  assert.equal(new Set(keys).size, ALL.length);
  for (const key of keys) assert.match(key!, new RegExp(`^[0-9a-f]{${2 * KEY_BYTES}}$`));
  for (const key of await deriveKeys(THREE, ALL)) assert.ok(!keys.includes(key));
});

Deno.test("a key is what another program derives: X25519, then HKDF with SHA-256", async () => {
  for (const association of ALL) {
    const { salt, info } = keyContextOf(association);
    const theirs = createPublicKey({
      key: {
        kty: "OKP",
        crv: "X25519",
        x: TWO.publicKey.replaceAll("+", "-").replaceAll("/", "_").slice(0, 43),
      },
      format: "jwk",
    });
    const secret = diffieHellman({ privateKey: privateOf(ONE.privateKey), publicKey: theirs });
    const salts = Buffer.concat(salt.map((nonce) => Buffer.from(nonce, "base64")));
    const expected = new Uint8Array(hkdfSync("sha256", secret, salts, info, KEY_BYTES)).toHex();
    assert.deepEqual(await deriveKeys(ONE, [association]), [expected]);
  }
});

Deno.test("a Node whose key is of small order has no secret with anybody, and takes nobody else's away", async () => {
  const small = { ...endOf(TWO, 2), publicKey: `AQ${"A".repeat(41)}=` as PublicKey };
  const [none, some] = await deriveKeys(ONE, [associationOf(endOf(ONE, 1), small, "data"), ALL[0]!]);
  assert.equal(none, undefined);
  assert.equal(some, (await deriveKeys(ONE, ALL))[0]);
});
