// Private keys of declared WireGuard interfaces: files on the node, made where they are missing. Nothing but wg and Web Crypto
// ever reads them.

import type { DeclaredObject } from "../../core/declared/declared_object.ts";
import { keyNameOf } from "../../core/declared/want/interfaces_of.ts";
import type { PublicKey } from "../../core/net/keys.ts";
import type { GivenSettings } from "../../core/settings/settings.ts";
import { removeEmptyFolder, removeFile, writeAtomically } from "../files.ts";
import { folderOf } from "../paths.ts";
import { makeKey, readInterfaceKey, readPublicKey } from "../key_file.ts";

/** The folder of the private keys: beside that of the pod network. */
export function declaredKeyFolder({ privateKeyPath }: Pick<GivenSettings, "privateKeyPath">): string {
  return `${folderOf(privateKeyPath)}/declared`;
}

/** Keys, and what a killed agent has left of one; returns what was removed. */
export async function removeDeclaredKeys(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const { name } of await Array.fromAsync(Deno.readDir(folder)).catch(() => [])) {
    const path = `${folder}/${name}`;
    if (/[.](key|temp)$/.test(name) && await removeFile(path)) removed.push(path);
  }
  if (await removeEmptyFolder(folder)) removed.push(folder);
  return removed;
}

/**
 * Removes those of objects of namespaces that are there no more: who has all rights in one could fill the disk with them, and the next
 * of that name is somebody else's. Those that an earlier agent has kept under another name are nobody's either.
 * @param objects all that there are for this node
 */
export async function forgetTenantKeys(folder: string, objects: readonly DeclaredObject[]): Promise<void> {
  const kept = new Set(objects.filter((it) => it.kind === "PodWireGuardInterface").map(keyNameOf));
  for (const { name } of await Array.fromAsync(Deno.readDir(folder)).catch(() => [])) {
    // Behind a namespace stands what no name of an object has, and so no other key.
    if (name.includes("_") && name.endsWith(".key") && !kept.has(name.slice(0, -4))) {
      await removeFile(`${folder}/${name}`);
    }
  }
}

/**
 * The public keys of those files, by name; what cannot be read or written is told, and costs the others nothing.
 * @param interfaces one that has the key, by the name of the file; undefined: none
 */
export async function ensureDeclaredKeys(
  folder: string,
  interfaces: ReadonlyMap<string, string | undefined>,
  onError: (name: string, error: Error) => void,
): Promise<ReadonlyMap<string, PublicKey>> {
  const keys = new Map<string, PublicKey>();
  for (const [name, interfaceName] of interfaces) {
    const path = `${folder}/${name}.key`;
    try {
      const key = await readPublicKey(path) ?? await make(path, interfaceName);
      if (key !== undefined) keys.set(name, key);
    } catch (error) {
      onError(name, error as Error);
    }
  }
  return keys;
}

/** From the interface that has it, by which the others know this host, as that of the pod network (0019). */
async function make(path: string, interfaceName: string | undefined): Promise<PublicKey | undefined> {
  const standing = interfaceName === undefined ? undefined : await readInterfaceKey(interfaceName);
  await writeAtomically(path, standing ?? makeKey(), 0o600);
  return await readPublicKey(path);
}
