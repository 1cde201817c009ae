import assert from "node:assert/strict";
import { median, medianInterval, quantile, slopeOf } from "./statistics.ts";

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => count - i);
}

Deno.test("the median is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

Deno.test("a quantile is a value that was measured", () => {
  assert.equal(quantile(upTo(100), 0.99), 99);
  assert.equal(quantile(upTo(101), 0.99), 100);
  assert.equal(quantile([7], 0.99), 7);
});

Deno.test("the interval of the median leaves out as many values as the tables of the sign test say", () => {
  assert.deepEqual(medianInterval(upTo(5)), { low: 1, high: 5 });
  assert.deepEqual(medianInterval(upTo(6)), { low: 1, high: 6 });
  assert.deepEqual(medianInterval(upTo(10)), { low: 2, high: 9 });
  assert.deepEqual(medianInterval(upTo(20)), { low: 6, high: 15 });
  assert.deepEqual(medianInterval(upTo(100)), { low: 40, high: 61 });
});

Deno.test("of very many values the interval is that of a normal distribution, and ends", () => {
  assert.deepEqual(medianInterval(upTo(1_000)), { low: 469, high: 532 });
  assert.deepEqual(medianInterval(upTo(11_500)), { low: 5644, high: 5857 });
});

Deno.test("there is no median of nothing", () => {
  assert.throws(() => median([]), /no values/);
});

Deno.test("A slope is that of the line that fits best", () => {
  assert.equal(slopeOf([[0, 1], [1, 3], [2, 5]]), 2);
  assert.equal(slopeOf([[0, 1], [1, 0], [2, 0], [3, 1]]), 0);
  assert.equal(slopeOf([[7, 7]]), 0);
});
