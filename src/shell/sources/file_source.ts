// Objects from YAML and JSON files, watched: Nodes, unless other kinds are asked for. A file is taken in once it is whole; until then, and while it is
// broken, its last good content stays and the state names it. A path that is emptied is not believed: see docs/decisions/0039.

import type { NodeSource, SourceOptions, SourceProblem, SourceState } from "./node_source.ts";
import { WatchedPath } from "./watched_path.ts";
import type { FileReading } from "./file_content.ts";

/** What the source needs of its user. */
export interface FileOptions<T> extends SourceOptions<T>, FileReading<T> {
  /** It is never believed to be gone together with all others of its path. By default each is so. */
  readonly isVital?: (item: T) => boolean;
  /** Not vital; but where a path has nothing else, and loses it all at once, it stays until nobody has touched that for a while. */
  readonly isLasting?: (item: T) => boolean;
  /** How long nobody must have touched a path that fills again, before what did not come back is gone. */
  readonly refillMs?: number;
}

/** Longer than a sync stands still between two files; a node that left meanwhile stays a peer for so long. */
const REFILL_MS = 10_000;

/** A path, and what is believed of it. */
interface Place<T> {
  readonly path: WatchedPath<T>;
  /** The last items. */
  last: readonly T[];
  /** It lost all that is vital, and has not had everything again since. */
  wasEmptied: boolean;
  /** Looks whether it is left alone. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Each of `paths` is a file of any name, or a folder of `*.yaml`, `*.yml` and `*.json` files (hidden ones are left out). */
export class FileSource<T> implements NodeSource<T> {
  readonly #places: readonly Place<T>[];
  #state: SourceState<T> | null = null;
  #isClosed = false;

  constructor(readonly places: readonly string[], private readonly options: FileOptions<T>) {
    const { parse, kinds } = options;
    this.#places = places.map((name) => {
      const onLook = () => this.#notice(place);
      const path = new WatchedPath(name, { parse, kinds, onLook, onChange: () => this.#change() });
      const place: Place<T> = { path, last: [], wasEmptied: false, timer: undefined };
      return place;
    });
  }

  start(): Promise<void> {
    for (const { path } of this.#places) path.open();
    this.#state = null;
    return Promise.resolve();
  }

  /** Items by path as given, file name, place in the file; the same object until something changed. */
  state(): SourceState<T> {
    return this.#state ??= this.#newState();
  }

  #change(): void {
    this.#state = null;
    this.options.onChange();
  }

  /** An emptied path is noticed at once: nobody may ask for the state before its first file is back. */
  #notice(place: Place<T>): void {
    const { path, last } = place;
    place.wasEmptied ||= !path.some(this.#isVital) && last.some(this.#isVital) ||
      !path.some(() => true) && last.some((item) => this.options.isLasting?.(item) ?? false);
  }

  #newState(): SourceState<T> {
    const isAnyLeft = this.#places.some(({ path }) => path.some(this.#isVital));
    const read = this.#places.map((place) => this.#read(place, isAnyLeft));
    return {
      items: read.flatMap(({ items }) => items),
      complete: this.#places.every(({ path }) => path.isComplete),
      problems: [
        ...this.#places.flatMap(({ path }) => path.problems()),
        ...read.flatMap(({ problem }) => problem ?? []),
      ],
    };
  }

  /**
   * A path that had Nodes and has none any more is lost (unmounted, emptied by a failed rsync) rather than given up: its last
   * items stay as long as another path has some, otherwise there is no Node. Once it has one again, those that are not
   * back yet stay until nobody has touched it for a while. What is no Node stays all the time; and also where the path
   * itself is away: policies may be deleted, but do not end with a mount.
   */
  #read(place: Place<T>, isAnyLeft: boolean): { items: readonly T[]; problem?: SourceProblem } {
    const { path, last, wasEmptied } = place;
    const found = path.items();
    const away = wasEmptied || (isAnyLeft && path.isAway) ? this.#notIn(found, last) : [];
    if (away.length === 0) {
      place.wasEmptied &&= last.some(this.#isVital) && !found.some(this.#isVital);
      return { items: place.last = found };
    }
    place.last = [...away, ...found];
    const isBack = found.some(this.#isVital);
    const isTimed = isBack || !last.some(this.#isVital);
    if (wasEmptied && isTimed) this.#waitForQuiet(place);
    const refilled = found.length > 0 ? ", and is filled again" : "";
    const reason = isTimed && wasEmptied
      ? `it was emptied${refilled}: ${away.length} that are not back yet stay until it is left alone`
      : `holds no Nodes any more: its last ${away.length} are kept`;
    if (!isBack && !isAnyLeft) return { items: place.last.filter((item) => !this.#isVital(item)) };
    return { items: place.last, problem: { path: path.path, reason, isUnread: false, isPending: isTimed } };
  }

  /** Those of `last` that were not found; an object that was read anew is known by its name. */
  #notIn(found: readonly T[], last: readonly T[]): T[] {
    const known = new Set(found.map(this.#idOf));
    return last.filter((item) => !known.has(this.#idOf(item)));
  }

  #waitForQuiet(place: Place<T>): void {
    const { refillMs = REFILL_MS } = this.options;
    const waitMs = Math.max(0, place.path.stirredMs + refillMs - performance.now());
    if (this.#isClosed || place.timer !== undefined) return;
    place.timer = setTimeout(() => {
      place.timer = undefined;
      if (performance.now() < place.path.stirredMs + refillMs) return this.#waitForQuiet(place);
      place.wasEmptied = !place.path.some(this.#isVital) && place.last.some(this.#isVital);
      this.#change();
    }, waitMs);
  }

  readonly #idOf = (item: T): unknown => this.options.nameOf?.(item) ?? item;

  readonly #isVital = (item: T): boolean => this.options.isVital?.(item) ?? true;

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { timer } of this.#places) clearTimeout(timer);
    await Promise.all(this.#places.map(({ path }) => path.close()));
  }
}
