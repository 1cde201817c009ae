// The key files while the key rotates. Each move is one rename, or one removal last: a killed agent is in the stage before, or in
// the one behind. What the stages mean: docs/decisions/0050.

import type { PublicKey } from "../core/net/keys.ts";
import { nextKeyPath, requestedKeyPath } from "../core/rotation/names.ts";
import { isOldEnough } from "../core/rotation/age.ts";
import type { KeyMove } from "../core/rotation/turn.ts";
import type { Settings } from "../core/settings/settings.ts";
import { copyAtomically, readText, removeFile, writeAtomically } from "./files.ts";
import { makeKey, readPublicKey } from "./key_file.ts";

/** What the files beside the key file say. */
export interface Rotation {
  /** From the announcement to the end of a rotation. */
  readonly nextKey?: PublicKey;
  /** One is to begin. */
  readonly isRotationDue?: true;
  /** Why the next key cannot be told: then no rotation begins, and none goes on. */
  readonly trouble?: string;
}

/** Reads them. What is wrong with them keeps no agent from its work. */
export async function readRotation(
  { privateKeyPath, keyRotation, nodeName }: Pick<Settings, "privateKeyPath" | "keyRotation" | "nodeName">,
): Promise<Rotation> {
  try {
    const nextKey = await readPublicKey(nextKeyPath(privateKeyPath));
    if (nextKey !== undefined) return { nextKey };
  } catch (error) {
    return { trouble: `${(error as Error).message}; no key rotates until then` };
  }
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
      // Where it holds no key another one is made.
      if (await readPublicKey(requested).catch(() => undefined) === undefined) {
        await writeAtomically(next, makeKey(), 0o600);
      } else await copyAtomically(requested, next, 0o600);
      await removeFile(requested);
      return;
    case "takeOver":
      // Never in place of a key what is none.
      await readPublicKey(next);
      // The next key's file stays: what is the same in both has not come back to the first interface yet.
      return await copyAtomically(next, path, 0o600);
    case "end":
      await removeFile(requested); // of an agent that was killed as it began
      await removeFile(next);
  }
}
