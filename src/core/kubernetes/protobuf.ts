// The wire format of protocol buffers, read where it stands: a field that nobody asks for is skipped by its length, and
// what is in it costs nothing. https://protobuf.dev/programming-guides/encoding/

import type { Fingerprint } from "./fingerprint.ts";

/** Thrown for bytes that are no message; whoever reads one answers for it. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const MAX_VARINT_BYTES = 10;
const MAX_TAG = 2 ** 32;

/** U+FEFF is a character like others. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A message, and the field of it that is read. Messages in it are read only where they are asked for: none can be too deep. */
export class Message {
  /** The number of the field. */
  field = 0;
  private wire = VARINT;
  private value = 0;
  private start = 0;

  /** That of `bytes` from `at` to `end`. */
  constructor(private readonly bytes: Uint8Array, private at = 0, private readonly end = bytes.length) {}

  /** Goes on to the next field; false: there is none. */
  next(): boolean {
    if (this.at === this.end) return false;
    const tag = this.varint();
    if (tag < 8 || tag >= MAX_TAG) throw new Malformed(`no field has the tag ${tag}`);
    this.field = tag >>> 3;
    this.wire = tag & 7;
    switch (this.wire) {
      case VARINT:
        this.value = this.varint();
        return true;
      case FIXED64:
        return this.skip(8);
      case BYTES:
        return this.skip(this.varint());
      case FIXED32:
        return this.skip(4);
      default:
        throw new Malformed(`field ${this.field} has the wire type ${this.wire}`);
    }
  }

  /** The message in the next field of this number, of which no more than the beginning may be there; undefined: there is none. */
  begun(field: number): Message | undefined {
    while (this.at < this.end) {
      const start = this.at;
      if (this.varint() === field * 8 + BYTES) {
        this.varint(); // how long it will be
        return new Message(this.bytes, this.at, this.end);
      }
      this.at = start;
      this.next();
    }
  }

  /** The field as a number that is not negative; above 2^53 it is not exact. */
  number(): number {
    if (this.wire !== VARINT) throw new Malformed(`field ${this.field} is no number`);
    return this.value;
  }

  /** The field as text. */
  text(): string {
    return decoder.decode(this.content());
  }

  /** The field is this text, all of it ASCII. */
  is(text: string): boolean {
    this.requireBytes();
    if (this.at - this.start !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[this.start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Adds the field, text, message or number, as it stands. */
  addTo(fingerprint: Fingerprint): void {
    if (this.wire === VARINT) return fingerprint.begin(this.field, this.value);
    this.requireBytes();
    fingerprint.begin(this.field, this.at - this.start);
    fingerprint.add(this.bytes, this.start, this.at);
  }

  /** The field as a message. */
  message(): Message {
    this.requireBytes();
    return new Message(this.bytes, this.start, this.at);
  }

  /** Goes past these bytes; false: something else stands there. */
  pass(prefix: readonly number[]): boolean {
    if (prefix.some((byte, i) => this.bytes[this.at + i] !== byte)) return false;
    return this.skip(prefix.length);
  }

  private content(): Uint8Array {
    this.requireBytes();
    return this.bytes.subarray(this.start, this.at);
  }

  private requireBytes(): void {
    if (this.wire !== BYTES) throw new Malformed(`field ${this.field} is neither text nor message`);
  }

  private skip(count: number): true {
    if (count > this.end - this.at) throw new Malformed(`field ${this.field} is longer than its message`);
    this.start = this.at;
    this.at += count;
    return true;
  }

  private varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES && this.at < this.end; i++) {
      const byte = this.bytes[this.at++]!;
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale;
      scale *= 128;
    }
    throw new Malformed("a number has no end");
  }
}
