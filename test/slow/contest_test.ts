// Another tool undoes at once what the agent repairs, for as long as it runs: the agent says so, backs off, and is not drawn into
// a race; pods go on, and when the other tool ends all is repaired.

import assert from "node:assert/strict";
import { until } from "../lab/until.ts";
import { Mesh } from "../netns/mesh.ts";
import { readState } from "../netns/state.ts";

const HEALTH = "127.0.0.1:9093";
const mesh = await Mesh.create({ nodes: 2 }, { "enable-metrics": "true", "metrics-bind-addr": HEALTH });
Deno.test.afterAll(() => mesh.close());
const [n1] = mesh.nodes;
assert.ok(n1);

/** What the other tool does, again and again. */
const TOOL = ["nft", "delete", "table", "inet", "wigglenet"];
const PART = "table";
const WATCHED_MS = 6_000;

async function processorMs(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // utime and stime, in hundredths of a second
}

Deno.test("another tool deletes the table as often as it is repaired: the agent tells it and backs off, and repairs it in the end", async () => {
  const before = await readState(n1);
  const probe = await mesh.probe();
  let isOver = false;
  const tool = until("the end", async () => {
    await n1.attempt(TOOL);
    return isOver;
  }, { deadlineMs: 90_000, pauseMs: 20 });
  try {
    await n1.agent!.line(
      "stderr",
      new RegExp(`error +${PART}: somebody else changes it .*20 times within a minute`),
      30_000,
    );
    await n1.says("it is contested", ({ applied }) => `contested ${PART}` in applied.failing);
    const line = new RegExp(`^wigglenet_failing\\{part="contested ${PART}"\\} 1$`, "m");
    await until("metrics to have it", async () => {
      return line.test(await n1.run(["curl", "-sS", "-m", "10", `http://${HEALTH}/metrics`]));
    });
    const contests = () => n1.agent!.stderr.filter((line) => /: somebody else changes it/.test(line)).length;
    await until("it to be left alone for once", () => contests() > 1);
    const [steps, used] = [(await n1.status())!.applied.steps, await processorMs(n1.agent!.pid)];
    const end = performance.now() + WATCHED_MS;
    await until("some seconds to pass", () => performance.now() > end, { deadlineMs: 2 * WATCHED_MS });
    const repairs = (await n1.status())!.applied.steps - steps;
    assert.ok(repairs <= 20, `${repairs} steps in ${WATCHED_MS} ms`);
    const share = (await processorMs(n1.agent!.pid) - used) / WATCHED_MS;
    assert.ok(share < 0.3, `it took ${Math.round(100 * share)} % of a processor`);
  } finally {
    isOver = true;
    await tool;
  }
  await until("all to be as before", async () => await readState(n1) === before, { deadlineMs: 15_000 });
  await n1.says("it is in sync", ({ applied }) => applied.isInSync, 45_000);
  await probe.flowing();
  await probe.stop();
});
