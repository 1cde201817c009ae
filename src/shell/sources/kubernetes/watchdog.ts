// Ends what has been silent for too long: a connection that is dead says nothing at all.

/** Thrown into a request by its {@link Watchdog}. */
export class Silence extends Error {
  override readonly name = "Silence";
}

/** Watches one request, from when something came first until it is disposed of. */
export class Watchdog implements Disposable {
  readonly controller = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;
  #heardMs = 0;

  readonly #signals: readonly AbortSignal[];

  /** @param signals end the request too, for their reasons */
  constructor(private readonly silenceMs: number, ...signals: readonly AbortSignal[]) {
    this.#signals = signals;
    for (const signal of signals) {
      signal.addEventListener("abort", this.#end);
      if (signal.aborted) this.#end();
    }
  }

  /** Something came. */
  heard(): void {
    this.#heardMs = performance.now();
    this.#timer ??= setInterval(this.#look, Math.max(10, this.silenceMs / 10));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#end);
    this.controller.abort(); // and the rest of the body with it
  }

  readonly #look = (): void => {
    if (performance.now() - this.#heardMs < this.silenceMs) return;
    this.controller.abort(new Silence(`nothing was heard for ${this.silenceMs / 1000} s`));
  };

  readonly #end = (): void => this.controller.abort(this.#signals.find(({ aborted }) => aborted)?.reason);
}
