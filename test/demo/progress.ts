// What the demo prints: one line a step with what came of it and how long it took.

/** Something came out otherwise than it should. */
export class Unexpected extends Error {
  constructor(readonly expected: string, readonly seen: string) {
    super(`expected ${expected}, saw ${seen}`);
  }
}

/** Throws {@link Unexpected} unless it holds. */
export function expect(holds: boolean, expected: string, seen: string): void {
  if (!holds) throw new Unexpected(expected, seen);
}

/** What came of a step, for the picture. */
export interface Done {
  readonly title: string;
  readonly result: string;
  readonly seconds: number;
}

const TITLE_WIDTH = 46;

/** Prints steps as they go. Colour and rewritten lines on a terminal only. */
export class Progress {
  readonly done: Done[] = [];
  readonly #isTerminal = Deno.stdout.isTerminal();
  readonly #hasColour = this.#isTerminal && !Deno.env.get("NO_COLOR");

  /** Runs one step; `tell` sets what came of it. */
  async step<T>(title: string, work: (tell: (result: string) => void) => Promise<T>): Promise<T> {
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    let result = "";
    this.#begin(title);
    try {
      const value = await work((text) => result = text);
      this.#end(this.#paint("32", "✓"), title, `${seconds().toFixed(1).padStart(5)} s  ${result}`);
      this.done.push({ title, result, seconds: seconds() });
      return value;
    } catch (error) {
      this.#end(this.#paint("31", "✗"), title, `${seconds().toFixed(1).padStart(5)} s`);
      if (!(error instanceof Unexpected)) throw error;
      console.log(`      expected: ${error.expected}\n      seen:     ${error.seen}`);
      throw error;
    }
  }

  /** A remark below a step. */
  note(text: string): void {
    console.log(this.#paint("2", `      ${text}`));
  }

  #begin(title: string): void {
    if (this.#isTerminal) Deno.stdout.writeSync(new TextEncoder().encode(`  … ${title}`));
  }

  #end(mark: string, title: string, rest: string): void {
    const toLineStart = this.#isTerminal ? "\r\x1b[K" : "";
    console.log(`${toLineStart}  ${mark} ${title.padEnd(TITLE_WIDTH)} ${rest}`);
  }

  #paint(colour: string, text: string): string {
    return this.#hasColour ? `\x1b[${colour}m${text}\x1b[0m` : text;
  }
}
