// What a security association of IPsec is, before it has a key: who sends to whom, by which nonces, and what follows from that for
// anybody who knows the Nodes. Keys are derived in the shell (shell/derive_keys.ts); none of them is ever a value here.

import type { PublicKey } from "../../net/keys.ts";
import { ownText } from "../../net/own_text.ts";
import { quote, Refusal } from "../../net/refusal.ts";
import { sha256 } from "../../policy/sha256.ts";

/** Canonical base64 of 32 bytes that a node has drawn: no secret, and never drawn twice. */
export type Nonce = string & { readonly __brand: "Nonce" };

// As a key: 43 characters, of which the last has four bits, and one "=".
const NONCE = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** Reads `wigglenet/ipsec-nonce`. */
export function parseNonce(text: unknown): Nonce | Refusal {
  return typeof text === "string" && NONCE.test(text)
    ? ownText(text as Nonce)
    : new Refusal(`${quote(text)} is not a nonce (base64 of 32 bytes)`);
}

/** One end of an association. */
export interface End {
  readonly publicKey: PublicKey;
  readonly nonce: Nonce;
  /** Of the packets around: what both ends know it by. */
  readonly address: string;
}

/**
 * Packets of pods, or those that only say "I can be sent to": these have an association of their own, so that its counter says that
 * somebody is ready and the other one's that somebody has begun.
 */
export type Purpose = "data" | "greeting";

/** One direction between two nodes. Another nonce, key or address at either end is another association, with another key. */
export interface Association {
  readonly from: End;
  readonly to: End;
  readonly purpose: Purpose;
  /** Of ESP (RFC 4303): 256 and up. */
  readonly spi: number;
}

/** Below are those that IANA keeps. */
const LEAST_SPI = 256;
const SPIS = 2 ** 32 - LEAST_SPI;

/** The association that both ends derive alike, each for itself. */
export function associationOf(from: End, to: End, purpose: Purpose): Association {
  const digest = sha256(identityOf({ from, to, purpose }));
  return { from, to, purpose, spi: LEAST_SPI + new DataView(digest.buffer).getUint32(0) % SPIS };
}

/** All that tells it from every other one; no part can hold the signs between them. */
function identityOf({ from, to, purpose }: Omit<Association, "spi">): string {
  const words = [from, to].map(({ publicKey, nonce, address }) => `${publicKey} ${nonce} ${address}`);
  return [`wigglenet ipsec 1 ${purpose}`, ...words].join("\n");
}

/** What its key is derived from beside the secret that both ends share: the salt and the info of HKDF (RFC 5869). */
export interface KeyContext {
  /** Both nonces, that of the lower public key first: the same in both directions. */
  readonly salt: readonly [Nonce, Nonce];
  readonly info: string;
}

/** The salt and the info of an association's key. */
export function keyContextOf(association: Association): KeyContext {
  const { from, to, spi } = association;
  const [lower, higher] = from.publicKey < to.publicKey ? [from, to] : [to, from];
  return { salt: [lower.nonce, higher.nonce], info: `${identityOf(association)}\n${spi}` };
}
