// The runtime's cache, filled by running the program where it will stand, and then written in one way: the same
// program gives the same bytes, and they can be read from a root that is read-only.

import { DatabaseSync } from "node:sqlite";
import { command } from "./command.ts";
import { environment, HOME, RUNTIME } from "./runtime.ts";
import { HOST_ARCHITECTURE } from "./runtime_binary.ts";
import type { Entry } from "./tar.ts";

/** What runs programs of an architecture here: nothing more for this machine's own, QEMU where it is installed. */
export async function emulatorFor(architecture: string): Promise<string | undefined> {
  if (architecture === HOST_ARCHITECTURE) return "";
  const path = `/usr/bin/qemu-${architecture === "arm64" ? "aarch64" : "x86_64"}-static`;
  return await Deno.stat(path).then(() => path, () => undefined);
}

/**
 * `HOME/cache` of a root that has runtime and program, as entries of a tree. Runs the program, in that root.
 * @param emulator a static program that runs those of the root, or nothing
 */
export async function warmCache(root: string, emulator: string): Promise<Entry[]> {
  const home = HOME.slice(1);
  const cache = `${root}${HOME}/cache`;
  await Deno.remove(cache, { recursive: true }).catch(() => {});
  await Deno.mkdir(cache);
  const env = environment({ isCompiled: false });
  const inside = "/.emulator";
  if (emulator !== "") await Deno.copyFile(emulator, `${root}${inside}`);
  const argv = [...enter(root), ...(emulator === "" ? [] : [inside, RUNTIME, "-qP"])];
  // The first run is told of files that it has not analysed yet.
  for (let i = 0; i < 2; i++) {
    await command([...argv, `${HOME}/wigglenet`, "version", "--warm"], { env, clearEnv: true });
  }
  if (emulator !== "") await Deno.remove(`${root}${inside}`);
  const entries = await cacheEntries(cache, `${home}/cache`);
  await Deno.remove(cache, { recursive: true });
  return entries;
}

/**
 * A cache that runs of the program have filled, as entries of a tree.
 * @param folder where it stands in the tree
 */
export async function cacheEntries(cache: string, folder: string): Promise<Entry[]> {
  const entries: Entry[] = [{ path: folder, mode: 0o755, content: "folder" }];
  for (const path of await filesIn(cache, "")) {
    const isDatabase = /^[^/]+_cache_v\d+$/.test(path);
    // Nothing else: where there is no `node`, the runtime makes one of itself here, 95 MB.
    if (!isDatabase && !path.startsWith("gen/")) continue;
    const content = isDatabase ? await settled(`${cache}/${path}`) : await Deno.readFile(`${cache}/${path}`);
    entries.push({ path: `${folder}/${path}`, mode: 0o644, content });
    // Without these two, SQLite cannot read a database in its write-ahead mode where it may not write.
    for (const beside of isDatabase ? ["-wal", "-shm"] : []) {
      entries.push({ path: `${folder}/${path}${beside}`, mode: 0o644, content: new Uint8Array() });
    }
  }
  return entries;
}

/** Changes the root to one with /proc, which the runtime asks who it is; in a user namespace where that takes one. */
export function enter(root: string): string[] {
  const user = Deno.uid() === 0 ? [] : ["--map-root-user"];
  const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"';
  return ["/usr/bin/unshare", "--mount", ...user, "/bin/sh", "-c", script, root];
}

/** The whole database, none of its history; marked as one in write-ahead mode, which the runtime would make it. */
async function settled(path: string): Promise<Uint8Array> {
  const copy = `${path}.settled`;
  const database = new DatabaseSync(path);
  // Files are loaded beside each other: the order of their rows is chance.
  const tables = database.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  );
  for (const { name } of tables.all()) {
    database.exec(`CREATE TEMP TABLE sorted AS SELECT * FROM "${name}" ORDER BY 1, 2; DELETE FROM "${name}";
      INSERT INTO "${name}" SELECT * FROM sorted ORDER BY rowid; DROP TABLE sorted`);
  }
  database.exec(`VACUUM INTO '${copy}'`);
  database.close();
  const bytes = await Deno.readFile(copy);
  await Deno.remove(copy);
  bytes.fill(2, 18, 20); // file format, sqlite.org/fileformat.html 1.3.3
  return bytes;
}

async function filesIn(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${path}`)) {
    const inside = path === "" ? name : `${path}/${name}`;
    if (isDirectory) found.push(...await filesIn(folder, inside));
    else found.push(inside);
  }
  return found.sort();
}
