// Somebody changes our table or our files: they are what they were within a second, and the log says what was changed.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import { until } from "../lab/until.ts";
import { pidOf, POLL_MS, Victim } from "./drift.ts";
import { fileDrifts, tableDrifts } from "./injections.ts";

const victim = await Victim.create();
const n1 = victim.node;
Deno.test.afterAll(() => victim.mesh.close());

for (const [what, drift] of Object.entries(tableDrifts(victim))) {
  Deno.test(`${what}: the table is what it was within a second`, () => victim.heals(drift));
}

for (const [what, drift] of Object.entries(fileDrifts(victim))) {
  Deno.test(`${what}: it is what it was within a second`, () => victim.heals(drift));
}

Deno.test("while nft monitor dies again and again, the table is still what it was within 2.5 s", async () => {
  let kills = 0;
  let isOver = false;
  const kill = async () => {
    const pid = await pidOf(n1, /nft\0monitor\0/);
    if (pid === undefined) return;
    Deno.kill(pid, "SIGKILL");
    kills++;
  };
  const killing = until("the end", async () => {
    await kill();
    return isOver;
  }, { deadlineMs: 60_000, pauseMs: 20 });
  await n1.agent!.line("stderr", /nft monitor ended .* reading every 2000 ms/);
  await until("it to be killed again", () => Promise.resolve(kills >= 2));
  try {
    for (const what of ["the whole ruleset is flushed", "one element is deleted"]) {
      await victim.heals({ ...tableDrifts(victim)[what]!, withinMs: POLL_MS });
    }
  } finally {
    isOver = true;
    await killing;
  }
  await until("it to run again", async () => await pidOf(n1, /nft\0monitor\0/) !== undefined);
});
