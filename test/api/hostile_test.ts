// An API server that means harm costs the agent as shipped no more memory than a bound, and the host nothing: a storm of
// events, lists and lines without an end. The real API server does not do such things: this one is made for it.

import assert from "node:assert/strict";
import { objectOf } from "../bench/api_crowd.ts";
import { memberOf } from "../bench/cluster.ts";
import { SETTINGS } from "../bench/crowd.ts";
import { memoryOf } from "../bench/processor.ts";
import { BUNDLED } from "../lab/agent.ts";
import { ENVIRONMENT, HostileApi } from "../lab/kubernetes/hostile_api.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { differences, identityOf, readState } from "../netns/state.ts";

const MEMBERS = 100;
/** With five thousand Nodes and no harm it is to be no more than this. */
const BOUND_MB = 110;
const RETRY_MS = 60_000;

const lab = await Lab.create({ nodes: 1, agent: BUNDLED });
Deno.test.afterAll(() => lab.close());
const [node] = lab.nodes as [Node];
const others = Array.from({ length: MEMBERS }, (_, i) => objectOf(memberOf(i + 1)));
const api = await HostileApi.start(node, `${lab.folder}/hostile`, others);
node.startAgent({ settings: { nodes: undefined, ...SETTINGS }, env: ENVIRONMENT });
await knowsAll();

async function knowsAll(): Promise<void> {
  await node.says(`it knows ${MEMBERS} peers and no problem`, ({ applied, peers, source }) => {
    return applied.isInSync && peers.length === MEMBERS && source.problems.length === 0;
  }, RETRY_MS);
}

function assertSmall(what: string): void {
  const { peakMb, nowMb } = memoryOf(node.agent!.pid);
  console.log(`${what}: VmHWM ${peakMb.toFixed(1)} MB, VmRSS ${nowMb.toFixed(1)} MB`);
  assert.ok(peakMb < BOUND_MB, `${what}: ${peakMb} MB`);
}

for (const [seconds, bytes] of [[10, 100], [10, 12_000]] as const) {
  Deno.test(`a storm of events of ${bytes} bytes and more, as fast as they are taken: bounded memory, and the last state`, async () => {
    const before = await readState(node);
    const known = (await node.status())!.source.objects;
    await api.begin(`storm ${seconds} ${bytes}`);
    const end = api.says(RegExp(`^storm of ${bytes} `), 4 * seconds * 1000);
    let answers = 0;
    for (let isOver = false; !isOver;) {
      assert.ok(await node.status() !== undefined, "it does not answer during a storm");
      answers++;
      isOver = await Promise.race([end.then(() => true), pause(500)]);
    }
    console.log(`${await end}; asked for its status ${answers} times meanwhile`);
    assertSmall(`after a storm of ${bytes} bytes an event`);
    await node.says("all of the storm was read", ({ source }) => source.objects > known, RETRY_MS);
    await until("the last state to be in the kernel", async () => {
      return differences(before, await readState(node)) === "";
    }, { deadlineMs: RETRY_MS, pauseMs: 200, seen: async () => differences(before, await readState(node)) });
    await knowsAll();
    await api.begin("calm");
  });
}

for (const what of ["list", "line"] as const) {
  Deno.test(`a ${what} of 100 MB: it is named, memory is bounded, and what is known stands`, async () => {
    const before = await identityOf(node);
    await api.begin(`endless-${what}`);
    await node.says("what it was sent is too long", ({ source }) => {
      return source.problems.some(({ reason }) =>
        /is longer than \d+ bytes|of more than \d+ bytes/.test(reason)
      );
    }, RETRY_MS);
    assertSmall(`after a ${what} without an end`);
    assert.equal(differences(before, await identityOf(node)), "");
    await api.begin("calm");
    await knowsAll();
    assert.equal(differences(before, await identityOf(node)), "");
  });
}

function pause(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms));
}
