// How often the laws that take longest are tried: a third of the times in the quick gate, by another seed each time, and every time in
// the layer slow (test/slow/laws_*_test.ts) or where a test file is told so: `deno test test/laws/rotation_test.ts -- whole`.

let whole = Deno.args.includes("whole");

/** From now on the laws of this process are tried as often as they say. For who imports it before them. */
export function tryWhole(): void {
  whole = true;
}

/** True where nothing is left out. */
export function isWhole(): boolean {
  return whole;
}

/** How often to try what is to be tried so often: a whole and even number. */
export function share(times: number): number {
  return whole ? times : 2 * Math.ceil(times / 6);
}

/** The number that a test file is given, as a failure has printed it; undefined: none. */
export function givenSeed(): number | undefined {
  const text = Deno.args.find((it) => /^\d+$/.test(it));
  return text === undefined ? undefined : Number(text);
}

/** With which words behind `--` the same is tried again. */
export function wordsOf(seed: number): string {
  return `${seed}${whole ? " whole" : ""}`;
}
