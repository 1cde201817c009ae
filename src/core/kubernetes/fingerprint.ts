// Tells whether bytes are those that were seen before, at a few nanoseconds a byte: in place of a cryptographic digest, which
// costs more to ask for than a heartbeat may cost at all.

/** Two numbers of 32 bits that nobody else knows: without them nobody can make two texts of one fingerprint. */
export type Seed = ArrayLike<number>;

const FNV_PRIME = 0x01000193;
const MIX = 0x85ebca6b; // of MurmurHash3

/** FNV-1a beside a hash that rotates. */
export class Fingerprint {
  private a: number;
  private b: number;

  constructor(seed: Seed) {
    this.a = seed[0]! | 0;
    this.b = seed[1]! | 0;
  }

  /** What follows are so many bytes of a field: else two fields could pass for one. */
  begin(field: number, length: number): void {
    this.a = Math.imul(this.a ^ field, FNV_PRIME);
    this.b = Math.imul(this.b ^ length, MIX);
  }

  /** The bytes from `start` to `end`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    let { a, b } = this;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      a = Math.imul(a ^ byte, FNV_PRIME);
      b = Math.imul((b << 5 | b >>> 27) ^ byte, MIX);
    }
    this.a = a;
    this.b = b;
  }

  /** A text that is all there is. */
  addText(text: string): void {
    let { a, b } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, FNV_PRIME);
      b = Math.imul((b << 5 | b >>> 27) ^ unit, MIX);
    }
    this.a = a;
    this.b = b;
  }

  /** Of all that was added so far, in 53 bits. */
  get value(): number {
    return (this.a >>> 0) * 2 ** 21 + (this.b >>> 11);
  }
}

/** Takes the fingerprints of many things, one of each: nothing is made for it, where there are thousands. */
export class Fingerprinter {
  constructor(private readonly seed: Seed) {}

  /** That of the bytes from `start` to `end`. */
  of(bytes: Uint8Array, start: number, end: number): number {
    let a = this.seed[0]! | 0;
    let b = this.seed[1]! | 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      a = Math.imul(a ^ byte, FNV_PRIME);
      b = Math.imul((b << 5 | b >>> 27) ^ byte, MIX);
    }
    return (a >>> 0) * 2 ** 21 + (b >>> 11);
  }
}
