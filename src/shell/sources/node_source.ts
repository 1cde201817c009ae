// Where Node objects come from: files are one such source, the Kubernetes API is the other.
// test/sources/behaviour.ts says what both must do. A source decides nothing about a Node's content.

/** What a source needs of its user. */
export interface SourceOptions<T> {
  /** Called once for each object; what it returns is kept instead of the object. `origin` says where the object stands. */
  readonly parse: (json: unknown, origin: string) => T;
  /** Called after {@link NodeSource.state} has changed; never from within `start`, never after `close`. */
  readonly onChange: () => void;
  /** By what an object is known again when it was away. By default none is. */
  nameOf?(item: T): string | undefined;
}

/** Something that could not be read, in an operator's words. Its last good content stays in the items. */
export interface SourceProblem {
  readonly path: string;
  readonly reason: string;
  /** Nothing of it was ever taken in, so that nobody knows what it holds. */
  readonly isUnread: boolean;
  /** Somebody may be writing it still: it is read again within seconds. */
  readonly isPending: boolean;
  /** Milliseconds since 1970, where it is known since when. */
  readonly sinceMs?: number;
}

/** What a source knows at one moment. */
export interface SourceState<T> {
  /** In an order that depends on names only, not on time. An unchanged object keeps its identical value. */
  readonly items: readonly T[];
  /** Everything that was asked for has been read at least once. Until then a missing item says nothing. */
  readonly complete: boolean;
  readonly problems: readonly SourceProblem[];
}

/** When a source that lives far away was last heard of. */
export interface Liveness {
  /** Milliseconds since 1970; undefined: never yet. */
  readonly heardMs: number | undefined;
}

/** A watched set of Node objects. */
export interface NodeSource<T> {
  /** Where an operator looks: paths, or the API's address. */
  readonly places: readonly string[];
  /** Reads everything there is, then watches. Missing or broken input is a problem in the state, not an error. */
  start(): Promise<void>;
  state(): SourceState<T>;
  /** Of a source that may fall silent. */
  liveness?(): Liveness;
  /** Releases every watch and timer. */
  close(): Promise<void>;
}
