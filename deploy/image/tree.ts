// Trees of entries: completed with the folders above each, and written to disk.

import type { Entry } from "./tar.ts";

/** The entries and every folder above them. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    for (let i = path.indexOf("/"); i > 0; i = path.indexOf("/", i + 1)) folders.add(path.slice(0, i));
  }
  for (const { path } of entries) folders.delete(path);
  return [...[...folders].map((path) => ({ path, mode: 0o755, content: "folder" as const })), ...entries];
}

/** Writes a tree into a folder, over what is there. */
export async function writeTree(folder: string, entries: readonly Entry[]): Promise<void> {
  for (const { path, mode, content } of entries.toSorted((a, b) => a.path < b.path ? -1 : 1)) {
    const target = `${folder}/${path}`;
    if (content === "folder") await Deno.mkdir(target, { recursive: true });
    else if (content instanceof Uint8Array) await Deno.writeFile(target, content, { mode });
    else {
      await Deno.remove(target).catch(() => {});
      await Deno.symlink(content.linkTo, target);
      continue; // its mode is that of what it leads to
    }
    await Deno.chmod(target, mode);
  }
}

/** Bytes of all files. */
export function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { content }) => sum + (content instanceof Uint8Array ? content.length : 0), 0);
}
