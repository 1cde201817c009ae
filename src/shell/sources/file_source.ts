// Node objects from YAML and JSON files, watched. A file is taken in once it is whole; until then, and while it is
// broken, its last good content stays and the state names it.

import type { NodeSource, SourceOptions, SourceState } from "./node_source.ts";
import { WatchedPath } from "./watched_path.ts";

/** Each of `paths` is a file of any name, or a folder of `*.yaml`, `*.yml` and `*.json` files (hidden ones are left out). */
export class FileSource<T> implements NodeSource<T> {
  readonly #paths: readonly WatchedPath<T>[];
  #state: SourceState<T> | null = null;

  constructor(paths: readonly string[], options: SourceOptions<T>) {
    const onChange = () => {
      this.#state = null;
      options.onChange();
    };
    this.#paths = paths.map((path) => new WatchedPath(path, { parse: options.parse, onChange }));
  }

  start(): Promise<void> {
    for (const path of this.#paths) path.open();
    this.#state = null;
    return Promise.resolve();
  }

  /** Items by path as given, file name, place in the file; the same object until something changed. */
  state(): SourceState<T> {
    return this.#state ??= {
      items: this.#paths.flatMap((path) => path.items()),
      complete: this.#paths.every((path) => path.isComplete),
      problems: this.#paths.flatMap((path) => path.problems()),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close()));
  }
}
