import assert from "node:assert/strict";
import { PassBudget } from "./pass_budget.ts";

/** How many passes of that length there are in so long when each is asked for at once. */
function passesIn(lengthMs: number, tookMs: number): number {
  const budget = new PassBudget();
  let count = 0;
  for (let nowMs = 0; nowMs < lengthMs; count++) {
    nowMs += budget.waitMs(nowMs) + tookMs;
    budget.spent(tookMs, nowMs);
  }
  return count;
}

Deno.test("Passes that somebody asks for all the time take a tenth of it, behind a burst", () => {
  assert.ok(passesIn(4_000, 50) >= 80, "a burst is slowed by nothing");
  const [short, long] = [passesIn(60_000, 50), passesIn(120_000, 50)];
  assert.ok(long - short <= 125, `${long - short} passes of 50 ms in a minute`);
  // Those that take longest are never more than a second apart.
  assert.ok(passesIn(120_000, 400) - passesIn(60_000, 400) >= 42);
});

Deno.test("Who asks often waits no longer, and a rest gives it all back", () => {
  const budget = new PassBudget();
  budget.spent(60_000, 0);
  assert.deepEqual([0, 400, 999, 1_000].map((nowMs) => Math.round(budget.waitMs(nowMs))), [1_000, 600, 1, 0]);
  budget.spent(4_000, 60_000);
  assert.equal(budget.waitMs(60_000), 0);
});
