// Objects of one kind from the Kubernetes API: a list, then a watch from where the list ended, for ever. What is known stays as
// it is while the API is out of reach, whatever it answers, and until a new list is complete.

import { isEarlier } from "../../../core/kubernetes/object_list.ts";
import { NODES, type Resource } from "../../../core/kubernetes/resource.ts";
import { retryMs } from "../../../core/kubernetes/retry.ts";
import type { Liveness, NodeSource, SourceOptions, SourceProblem, SourceState } from "../node_source.ts";
import { type ApiClient, ApiError } from "./api_client.ts";
import { ObjectStore, type StoreOptions } from "./object_store.ts";
import { readList, readVersion } from "./read_list.ts";
import { type Happening, readWatch } from "./read_watch.ts";
import { Silence } from "./watchdog.ts";

/** What the source needs of its user. */
export interface KubernetesOptions<T>
  extends SourceOptions<T>, Pick<StoreOptions<T>, "pick" | "listener" | "mostOfNamespace"> {
  /** What is listed and watched; by default Nodes. */
  readonly resource?: Resource;
  /** What was silent for so long is taken for dead, and asked for anew on another connection. */
  readonly silenceMs?: number;
  /** Called when the API is out of reach, or refuses: whoever else listens to it may be deaf. */
  readonly onLost?: (error: Error) => void;
}

const SILENCE_MS = 15_000;
/** A change is told at once, but not more often than this. */
const TELL_MS = 10;
/** A watch that ends sooner is a failure: else a server that ends each at once would be asked without a pause. */
const SHORT_MS = 1_000;
const GONE = 410;

/** The Nodes of one cluster, or what else is asked for. */
export class KubernetesSource<T> implements NodeSource<T> {
  readonly places: readonly string[];
  readonly #store: ObjectStore<T>;
  readonly #silenceMs: number;
  readonly #end = new AbortController();
  #doubt = new AbortController();
  readonly #firstTry = Promise.withResolvers<void>();
  /** As it was told last. */
  #state: SourceState<T> = { items: [], complete: false, problems: [] };
  #isComplete = false;
  #problem: SourceProblem | undefined;
  #nameless = 0;
  /** What was seen last; empty: everything must be listed. */
  #version = "";
  /** The API was out of sight since: it may have been put back to an older state. */
  #isVersionDoubted = false;
  #failures = 0;
  /** The last thing that went wrong was a version that is gone, and no change has come since. */
  #wasGone = false;
  #heardMs: number | undefined;
  #telling: ReturnType<typeof setTimeout> | undefined;
  #toldMs = -Infinity;
  #isStarted = false;
  #running: Promise<void> | undefined;

  constructor(private readonly client: ApiClient, private readonly options: KubernetesOptions<T>) {
    this.places = [client.server];
    this.#store = new ObjectStore(options);
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  /** Resolves when the first list is there, or could not be had. */
  async start(): Promise<void> {
    this.#running = this.#run();
    await this.#firstTry.promise;
    this.#state = this.#newState();
    this.#isStarted = true;
  }

  /** In the order of names. */
  state(): SourceState<T> {
    return this.#state;
  }

  #newState(): SourceState<T> {
    const problems = [...this.#problem === undefined ? [] : [this.#problem], ...this.#namelessProblem()];
    return { items: this.#store.items(), complete: this.#isComplete, problems };
  }

  /** How many objects there are. */
  get size(): number {
    return this.#store.size;
  }

  /** The one of this name. */
  get(name: string): T | undefined {
    return this.#store.get(name);
  }

  /** What stands may be a connection to nobody: goes on from the last version on another one. */
  doubt(): void {
    this.#doubt.abort(new Silence("the API was out of reach"));
    this.#doubt = new AbortController();
  }

  /** Tells the listener that everything is gone; for one that was closed, after which it tells nothing more. */
  forget(): void {
    this.#store.draft().commit();
  }

  liveness(): Liveness {
    const ageMs = this.#heardMs === undefined ? undefined : performance.now() - this.#heardMs;
    return { heardMs: ageMs === undefined ? undefined : Math.round(Date.now() - ageMs) };
  }

  async close(): Promise<void> {
    this.#end.abort(new Error("closed"));
    clearTimeout(this.#telling);
    await this.#running;
    this.client.renew();
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        if (this.#version === "") await this.#list();
        this.#firstTry.resolve();
        await this.#watch();
      } catch (error) {
        if (this.#end.signal.aborted) break;
        await this.#fail(error as Error);
      }
    }
    this.#firstTry.resolve();
  }

  /** Takes the place of everything at once, when it is complete. */
  async #list(): Promise<void> {
    const draft = this.#store.draft();
    const { version, nameless } = await readList({ ...this.#reading(), draft });
    if (this.#end.signal.aborted) return;
    this.#version = version;
    this.#isVersionDoubted = false;
    const hasChanged = draft.commit() || !this.#isComplete || nameless !== this.#nameless;
    this.#isComplete = true;
    this.#nameless = nameless;
    this.#isWell(hasChanged);
  }

  async #watch(): Promise<void> {
    let hasChanged = false;
    const openMs = performance.now();
    const failures = this.#failures;
    const end = await readWatch({
      ...this.#reading(),
      doubt: this.#doubt.signal,
      version: this.#version,
      onOpen: async () => {
        if (this.#isVersionDoubted) await this.#requireSameHistory();
        this.#isWell(false);
      },
      isKnown: ({ name, mark }) => this.#store.hasMark(name, mark),
      onEvent: (event, version) => {
        if (this.#end.signal.aborted) return;
        this.#failures = 0;
        this.#wasGone = false;
        this.#version = version;
        if (this.#take(event)) hasChanged = true;
      },
      onTurn: () => {
        if (hasChanged) this.#tell();
        hasChanged = false;
      },
    });
    const lastedMs = performance.now() - openMs;
    if (end === "silent") this.#loseSight();
    if (lastedMs >= SHORT_MS) {
      this.#failures = 0;
      this.#wasGone = false;
    } else if (this.#failures === failures) await this.#pause(0);
  }

  #loseSight(): void {
    this.client.renew();
    this.#isVersionDoubted = true;
  }

  /**
   * A watch from a version that an API has not reached yet, for its etcd was restored from a backup, is silent until it
   * has, and then leaves out what is different (1.36.1).
   */
  async #requireSameHistory(): Promise<void> {
    const version = await readVersion(this.#reading());
    if (isEarlier(version, this.#version)) {
      throw new ApiError(`the API is at version ${version}, behind ${this.#version}`, { status: GONE });
    }
    this.#isVersionDoubted = false;
  }

  #reading() {
    return {
      client: this.client,
      resource: this.options.resource ?? NODES,
      silenceMs: this.#silenceMs,
      signal: this.#end.signal,
      onPart: () => this.#heardMs = performance.now(),
    };
  }

  #take(event: Happening): boolean {
    switch (event.type) {
      case "put":
        return this.#store.put(event.name, event.object, event.mark);
      case "delete":
        return this.#store.delete(event.name);
      case "bookmark":
        return false;
    }
  }

  #isWell(hasChanged: boolean): void {
    this.#heardMs = performance.now();
    if (this.#problem === undefined && !hasChanged) return;
    this.#problem = undefined;
    this.#tell();
  }

  /**
   * A version that is gone is no failure the first time: the list comes at once. An API that was away for long says so
   * when it is back, to somebody who has waited already.
   */
  async #fail(error: Error): Promise<void> {
    this.#loseSight();
    const isGone = error instanceof ApiError && error.status === GONE;
    if (isGone) this.#version = "";
    const isFirst = isGone && !this.#wasGone;
    this.#wasGone = isGone;
    if (isFirst) return;
    const reason = error.message;
    if (this.#problem?.reason !== reason) {
      const sinceMs = this.#problem?.sinceMs ?? Date.now();
      const isUnread = !this.#isComplete;
      if (this.#problem === undefined) this.options.onLost?.(error);
      this.#problem = { path: this.client.server, reason, isUnread, isPending: false, sinceMs };
      this.#tell();
    }
    this.#firstTry.resolve();
    await this.#pause(error instanceof ApiError ? error.askedMs : 0);
  }

  /** Waits for the next try, or for the end. */
  async #pause(askedMs: number): Promise<void> {
    this.#failures++;
    const ms = retryMs({ failures: this.#failures, chance: Math.random(), askedMs });
    const { signal } = this.#end;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }

  /** Many changes within a moment are told once. */
  #tell(): void {
    if (!this.#isStarted || this.#telling !== undefined || this.#end.signal.aborted) return;
    const waitMs = Math.max(0, this.#toldMs + TELL_MS - performance.now());
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.#toldMs = performance.now();
      this.#state = this.#newState();
      this.options.onChange();
    }, waitMs);
  }

  #namelessProblem(): SourceProblem[] {
    if (this.#nameless === 0) return [];
    const reason = `${this.#nameless} objects of the list have no name: they are left out`;
    return [{ path: this.client.server, reason, isUnread: false, isPending: false }];
  }
}
