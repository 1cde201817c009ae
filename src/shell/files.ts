// The only place that writes files: a temporary file with its final mode, fsync, rename. Nobody ever reads half a file.

import { run } from "./command.ts";
import { folderOf, pathIn } from "./paths.ts";

/** Where everything of ours that must not survive a boot stands. */
export const RUN_FOLDER = "/run/wigglenet";

/** The file's text; undefined when it does not exist. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The target of a symbolic link; undefined when the path is none. */
export async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch {
    return undefined;
  }
}

/** Stdout is a file, which not its owner alone may open. By its number: a path under /proc may not be looked at, as shipped. */
export async function isOutputShared(): Promise<boolean> {
  const { fstatSync } = await import("node:fs"); // 12 MB that an agent has no use for
  const stdout = fstatSync(1);
  return stdout.isFile() && (stdout.mode & 0o077) !== 0;
}

let written = 0;

/** Puts a whole file in place, making its folder. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  await makeFolderOf(path);
  const temporary = `${path}.${Deno.pid}-${written++}.temp`;
  const file = await Deno.open(temporary, { write: true, createNew: true, mode });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  } finally {
    file.close();
  }
  await Deno.rename(temporary, path);
}

/** Puts a copy of a file in place, in a folder that is there. */
export async function copyAtomically(from: string, path: string, mode: number): Promise<void> {
  const temporary = `${path}.${Deno.pid}-${written++}.temp`;
  try {
    await Deno.copyFile(from, temporary);
    await Deno.chmod(temporary, mode);
    using file = await Deno.open(temporary, { write: true });
    await file.sync();
  } catch (error) {
    await removeFile(temporary);
    throw error;
  }
  await Deno.rename(temporary, path);
}

/**
 * Makes `path` a symbolic link to `target`, whatever stood there. By a program: Deno (2.9.6) makes links only for who may
 * write everywhere.
 */
export async function linkAtomically(path: string, target: string): Promise<void> {
  await makeFolderOf(path);
  const temporary = `${path}.${Deno.pid}-${written++}.temp`;
  await run({ program: "ln", args: ["-s", target, temporary] });
  await Deno.rename(temporary, path);
}

/**
 * Has `make` make something at a path of a folder that nobody else may enter, and moves it to `path` once its mode is
 * right. (To set the process's own mask for that long, Deno wants to be allowed everything of the system.)
 */
export async function makePrivately<T>(path: string, make: (path: string) => T): Promise<T> {
  await makeFolderOf(path);
  const folder = `${path}.${Deno.pid}-${written++}.temp`;
  await Deno.mkdir(folder, { mode: 0o700 });
  try {
    const made = make(`${folder}/it`);
    await Deno.chmod(`${folder}/it`, 0o600);
    await Deno.rename(`${folder}/it`, path);
    return made;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Removes a file if it is there; true when it was. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Hands a text to a program as a file and removes it afterwards. Not a pipe: a killed agent would leave the
 * program with the first half of a ruleset, which it may well execute.
 */
export async function withInput<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  await makeFolder(RUN_FOLDER);
  const path = `${RUN_FOLDER}/input-${Deno.pid}-${written++}`;
  try {
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    return await use(path);
  } finally {
    await removeFile(path); // also the half of it that a full disk took
  }
}

/** Makes a folder and those above it. */
async function makeFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
}

async function makeFolderOf(path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder !== "") await makeFolder(folder);
}

const LEFTOVER_MS = 60_000;

/**
 * Removes what a killed agent left unfinished beside these files and in our folder: nothing younger than a minute,
 * for an agent of another network namespace may be writing it, unless it is known that none is there.
 */
export async function sweepLeftovers(paths: readonly string[], minAgeMs = LEFTOVER_MS): Promise<void> {
  const folders = new Set([RUN_FOLDER, ...paths.map(folderOf)]);
  const prefixes = [
    `${RUN_FOLDER}/input-`,
    `${RUN_FOLDER}/cni-`,
    `${RUN_FOLDER}/agent.sock.`,
    ...paths.map((path) => `${path}.`),
  ];
  for (const folder of folders) {
    const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
    for (const { name } of entries) {
      const path = pathIn(folder, name);
      if (!/-\d+-\d+$|\.\d+-\d+\.temp$/.test(path) || !prefixes.some((prefix) => path.startsWith(prefix))) {
        continue;
      }
      // A verb that runs meanwhile removes its own.
      const mtime = await Deno.lstat(path).then((info) => info.mtime, () => null);
      if (mtime === null || Date.now() - mtime.getTime() < minAgeMs) continue;
      await Deno.remove(path, { recursive: true }).catch(() => {}); // another agent was quicker
    }
  }
}

/** Removes a folder that holds nothing; true when it did. */
export async function removeEmptyFolder(path: string): Promise<boolean> {
  return await Deno.remove(path).then(() => true, () => false);
}
