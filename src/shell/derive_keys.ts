// Keys of IPsec's associations: HKDF-SHA-256 (RFC 5869) over the X25519 secret (RFC 7748) of the two nodes' WireGuard keys. They go
// from here to the standard input of `ip`, and nowhere else: into no argument list, file, log or error.

import { type Association, keyContextOf } from "../core/transport/ipsec/association.ts";
import type { PublicKey } from "../core/net/keys.ts";
import { pkcs8Of } from "./key_file.ts";

/** AES-256 and the four bytes that RFC 4106 puts in front of each packet's own. */
export const KEY_BYTES = 36;

/** What a host needs to have keys with others. */
export interface KeyPair {
  readonly publicKey: PublicKey;
  /** As it stands in its file. */
  readonly privateKey: string;
}

/**
 * The keys, in the order of the associations, in hexadecimal.
 * @returns undefined in the place of one whose other end has a key that no secret comes of (RFC 7748 section 6.1)
 */
export async function deriveKeys(
  own: KeyPair,
  associations: readonly Association[],
): Promise<(string | undefined)[]> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8Of(own.privateKey), { name: "X25519" }, false, [
    "deriveBits",
  ]);
  const secrets = new Map<PublicKey, Promise<CryptoKey | undefined>>();
  return await Promise.all(associations.map(async (association) => {
    const { from, to } = association;
    const peer = from.publicKey === own.publicKey ? to.publicKey : from.publicKey;
    const known = secrets.get(peer) ?? secretWith(key, peer);
    secrets.set(peer, known);
    const secret = await known;
    return secret === undefined ? undefined : (await expand(secret, association)).toHex();
  }));
}

async function secretWith(own: CryptoKey, peer: PublicKey): Promise<CryptoKey | undefined> {
  const theirs = await crypto.subtle.importKey(
    "raw",
    Uint8Array.fromBase64(peer),
    { name: "X25519" },
    false,
    [],
  );
  const bits = await crypto.subtle.deriveBits({ name: "X25519", public: theirs }, own, 256).catch(() =>
    undefined
  );
  // Of a key of small order some runtimes make zeros, others an error.
  if (bits === undefined || new Uint8Array(bits).every((byte) => byte === 0)) return undefined;
  return await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveBits"]);
}

async function expand(secret: CryptoKey, association: Association): Promise<Uint8Array> {
  const { salt, info } = keyContextOf(association);
  const algorithm = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(salt.flatMap((nonce) => [...Uint8Array.fromBase64(nonce)])),
    info: new TextEncoder().encode(info),
  };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, secret, KEY_BYTES * 8));
}
