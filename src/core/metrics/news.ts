// For how long something is news.

/** Remembers the text that is told now. */
export class News {
  #text: string | undefined;
  #sinceMs = 0;

  constructor(private readonly lastsMs: number) {}

  /**
   * True while this text has been told for less than it is news.
   * @param text undefined: there is nothing to tell, and what comes after is news again
   * @param nowMs of a clock that nobody sets
   */
  isNews(text: string | undefined, nowMs: number): boolean {
    if (text !== this.#text) this.#sinceMs = nowMs;
    this.#text = text;
    return text !== undefined && nowMs - this.#sinceMs < this.lastsMs;
  }
}
