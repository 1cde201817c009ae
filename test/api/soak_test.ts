// Half a minute of what `deno task soak` does for as long as one likes: that it works, and that what comes and goes leaves nothing.

import assert from "node:assert/strict";
import { soak } from "../bench/soak_run.ts";

const SECONDS = 30;

Deno.test(`${SECONDS} s of Nodes, Pods, policies and drift at once: nobody else loses a packet, and nothing is held on to`, async () => {
  const verdict = await soak({ durationMs: SECONDS * 1000, seed: Math.floor(Math.random() * 2 ** 31) });
  assert.ok(verdict.holds, `\n${verdict.table()}`);
});
