import assert from "node:assert/strict";
import { secondsLeft } from "./budget.ts";

Deno.test("what is left of CI's time is never below nothing, and no bound where nobody counts", () => {
  assert.equal(secondsLeft({}, 5_000), Infinity);
  assert.equal(secondsLeft({ WIGGLENET_UNTIL: "65" }, 5_000), 60);
  assert.equal(secondsLeft({ WIGGLENET_UNTIL: "65" }, 70_000), 0);
});
