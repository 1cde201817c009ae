// A source of the Kubernetes API that stands while somebody needs it.

import type { SourceProblem } from "../node_source.ts";
import type { KubernetesSource } from "./kubernetes_source.ts";

/** How it is made. */
export interface NeededOptions<T> {
  readonly make: () => KubernetesSource<T>;
  readonly onChange: () => void;
  readonly lingerMs: number;
}

/** A source that stands while it is needed, and a while longer. */
export class NeededSource<T> {
  #source: KubernetesSource<T> | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;
  /** Until those that were given up have ended. */
  #ending: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(private readonly options: NeededOptions<T>) {}

  /** All objects; none while it is not needed. */
  items(): readonly T[] {
    return this.#source?.state().items ?? [];
  }

  get isComplete(): boolean {
    return this.#source?.state().complete === true;
  }

  get size(): number {
    return this.#source?.size ?? 0;
  }

  get(name: string): T | undefined {
    return this.#source?.get(name);
  }

  problems(): readonly SourceProblem[] {
    return this.#source?.state().problems ?? [];
  }

  doubt(): void {
    this.#source?.doubt();
  }

  need(isNeeded: boolean): void {
    if (this.#isClosed) return;
    if (isNeeded) {
      clearTimeout(this.#lingering);
      this.#lingering = undefined;
      if (this.#source === undefined) this.#open();
    } else if (this.#source !== undefined) {
      this.#lingering ??= setTimeout(() => this.#giveUp(), this.options.lingerMs);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#lingering);
    await Promise.all([this.#source?.close(), this.#ending]);
  }

  #open(): void {
    const source = this.#source = this.options.make();
    source.start().then(() => {
      if (this.#source === source && !this.#isClosed) this.options.onChange();
    });
  }

  #giveUp(): void {
    const source = this.#source;
    this.#lingering = this.#source = undefined;
    if (source === undefined) return;
    this.#ending = Promise.all([this.#ending, source.close()]).then(() => {});
    source.forget();
    this.options.onChange();
  }
}
