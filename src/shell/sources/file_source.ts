// Node objects from YAML and JSON files, watched. A file is taken in once it is whole; until then, and while it is
// broken, its last good content stays and the state names it.

import type { NodeSource, SourceOptions, SourceProblem, SourceState } from "./node_source.ts";
import { WatchedPath } from "./watched_path.ts";

/** Each of `paths` is a file of any name, or a folder of `*.yaml`, `*.yml` and `*.json` files (hidden ones are left out). */
export class FileSource<T> implements NodeSource<T> {
  readonly #paths: readonly WatchedPath<T>[];
  /** The last items of each path that it had any of. */
  readonly #last = new Map<WatchedPath<T>, readonly T[]>();
  #state: SourceState<T> | null = null;

  constructor(readonly places: readonly string[], options: SourceOptions<T>) {
    const onChange = () => {
      this.#state = null;
      options.onChange();
    };
    this.#paths = places.map((path) => new WatchedPath(path, { parse: options.parse, onChange }));
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
   * A path that had items and has none any more is lost (unmounted, emptied by a failed rsync) rather than given up, as
   * long as another has some: its last ones stay, and the state names it. Who means it starts the agent anew.
   */
  #newState(): SourceState<T> {
    const found = new Map(this.#paths.map((path) => [path, path.items()] as const));
    const isAnyLeft = [...found.values()].some((items) => items.length > 0);
    const lost: SourceProblem[] = [];
    for (const [path, items] of found) {
      const last = this.#last.get(path) ?? [];
      if (items.length > 0 || !isAnyLeft) this.#last.set(path, items);
      else if (last.length > 0) {
        found.set(path, [...last]);
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

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close()));
  }
}
