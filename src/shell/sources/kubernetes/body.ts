// Bodies of answers: read whole or piece by piece, never more of them in memory than a bound.

import { discard } from "../../relieve.ts";

/** Thrown for what is longer than it may be. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/** Bounds on the reading of a body. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** Called with each part that comes, with all that has come; to be done with before it returns. */
  readonly onPart: (body: Uint8Array) => void;
}

/**
 * The whole body. Read into memory for the longest one: what is not written to is not taken from the host, and no part
 * is copied or kept. Throws TooLong, and what the reading throws.
 */
export async function readBody(
  { body }: Response,
  { maxBytes, onPart }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  using source = new ByteSource(body);
  let buffer = new ArrayBuffer(maxBytes + 1);
  try {
    for (let bytes = 0;;) {
      const { done, value } = await source.read(new Uint8Array(buffer, bytes));
      if (done) return new Uint8Array(value!.buffer, 0, bytes);
      buffer = value.buffer;
      if ((bytes += value.length) > maxBytes) throw new TooLong(`it is longer than ${maxBytes} bytes`);
      onPart(new Uint8Array(buffer, 0, bytes));
    }
  } catch (error) {
    discard(buffer); // else it adds up with that of the next try
    throw error;
  }
}

const PART_BYTES = 64 << 10;

/** The parts of a body as they come, each to be done with before the next one: they share their memory. */
export async function* partsOf({ body }: Response): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  using source = new ByteSource(body);
  for (let buffer = new ArrayBuffer(PART_BYTES);;) {
    const { done, value } = await source.read(new Uint8Array(buffer));
    if (done) return;
    yield value;
    buffer = value.buffer;
  }
}

/** Reads a body into memory that it is given; without that, Deno takes 64 KB for each part. */
class ByteSource implements Disposable {
  readonly #reader: ReadableStreamBYOBReader;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader({ mode: "byob" });
  }

  read(view: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
    return this.#reader.read(view);
  }

  /** Whatever is not read is not wanted. */
  [Symbol.dispose](): void {
    this.#reader.cancel().catch(() => {});
  }
}

/** Cuts parts of a body into pieces; keeps no more than one unfinished piece. */
export interface Cutter {
  /**
   * The pieces that end in this part, each to be done with before the next one.
   * @throws TooLong for one that is longer than it may be
   */
  cut(part: Uint8Array): Iterable<Uint8Array>;
  /** What came ends within a piece. */
  readonly isAmid: boolean;
}

const NEWLINE = 10;

/** Cuts at the ends of lines. */
export class LineCutter implements Cutter {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(readonly maxBytes: number) {}

  get isAmid(): boolean {
    return this.#bytes > 0;
  }

  *cut(part: Uint8Array): Iterable<Uint8Array> {
    let start = 0;
    for (;;) {
      const end = part.indexOf(NEWLINE, start);
      if (end < 0) break;
      yield this.#line(part.subarray(start, end));
      start = end + 1;
    }
    if (start < part.length) this.#keep(part.slice(start));
  }

  #line(last: Uint8Array): Uint8Array {
    if (this.#parts.length === 0) return last;
    this.#keep(last);
    const whole = joined(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    return whole;
  }

  #keep(part: Uint8Array): void {
    if ((this.#bytes += part.length) > this.maxBytes) throw tooLongPiece(this.maxBytes);
    this.#parts.push(part);
  }
}

const HEAD_BYTES = 4;
const USUAL_BYTES = 64 << 10;

/** Cuts into frames: four bytes that say how long it is, the highest first, and so many more. */
export class FrameCutter implements Cutter {
  /** Used again and again: a buffer for each event would be 5 MB a second in a storm, and collected late. */
  readonly #usual = new Uint8Array(USUAL_BYTES);
  /** What is being filled: the head of a frame, then the rest. */
  #piece = this.#usual.subarray(0, HEAD_BYTES);
  #filled = 0;
  #isHead = true;

  constructor(readonly maxBytes: number) {}

  get isAmid(): boolean {
    return this.#filled > 0 || !this.#isHead;
  }

  *cut(part: Uint8Array): Iterable<Uint8Array> {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + this.#piece.length - this.#filled);
      this.#piece.set(taken, this.#filled);
      at += taken.length;
      this.#filled += taken.length;
      if (this.#filled < this.#piece.length) return;
      const piece = this.#piece;
      this.#filled = 0;
      this.#isHead = !this.#isHead;
      this.#piece = this.#room(this.#isHead ? HEAD_BYTES : this.#length(piece));
      if (this.#isHead) yield piece;
    }
  }

  #room(bytes: number): Uint8Array<ArrayBuffer> {
    return bytes > USUAL_BYTES ? new Uint8Array(bytes) : this.#usual.subarray(0, bytes);
  }

  #length(head: Uint8Array): number {
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    if (length > this.maxBytes) throw tooLongPiece(this.maxBytes);
    return length;
  }
}

function tooLongPiece(maxBytes: number): TooLong {
  return new TooLong(`it sent an event of more than ${maxBytes} bytes`);
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
