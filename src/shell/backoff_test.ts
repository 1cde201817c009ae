import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";

/** Passes that each repair the same; how many of them were told that it is contested. */
function repairs(backoff: Backoff, count: number, what = (_: number) => "~ table (missing)"): number {
  let told = 0;
  for (let i = 0; i < count; i++) {
    backoff.begin();
    if (backoff.repaired("table", what(i)) !== undefined) told++;
  }
  return told;
}

Deno.test("what somebody changes now and then is repaired at once, and so is one thing after the other", () => {
  const backoff = new Backoff();
  assert.equal(repairs(backoff, 19), 0);
  assert.equal(repairs(backoff, 200, (i) => `+ element ${i}`), 0);
  assert.deepEqual([backoff.isFailing, backoff.paceMs(true), backoff.paceMs(false)], [false, 100, 0]);
});

Deno.test("what somebody changes all the time is left alone for a while, longer each time, and nothing else is", () => {
  const backoff = new Backoff();
  assert.equal(repairs(backoff, 20), 1);
  assert.deepEqual([...backoff.heldParts()], ["table"]);
  assert.deepEqual([backoff.paceMs(true), backoff.paceMs(false)], [1_000, 1_000]);
  assert.match(backoff.failing()["contested table"]!.error, /^somebody else changes it .*nft monitor/);
  const first = backoff.nextRetryMs()!;
  repairs(backoff, 4);
  const second = backoff.nextRetryMs()!;
  assert.ok(first <= 500 && second > 2_000 && second <= 8_000, `${first} ms, ${second} ms`);
});

Deno.test("what is contested is forgotten when its time has come and nothing is to be repaired, not before", async () => {
  const backoff = new Backoff();
  repairs(backoff, 20);
  backoff.keepOnly(new Set());
  assert.ok(backoff.isFailing);
  await new Promise((resolve) => setTimeout(resolve, backoff.nextRetryMs()! + 5));
  assert.ok(backoff.begin(), "it must be looked at");
  backoff.keepOnly(new Set());
  assert.ok(!backoff.isFailing);
});

Deno.test("what fails of the second interface, by which keys rotate, is told apart", () => {
  const backoff = new Backoff();
  for (const what of ["second", "second-v6", "reading second", "contested second"] as const) {
    backoff.failed(what, "x");
  }
  assert.deepEqual([backoff.isFailing, backoff.isFailingBesideSecond], [true, false]);
  backoff.failed("wireguard", "x");
  assert.equal(backoff.isFailingBesideSecond, true);
});
