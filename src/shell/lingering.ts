// Something that goes on for a while when its reason is gone: until the others have heard of that.

/** Longer than it takes the others to hear of a Node. */
export const LINGER_MS = 10_000;
/** What is sent by something that others keep for so long because they have heard of this host: it ends before that. */
export const EARLY_MS = LINGER_MS / 2;

/** Knows how long, by a clock that nobody sets. */
export class Lingering {
  #endMs = -Infinity;

  /** @param onEnd called when it is over */
  constructor(private readonly onEnd: () => void) {}

  /** From now on, or once more, instead of what was left of it. */
  begin(ms = LINGER_MS): void {
    this.#endMs = performance.now() + ms;
    Deno.unrefTimer(setTimeout(this.onEnd, ms + 1));
  }

  /** True while it goes on. */
  get isOn(): boolean {
    return performance.now() < this.#endMs;
  }
}

/** As long is waited for what this host's Node is to say: an API may be slow to take it, and of manifests somebody writes it. */
const UNSAID_MS = 60_000;

/** Goes on for a while from where the others can hear of it, which is not where this host has it. */
export class LingeringUntilHeard {
  readonly #lingering: Lingering;
  #isSaid = false;

  /**
   * @param onEnd called when it is over
   * @param ms from there on
   */
  constructor(onEnd: () => void, private readonly ms = LINGER_MS) {
    this.#lingering = new Lingering(onEnd);
    this.#lingering.begin(UNSAID_MS);
  }

  /** The Node says it. Once is enough: what it says later is another agent's. */
  said(): void {
    if (this.#isSaid || !this.isOn) return;
    this.#isSaid = true;
    this.#lingering.begin(this.ms);
  }

  get isOn(): boolean {
    return this.#lingering.isOn;
  }
}
