// Bodies of answers: read whole or line by line, never more of them in memory than a bound.

/** Thrown for what is longer than it may be. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/** Bounds on the reading of a body. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** Called with each part that comes. */
  readonly onPart: () => void;
}

/** The whole body as text. Throws TooLong, and what the reading throws. */
export async function readBody(response: Response, { maxBytes, onPart }: BodyLimits): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    onPart();
    if ((bytes += part.length) > maxBytes) throw new TooLong(`it is longer than ${maxBytes} bytes`);
    parts.push(decoder.decode(part, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

const NEWLINE = 10;

/** Cuts parts of bytes into lines; keeps no more than one unfinished line. */
export class LineCutter {
  readonly #decoder = new TextDecoder();
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(readonly maxLineBytes: number) {}

  /** The lines that end in this part. Throws TooLong for one that has no end. */
  *cut(part: Uint8Array): Iterable<string> {
    let start = 0;
    for (;;) {
      const end = part.indexOf(NEWLINE, start);
      if (end < 0) break;
      yield this.#line(part.subarray(start, end));
      start = end + 1;
    }
    if (start < part.length) this.#keep(part.slice(start));
  }

  #line(last: Uint8Array): string {
    if (this.#parts.length === 0) return this.#decoder.decode(last);
    this.#keep(last);
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#bytes = 0;
    return this.#decoder.decode(whole);
  }

  #keep(part: Uint8Array): void {
    if ((this.#bytes += part.length) > this.maxLineBytes) {
      throw new TooLong(`it sent a line of more than ${this.maxLineBytes} bytes`);
    }
    this.#parts.push(part);
  }
}
