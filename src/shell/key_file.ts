// The private key never leaves its file but towards `wg` (by path), and towards node:crypto to learn the public key.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { Buffer } from "node:buffer";
import type { PublicKey } from "../core/net/keys.ts";
import { readText, writeAtomically } from "./files.ts";

// The DER head of an X25519 private key (RFC 8410 section 7); the 32 key bytes follow.
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\n?$/;

/**
 * Public key of the private key file, which is made first when it does not exist.
 * @throws Error when the file is there but holds no key: it is never overwritten
 */
export async function ensureKey(path: string): Promise<PublicKey> {
  const existing = await readPublicKey(path);
  if (existing !== undefined) return existing;
  const { privateKey } = generateKeyPairSync("x25519");
  const bytes = privateKey.export({ format: "der", type: "pkcs8" }).subarray(PKCS8_HEAD.length);
  await writeAtomically(path, Buffer.from(bytes).toString("base64"), 0o600);
  return (await readPublicKey(path))!;
}

/**
 * Public key of the private key file; undefined when there is no file.
 * @throws Error when the file holds no key
 */
export async function readPublicKey(path: string): Promise<PublicKey | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  if (!KEY.test(text)) {
    throw new Error(
      `Private key file ${path} holds no WireGuard key: restore it, or remove it to have a new one made`,
    );
  }
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, Buffer.from(text, "base64")]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return spki.subarray(spki.length - 32).toString("base64") as PublicKey;
}
