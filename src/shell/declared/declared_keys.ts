// Private keys of declared WireGuard interfaces: files on the node, made where they are missing. Nothing but wg and Web Crypto
// ever reads them.

import type { PublicKey } from "../../core/net/keys.ts";
import { writeAtomically } from "../files.ts";
import { makeKey, readPublicKey } from "../key_file.ts";

/** The public keys of those files, by name; what cannot be read or written is told, and costs the others nothing. */
export async function ensureDeclaredKeys(
  folder: string,
  names: Iterable<string>,
  onError: (name: string, error: Error) => void,
): Promise<ReadonlyMap<string, PublicKey>> {
  const keys = new Map<string, PublicKey>();
  for (const name of new Set(names)) {
    const path = `${folder}/${name}.key`;
    try {
      const key = await readPublicKey(path) ?? await make(path);
      if (key !== undefined) keys.set(name, key);
    } catch (error) {
      onError(name, error as Error);
    }
  }
  return keys;
}

async function make(path: string): Promise<PublicKey | undefined> {
  await writeAtomically(path, makeKey(), 0o600);
  return await readPublicKey(path);
}
