// A thousand and five thousand Nodes of 12 KB in a real API: all of them get into the kernel, and so does each change, and
// the agent as shipped needs no more memory for it than it may. How long it takes is what `deno task bench:api` is for.

import assert from "node:assert/strict";
import { ApiCrowd } from "../bench/api_crowd.ts";
import { memberOf } from "../bench/cluster.ts";
import { memoryOf } from "../bench/processor.ts";
import { BUNDLED } from "../lab/agent.ts";
import { until } from "../lab/until.ts";

/** The bound of `deno task bench:api`, after ten minutes in a pod. */
const BOUND_MB = 110;
const crowd = await ApiCrowd.create(BUNDLED);
Deno.test.afterAll(() => crowd[Symbol.asyncDispose]());

let made = 0;
for (const count of [1_000, 5_000]) {
  Deno.test(`${count} Nodes of 12 KB are all in the kernel; one joins and leaves`, async () => {
    await crowd.fill(count, made + 1);
    made = count;
    const { agent } = await crowd.load();
    const holds = (wanted: number) =>
      until(`${wanted} peers, routes and elements`, async () => {
        await crowd.crowd.verify(wanted);
        return true;
      }, { deadlineMs: 60_000, pauseMs: 500, seen: () => agent.tail() });
    await holds(count);
    const member = memberOf(6_000);
    await crowd.hand.join(member);
    await holds(count + 1);
    await crowd.hand.leave(member);
    await holds(count);
    const { peakMb } = memoryOf(agent.pid);
    console.log(`${count} Nodes: VmHWM ${peakMb.toFixed(1)} MB`);
    assert.ok(peakMb < BOUND_MB, `VmHWM ${peakMb} MB`);
    await crowd.crowd.unload(agent);
  });
}
