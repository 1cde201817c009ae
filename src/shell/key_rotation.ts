// The key files while the key rotates. Each move is one rename or one removal: a killed agent is in the stage before, or in the
// one behind. What the stages mean: docs/decisions/0050.

import type { PublicKey } from "../core/net/keys.ts";
import { nextKeyPath, requestedKeyPath } from "../core/rotation/names.ts";
import { isOldEnough } from "../core/rotation/age.ts";
import type { KeyMove } from "../core/rotation/turn.ts";
import type { Settings } from "../core/settings/settings.ts";
import { copyAtomically, readText, removeFile, renameFile, writeAtomically } from "./files.ts";
import { makeKey, readPublicKey } from "./key_file.ts";

/** What the files beside the key file say. */
export interface Rotation {
  /** From the announcement to the end of a rotation. */
  readonly nextKey?: PublicKey;
  /** One is to begin. */
  readonly isRotationDue?: true;
}

/** Reads them. Throws Error when the next key's file holds no key. */
export async function readRotation(
  { privateKeyPath, keyRotation, nodeName }: Pick<Settings, "privateKeyPath" | "keyRotation" | "nodeName">,
): Promise<Rotation> {
  const nextKey = await readPublicKey(nextKeyPath(privateKeyPath));
  if (nextKey !== undefined) return { nextKey };
  const mtime = (path: string) => Deno.stat(path).then(({ mtime }) => mtime ?? undefined, () => undefined);
  const madeAt = await mtime(privateKeyPath);
  const ageMs = madeAt === undefined ? 0 : Date.now() - madeAt.getTime();
  const isDue = await mtime(requestedKeyPath(privateKeyPath)) !== undefined ||
    isOldEnough(ageMs, { keyRotation, nodeName });
  return isDue ? { isRotationDue: true } : {};
}

/**
 * Leaves a new key for the agent to begin with.
 * @returns its public key; undefined when a rotation is under way, or asked for already
 */
export async function requestRotation(privateKeyPath: string): Promise<PublicKey | undefined> {
  for (const path of [nextKeyPath(privateKeyPath), requestedKeyPath(privateKeyPath)]) {
    if (await readText(path) !== undefined) return undefined;
  }
  await writeAtomically(requestedKeyPath(privateKeyPath), makeKey(), 0o600);
  return await readPublicKey(requestedKeyPath(privateKeyPath));
}

/** Moves them on. */
export async function moveKey(move: KeyMove, path: string): Promise<void> {
  const [next, requested] = [nextKeyPath(path), requestedKeyPath(path)];
  switch (move) {
    case "begin":
      if (await readPublicKey(requested) === undefined) await writeAtomically(requested, makeKey(), 0o600);
      return await renameFile(requested, next);
    case "takeOver":
      // The next key's file stays: what is the same in both has not come back to the first interface yet.
      return await copyAtomically(next, path, 0o600);
    case "end":
      await removeFile(next);
  }
}
