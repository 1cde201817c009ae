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
