// Objects from YAML and JSON files, watched: Nodes, unless other kinds are asked for. A file is taken in once it is whole; until then, and while it is
// broken, its last good content stays and the state names it.

import type { NodeSource, SourceOptions, SourceProblem, SourceState } from "./node_source.ts";
import { WatchedPath } from "./watched_path.ts";
import type { FileReading } from "./file_content.ts";

/** What the source needs of its user. */
export interface FileOptions<T> extends SourceOptions<T>, FileReading<T> {
  /** It is never believed to be gone together with all others of its path. By default each is so. */
  readonly isVital?: (item: T) => boolean;
}

/** Each of `paths` is a file of any name, or a folder of `*.yaml`, `*.yml` and `*.json` files (hidden ones are left out). */
export class FileSource<T> implements NodeSource<T> {
  readonly #paths: readonly WatchedPath<T>[];
  /** The last items of each path that it had any of. */
  readonly #last = new Map<WatchedPath<T>, readonly T[]>();
  #state: SourceState<T> | null = null;

  constructor(readonly places: readonly string[], private readonly options: FileOptions<T>) {
    const onChange = () => {
      this.#state = null;
      options.onChange();
    };
    const { parse, kinds } = options;
    this.#paths = places.map((path) => new WatchedPath(path, { parse, kinds, onChange }));
  }

  start(): Promise<void> {
    for (const path of this.#paths) path.open();
    this.#state = null;
    return Promise.resolve();
  }

  /** Items by path as given, file name, place in the file; the same object until something changed. */
  state(): SourceState<T> {
    return this.#state ??= this.#newState();
  }

  /**
   * A path that had Nodes and has none any more is lost (unmounted, emptied by a failed rsync) rather than given up, as
   * long as another has some: its last items stay, and the state names it. Who means it starts the agent anew. So does
   * what is no Node, where the path itself is away: policies may be deleted, but do not end with a mount.
   */
  #newState(): SourceState<T> {
    const found = new Map(this.#paths.map((path) => [path, path.items()] as const));
    const isAnyLeft = [...found.values()].some((items) => this.#hasVital(items));
    const lost: SourceProblem[] = [];
    for (const [path, items] of found) {
      const last = this.#last.get(path) ?? [];
      const isLost = isAnyLeft && (this.#hasVital(last) ? !this.#hasVital(items) : path.isAway);
      if (!isLost) this.#last.set(path, items);
      else if (last.length > 0) {
        found.set(path, items.length === 0 ? [...last] : [...last.filter(this.#isVital), ...items]);
        const reason = `holds no Nodes any more: its last ${last.length} are kept`;
        lost.push({ path: path.path, reason, isUnread: false, isPending: false });
      }
    }
    return {
      items: [...found.values()].flat(),
      complete: this.#paths.every((path) => path.isComplete),
      problems: [...this.#paths.flatMap((path) => path.problems()), ...lost],
    };
  }

  readonly #isVital = (item: T): boolean => this.options.isVital?.(item) ?? true;

  #hasVital(items: readonly T[]): boolean {
    return items.some(this.#isVital);
  }

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close()));
  }
}
