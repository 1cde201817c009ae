// WireGuard keys. Only public keys live in the core; a private key never leaves its file (shell/key_file.ts).

import { ownText } from "./own_text.ts";
import { quote, Refusal } from "./refusal.ts";

/** Canonical base64 of the 32 bytes of a Curve25519 public key. */
export type PublicKey = string & { readonly __brand: "PublicKey" };

// 43 characters and one "=": the last character carries four bits only, so that base64 has one spelling.
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const ZERO = `${"A".repeat(43)}=`;

/** Reads a base64 public key of 32 bytes. The zero key (WireGuard's "no key") is refused. */
export function parsePublicKey(text: unknown): PublicKey | Refusal {
  if (typeof text !== "string" || !KEY.test(text)) {
    return new Refusal(`${quote(text)} is not a WireGuard public key (base64 of 32 bytes)`);
  }
  if (text === ZERO) return new Refusal("the public key is all zeros");
  return ownText(text as PublicKey);
}

/** Of order 1, 2, 4 and 8, and what is the same in another writing: with such a key everybody has the same secret. */
const SMALL: ReadonlySet<string> = new Set([
  `00${"00".repeat(31)}`,
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

/** True for a key that no secret comes of (RFC 7748 section 6.1; the list is that of libsodium's x25519_ref10.c). WireGuard does without such a peer by itself. */
export function isOfSmallOrder(key: PublicKey): boolean {
  const bytes = Uint8Array.fromBase64(key);
  bytes[31]! &= 127; // no part of the number
  return SMALL.has(bytes.toHex());
}
