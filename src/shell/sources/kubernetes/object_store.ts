// What is kept of the listed objects: of each its name, what `parse` made of it, and a fingerprint of what it was made of. The
// texts of 5,000 Nodes would be 3 MB; what makes digests, node:crypto, takes more (docs/decisions/0032).

import { Fingerprint } from "../../../core/kubernetes/fingerprint.ts";
import type { SourceOptions } from "../node_source.ts";
import { SEED } from "../../seed.ts";

interface Entry<T> {
  /** Of what was picked. */
  readonly print: number;
  readonly value: T;
  /** Of the event that told it last, where that has one. */
  mark: number | undefined;
}

/** Hears of each object that has changed, in place of whoever asks for all of them. */
export interface ObjectListener<T> {
  put(name: string, value: T): void;
  remove(name: string): void;
}

/** What becomes of an object. */
export interface StoreOptions<T> extends Pick<SourceOptions<T>, "parse"> {
  /** Of an object what `parse` reads, and nothing else: equal ones are parsed once. */
  readonly pick: (json: unknown) => unknown;
  readonly listener?: ObjectListener<T>;
  /** Of a namespace, which may have been filled to fill this memory: more are as if they were not there, until they are told again. */
  readonly mostOfNamespace?: number;
}

/** Objects by name. */
export class ObjectStore<T> {
  #entries = new Map<string, Entry<T>>();
  #counts = new Counts();
  /** Sorted; undefined: to be sorted anew. */
  #names: string[] | undefined;
  /** Values in that order; handed out, so never changed again. */
  #items: readonly T[] | undefined;

  constructor(readonly options: StoreOptions<T>) {}

  get size(): number {
    return this.#entries.size;
  }

  /** An object with this mark was put last under this name. */
  hasMark(name: string, mark: number): boolean {
    return this.#entries.get(name)?.mark === mark;
  }

  /** True when that changed anything. */
  put(name: string, object: unknown, mark?: number): boolean {
    const before = this.#entries.get(name);
    if (before === undefined && !this.#counts.takes(name, this.options.mostOfNamespace)) return false;
    const entry = this.#read(name, object, before);
    entry.mark = mark;
    if (entry === before) return false;
    this.#entries.set(name, entry);
    this.options.listener?.put(name, entry.value);
    if (before === undefined) this.#names = undefined;
    this.#items = undefined;
    return true;
  }

  /** True when it was there. */
  delete(name: string): boolean {
    if (!this.#entries.delete(name)) return false;
    if (this.options.mostOfNamespace !== undefined) this.#counts.leave(name);
    this.#names = this.#items = undefined;
    this.options.listener?.remove(name);
    return true;
  }

  /** A list in the making, to take the place of everything at once. */
  draft(): Draft {
    const entries = new Map<string, Entry<T>>();
    const counts = new Counts();
    return {
      size: () => entries.size,
      put: (name, object) => {
        if (!entries.has(name) && !counts.takes(name, this.options.mostOfNamespace)) return;
        entries.set(name, this.#read(name, object, this.#entries.get(name)));
      },
      commit: () => {
        this.#counts = counts;
        return this.#replace(entries);
      },
    };
  }

  /** In the order of names; none where a listener was told of them. */
  items(): readonly T[] {
    if (this.options.listener !== undefined) return [];
    return this.#items ??= this.#sortedNames().map((name) => this.#entries.get(name)!.value);
  }

  get(name: string): T | undefined {
    return this.#entries.get(name)?.value;
  }

  #replace(entries: Map<string, Entry<T>>): boolean {
    const before = this.#entries;
    const gone = [...before.keys()].filter((name) => !entries.has(name));
    const news = [...entries].filter(([name, entry]) => before.get(name) !== entry);
    this.#entries = entries;
    for (const name of gone) this.options.listener?.remove(name);
    for (const [name, { value }] of news) this.options.listener?.put(name, value);
    const isSame = gone.length === 0 && news.length === 0;
    if (!isSame) this.#names = this.#items = undefined;
    return !isSame;
  }

  #sortedNames(): readonly string[] {
    return this.#names ??= [...this.#entries.keys()].sort();
  }

  #read(name: string, object: unknown, before: Entry<T> | undefined): Entry<T> {
    const picked = this.options.pick(object);
    const print = printOf(JSON.stringify(picked));
    return before?.print === print
      ? before
      : { print, value: this.options.parse(picked, name), mark: undefined };
  }
}

/** How many objects each namespace has. */
class Counts {
  readonly #of = new Map<string, number>();

  /** Counts one more, where there is room for it; with no bound nobody counts. */
  takes(name: string, most: number | undefined): boolean {
    if (most === undefined) return true;
    const count = this.#of.get(namespaceOf(name)) ?? 0;
    if (count < most) this.#of.set(namespaceOf(name), count + 1);
    return count < most;
  }

  leave(name: string): void {
    const left = this.#of.get(namespaceOf(name))! - 1;
    if (left > 0) this.#of.set(namespaceOf(name), left);
    else this.#of.delete(namespaceOf(name));
  }
}

function namespaceOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function printOf(text: string): number {
  const fingerprint = new Fingerprint(SEED);
  fingerprint.addText(text);
  return fingerprint.value;
}

/** A list in the making. */
export interface Draft {
  readonly size: () => number;
  readonly put: (name: string, object: unknown) => void;
  /** True when that changed anything. */
  readonly commit: () => boolean;
}
