// The inotify watch of one folder, set again when another folder has taken its place.
// As Deno 2.9 passes inotify on: `access` is a close after writing, a vanished path is always `remove`, and
// nothing is told of links that lead out of the folder. So events say where to look, never what is there.

import { nameIn, pathIn } from "../paths.ts";

/** What an event says of a file: somebody may be writing it (or changed its mode), or left it there whole. */
export type Hint = "written" | "whole";

/** Calls `hear` with a file's path, or with null when anything in the folder may have changed. */
export class FolderWatch {
  /** Why there are no events; null while there are. */
  failure: string | null = "not watched";
  #identity = "";
  #watcher: Deno.FsWatcher | null = null;
  /** The end of the last watcher's events; null when they have ended. */
  #ending: Promise<void> | null = null;

  constructor(private readonly hear: (path: string | null, hint: Hint) => void) {}

  /** Watches this folder; true when it did not before, so that what happened until now was not heard. */
  keep(folder: string, info: Deno.FileInfo | null): boolean {
    const identity = `${info?.dev}:${info?.ino}:${folder}`;
    if (this.#watcher !== null && identity === this.#identity) return false;
    this.#drop();
    this.#identity = identity;
    if (this.#ending === null) {
      this.#open(folder);
    } else {
      // Deno (2.9.6) shares one inotify watch between watchers of one path: another folder in its place is heard
      // only when the old watcher is quite gone.
      this.#ending.then(() => {
        if (identity !== this.#identity || this.#watcher !== null) return;
        this.#open(folder);
        this.hear(null, "whole");
      });
    }
    return true;
  }

  async close(): Promise<void> {
    this.#identity = "";
    this.#drop();
    await this.#ending;
  }

  #open(folder: string): void {
    try {
      this.#watcher = Deno.watchFs(folder, { recursive: false });
      this.#ending = this.#follow(this.#watcher, folder);
      this.failure = null;
    } catch (error) {
      this.failure = messageOf(error);
    }
  }

  #drop(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  async #follow(watcher: Deno.FsWatcher, folder: string): Promise<void> {
    try {
      for await (const event of watcher) {
        if (watcher !== this.#watcher) continue;
        // Among them the overflow of inotify's queue, `any` with the flag `rescan`.
        if (event.kind === "any" || event.kind === "other") this.hear(null, "whole");
        for (const path of event.paths) this.#tell(event.kind, path, folder);
      }
    } catch (error) {
      if (watcher === this.#watcher) {
        this.failure = messageOf(error);
        this.#watcher = null;
      }
    }
    this.#ending = null;
  }

  #tell(kind: Deno.FsEvent["kind"], path: string, folder: string): void {
    // The folder was removed or renamed: the watch is dead, or follows it to where it is no longer ours.
    if (path === folder) this.#drop();
    // kubelet swaps the content of a mounted ConfigMap by renaming the link `..data`.
    const isEverything = path === folder || nameIn(path).startsWith("..");
    const hint = kind === "create" || kind === "modify" ? "written" : "whole";
    this.hear(isEverything ? null : pathIn(folder, nameIn(path)), hint);
  }
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
