// SHA-256 (FIPS 180-4) of a text. Names in the kernel stand for what is in a chain: nobody may make two contents of one
// name, and Web Crypto's digest has to be waited for.

const ROUNDS = 64;
const BLOCK_BYTES = 64;

/** The first 32 bits behind the point of the square or cube roots of the first primes. */
function roots(count: number, root: (prime: number) => number): Int32Array {
  const bits = new Int32Array(count);
  for (let prime = 2, found = 0; found < count; prime++) {
    let isPrime = true;
    for (let i = 2; i * i <= prime; i++) if (prime % i === 0) isPrime = false;
    if (isPrime) bits[found++] = (root(prime) % 1) * 2 ** 32;
  }
  return bits;
}

const CONSTANTS = roots(ROUNDS, Math.cbrt);
const START = roots(8, Math.sqrt);

/** The digest of the text's UTF-8, 32 bytes. */
export function sha256(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const state = Int32Array.from(START);
  const words = new Int32Array(ROUNDS);
  for (let offset = 0; offset < padded.length; offset += BLOCK_BYTES) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(offset + 4 * i);
    expand(words);
    compress(state, words);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setInt32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

function rotated(word: number, by: number): number {
  return word >>> by | word << (32 - by);
}

function expand(words: Int32Array): void {
  for (let i = 16; i < ROUNDS; i++) {
    const [w15, w2] = [words[i - 15]!, words[i - 2]!];
    const small0 = rotated(w15, 7) ^ rotated(w15, 18) ^ w15 >>> 3;
    const small1 = rotated(w2, 17) ^ rotated(w2, 19) ^ w2 >>> 10;
    words[i] = words[i - 16]! + small0 + words[i - 7]! + small1;
  }
}

function compress(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < ROUNDS; i++) {
    const big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = h + big1 + (e & f ^ ~e & g) + CONSTANTS[i]! + words[i]! | 0;
    const big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const second = big0 + (a & b ^ a & c ^ b & c) | 0;
    [h, g, f, e] = [g, f, e, d + first | 0];
    [d, c, b, a] = [c, b, a, first + second | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => state[i] = state[i]! + word);
}
