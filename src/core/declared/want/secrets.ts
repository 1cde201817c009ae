// Keys that stand in Secrets: which are asked for, what a Secret must be like, and what is known of one without knowing the key.

import { fieldsOf } from "../../kubernetes/fields.ts";
import { parsePublicKey, type PublicKey } from "../../net/keys.ts";
import { refused } from "../../net/refusal.ts";
import { sha256 } from "../../policy/sha256.ts";

/** A key in a Secret, as an object names it. */
export interface SecretReference {
  readonly name: string;
  readonly key: string;
  readonly namespace: string | undefined;
}

/** `NAME/KEY`, of the one namespace. */
export type SecretId = string;

/** A key that was read, or why not. */
export type KnownSecret =
  | {
    /** A file that has it. */
    readonly path: string;
    /** To it as a private key. */
    readonly publicKey: PublicKey;
    /** By which the same key is known again as a preshared one. */
    readonly mark: string;
  }
  | { readonly reason: string };

/** All of them. */
export type KnownSecrets = ReadonlyMap<SecretId, KnownSecret>;

/** Which one. */
export function secretId({ name, key }: SecretReference): SecretId {
  return `${name}/${key}`;
}

/**
 * Why a Secret cannot be asked for.
 * @param namespace the one that settings name; undefined: none
 */
export function secretObjection(
  reference: SecretReference | undefined,
  namespace: string | undefined,
): string | undefined {
  if (reference === undefined) return undefined;
  if (namespace === undefined) {
    return "its key is in a Secret, and this agent reads none (DECLARED_SECRETS_NAMESPACE, where it asks an API)";
  }
  if (reference.namespace === undefined || reference.namespace === namespace) return undefined;
  return `its key is in a Secret of namespace ${reference.namespace}, and agents read those of ${namespace} only`;
}

/** The name of a file for it, which says nothing of it: names of Secrets are longer than those of files may be. */
export function secretFile(id: SecretId): string {
  return `secret-${sha256(id).subarray(0, 12).toHex()}.key`;
}

/**
 * The key in a Secret.
 * @param json what the API has answered
 * @returns why there is none; never a part of what is there
 */
export function keyIn(json: unknown, key: string): { readonly text: string } | { readonly reason: string } {
  const { data } = fieldsOf(json);
  const value = fieldsOf(data)[key];
  if (typeof value !== "string") return { reason: `it has no key ${key} in its data` };
  const text = decoded(value)?.trim();
  // A private key's text is one that a public key's may be.
  if (text === undefined || refused(parsePublicKey(text))) {
    return { reason: `${key} in it is not 32 bytes in base64, as wg prints keys` };
  }
  return { text };
}

function decoded(base64: string): string | undefined {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch {
    return undefined;
  }
}

/** What a key is known again by; nobody finds it by that, for it has 256 bits of chance. */
export function markOf(key: string): string {
  return sha256(`preshared ${key}`).toHex();
}
