// One --nodes path, a file or a folder: keeps the last good content of each file in it.
// Events only say where to look, so that a lost one costs time and nothing else: names are compared every second,
// all files every 30 s, and every second where nothing can be watched.

import { Refusal } from "../../core/net/refusal.ts";
import { Agenda } from "./agenda.ts";
import {
  type FileContent,
  type FileReading,
  glanceAt,
  infoOf,
  readContent,
  stampOf,
  Unsettled,
  versionOf,
  youthMs,
} from "./file_content.ts";
import { FolderWatch, type Hint, messageOf } from "./folder_watch.ts";
import type { SourceOptions, SourceProblem } from "./node_source.ts";
import { absolutePath, folderOf, pathIn } from "../paths.ts";

/** What is known of one file. */
interface Entry<T> {
  /** Of what was read last. */
  stamp: string;
  inode: number | null;
  /** The last good one. */
  content: FileContent<T> | null;
  reason: string | null;
  isPending: boolean;
}

const EVERYTHING = "";
const COALESCE_MS = 2;
const RETURN_MS = 10;
const LOOK_MS = 1_000;
const LOOKS_PER_FULL_LOOK = 30;
const FILE_TIME_RESOLUTION_MS = 50;
const MANIFEST = /^[^.].*\.(?:yaml|yml|json)$/;

/** What is read, and who hears of it. */
export interface WatchedOptions<T> extends FileReading<T>, Pick<SourceOptions<T>, "onChange"> {
  /** Called after each look, before the change that it may have found is told. */
  readonly onLook: () => void;
}

/** A watched file or folder: `open` once, `close` at the end. `onChange` is not called before `open` returns. */
export class WatchedPath<T> {
  /** Absolute. */
  readonly path: string;
  /** When somebody did something there, be it to a file that is not read; by performance.now(). */
  stirredMs = 0;
  readonly #options: WatchedOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();
  /** Files that were not there at the last look, and since when. */
  readonly #missing = new Map<string, number>();
  readonly #watch = new FolderWatch((path, hint) => this.#hear(path, hint));
  readonly #agenda = new Agenda((path, whole) => this.#lookAt(path, whole), () => this.#tell());
  #sorted: readonly [string, Entry<T>][] | null = null;
  #links: ReadonlySet<string> = new Set();
  #folder = "";
  #isFolder = false;
  #listedTime = -1;
  #reason: string | null = null;
  #deafness: string | null = null;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  #isComplete = false;
  #hasChanged = false;

  constructor(path: string, options: WatchedOptions<T>) {
    this.path = absolutePath(path);
    this.#options = options;
  }

  /** Reads what is there, then watches. */
  open(): void {
    this.#look(true);
    this.#agenda.flush();
    this.#hasChanged = false;
    this.#ticker = setInterval(() => {
      this.#look(++this.#ticks % LOOKS_PER_FULL_LOOK === 0);
      this.#tell();
    }, LOOK_MS);
  }

  /** Ends all watching; resolves when nothing is left of it. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#agenda.close();
    await this.#watch.close();
  }

  /** A folder was listed once, or a file taken in once. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** There is no such path, or it cannot be looked at. */
  get isAway(): boolean {
    return this.#reason !== null;
  }

  /** The values of all files, in the order of file names. */
  items(): T[] {
    const items: T[] = [];
    for (const [, { content }] of this.#inOrder()) {
      for (const value of content?.values ?? []) items.push(value);
    }
    return items;
  }

  /** Whether any of its values is such a one. One file may be missing for a moment, many are gone. */
  some(test: (value: T) => boolean): boolean {
    const isThere = (path: string) => this.#missing.size < 2 || !this.#missing.has(path);
    return this.#entries.entries().some(([path, { content }]) => isThere(path) && content?.values.some(test));
  }

  problems(): SourceProblem[] {
    const problems: SourceProblem[] = [];
    const own = this.#reason ?? (this.#deafness && `cannot be watched, is polled (${this.#deafness})`);
    if (own !== null) {
      problems.push({ path: this.path, reason: own, isUnread: !this.#isComplete, isPending: false });
    }
    for (const [path, { reason, content, isPending }] of this.#inOrder()) {
      if (reason !== null) problems.push({ path, reason, isUnread: content === null, isPending });
    }
    return problems;
  }

  #inOrder(): readonly [string, Entry<T>][] {
    return this.#sorted ??= [...this.#entries].sort(([a], [b]) => a < b ? -1 : 1);
  }

  #tell(): void {
    this.#options.onLook();
    // A file that is moved is one change: what came is told together with what went.
    if (!this.#hasChanged || this.#missing.size > 0) return;
    this.#hasChanged = false;
    this.stirredMs = performance.now();
    this.#options.onChange();
  }

  #hear(path: string | null, hint: Hint): void {
    this.stirredMs = performance.now();
    if (path === null) return this.#soon(EVERYTHING);
    const isOurs = this.#isFolder ? MANIFEST.test(path.slice(this.#folder.length + 1)) : path === this.path;
    if (isOurs) this.#soon(path, hint === "whole" ? glanceAt(path) : null);
  }

  /** Plans a look; what stands there now is whole where its `info` is given. */
  #soon(path: string, info: Deno.FileInfo | null = null): void {
    this.#agenda.plan(path, COALESCE_MS, info && versionOf(info));
  }

  /** Finds what came and went; with `everything` also what changed. */
  #look(everything: boolean): void {
    try {
      const info = infoOf(this.path);
      this.#isFolder = info?.isDirectory ?? false;
      this.#folder = this.#isFolder ? this.path : folderOf(this.path);
      const folder = this.#isFolder ? info : infoOf(this.#folder);
      const wasDeaf = this.#watch.keep(this.#folder, folder);
      if (this.#watch.failure !== this.#deafness) this.#hasChanged = true;
      this.#deafness = this.#watch.failure;
      if (everything || wasDeaf || this.#isNewer(folder)) this.#list(everything || wasDeaf);
      for (const path of this.#links) this.#compare(path);
      this.#say(info === null && this.#entries.size === 0 ? "does not exist" : null);
    } catch (error) {
      this.#say(messageOf(error));
    }
  }

  #say(reason: string | null): void {
    if (reason !== this.#reason) this.#hasChanged = true;
    this.#reason = reason;
  }

  /** True when names may have come or gone since the last listing. */
  #isNewer(folder: Deno.FileInfo | null): boolean {
    const time = folder?.mtime?.getTime() ?? -1;
    const isSame = time === this.#listedTime;
    // What happens within the clock's resolution of a listing leaves no trace: list once more.
    this.#listedTime = Date.now() - time < FILE_TIME_RESOLUTION_MS ? -1 : time;
    return !isSame;
  }

  #list(everything: boolean): void {
    const found = new Set<string>();
    const links = new Set<string>();
    for (const { path, isLink } of this.#names()) {
      found.add(path);
      if (isLink) links.add(path);
      if (everything || !this.#entries.has(path)) this.#compare(path);
    }
    for (const path of this.#entries.keys()) if (!found.has(path)) this.#soon(path);
    this.#links = links;
    if (this.#isFolder) this.#complete();
  }

  /** What a link leads to lies elsewhere, and a file that was named itself is only one: both are compared every second. */
  *#names(): Iterable<{ path: string; isLink: boolean }> {
    if (!this.#isFolder) return yield { path: this.path, isLink: true };
    for (const { name, isDirectory, isSymlink } of Deno.readDirSync(this.#folder)) {
      if (MANIFEST.test(name) && !isDirectory) yield { path: pathIn(this.#folder, name), isLink: isSymlink };
    }
  }

  #compare(path: string): void {
    if (this.#agenda.has(path)) return;
    const info = glanceAt(path);
    if (info !== null && stampOf(info) === this.#entries.get(path)?.stamp) return;
    // Before the first state is told there is no good content to keep.
    this.#soon(path, this.#ticker === undefined ? info : null);
  }

  #complete(): void {
    if (!this.#isComplete) this.#hasChanged = true;
    this.#isComplete = true;
  }

  /** `whole` is the version in which the file was left whole; any other is read when nobody writes it any more. */
  #lookAt(path: string, whole: string | null): void {
    if (path === EVERYTHING) return this.#look(true);
    const entry = this.#entries.get(path) ??
      { stamp: "", inode: null, content: null, reason: null, isPending: false };
    try {
      const link = infoOf(path, Deno.lstatSync);
      if (link?.isDirectory && !this.#isFolder) return this.#soon(EVERYTHING);
      if (link === null || link.isDirectory) return this.#lose(path);
      this.#missing.delete(path);
      const info = link.isSymlink ? Deno.statSync(path) : link;
      const isSwapped = link.isSymlink && info.ino !== entry.inode;
      const waitMs = versionOf(info) === whole || isSwapped ? 0 : youthMs(info);
      if (waitMs > 0) return this.#agenda.plan(path, waitMs);
      entry.stamp = stampOf(info);
      entry.inode = info.ino;
      this.#take(path, entry, readContent({ path, info, before: entry.content }, this.#options));
    } catch (error) {
      this.#missing.delete(path);
      entry.isPending = false;
      this.#note(entry, messageOf(error));
    }
    if (!this.#entries.has(path)) this.#sorted = null;
    this.#entries.set(path, entry);
    if (!this.#isFolder) this.#say(null);
  }

  /** A file that is gone may come back at once, as with editors that move it away and write it anew. */
  #lose(path: string): void {
    if (!this.#entries.has(path)) return;
    const since = this.#missing.get(path) ?? performance.now();
    const waitMs = since + RETURN_MS - performance.now();
    if (waitMs > 0) {
      this.#missing.set(path, since);
      return this.#agenda.plan(path, waitMs);
    }
    this.#missing.delete(path);
    this.#entries.delete(path);
    this.#sorted = null;
    this.#hasChanged = true;
    if (!this.#isFolder) this.#soon(EVERYTHING);
  }

  #take(path: string, entry: Entry<T>, content: FileContent<T> | Refusal | Unsettled): void {
    entry.isPending = content instanceof Unsettled;
    if (content instanceof Unsettled) {
      this.#agenda.plan(path, content.retryMs);
      return this.#note(entry, content.reason ?? entry.reason);
    }
    if (content instanceof Refusal) return this.#note(entry, content.reason);
    this.#note(entry, null);
    const before = entry.content?.values ?? [];
    const { values } = content;
    if (before.length !== values.length || values.some((value, i) => value !== before[i])) {
      this.#hasChanged = true;
    }
    entry.content = content;
    if (!this.#isFolder) this.#complete();
  }

  #note(entry: Entry<T>, reason: string | null): void {
    if (reason !== entry.reason) this.#hasChanged = true;
    entry.reason = reason;
  }
}
