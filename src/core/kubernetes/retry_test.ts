import assert from "node:assert/strict";
import { retryAfterMs, retryMs } from "./retry.ts";

const cases: readonly [failures: number, chance: number, askedMs: number, ms: number][] = [
  [1, 0, 0, 0],
  [1, 1, 0, 500],
  [2, 1, 0, 1_000],
  [3, 0.5, 0, 1_000],
  [7, 1, 0, 30_000],
  [1_000, 1, 0, 30_000],
  [1, 1, 5_000, 5_500],
  [1, 0, 3_600_000, 60_000],
];
for (const [failures, chance, askedMs, ms] of cases) {
  Deno.test(`failure ${failures}, chance ${chance}, asked for ${askedMs} ms: again in ${ms} ms`, () => {
    assert.equal(retryMs({ failures, chance, askedMs }), ms);
  });
}

const headers: readonly [header: string | null, ms: number][] = [
  [null, 0],
  ["1", 1_000],
  ["120", 120_000],
  ["Wed, 21 Oct 2026 07:28:00 GMT", 0],
  ["-1", 0],
  ["99999999999999999999", 0],
];
for (const [header, ms] of headers) {
  Deno.test(`Retry-After ${header} is ${ms} ms`, () => assert.equal(retryAfterMs(header), ms));
}
