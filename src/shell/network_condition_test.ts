import assert from "node:assert/strict";
import { desireOf, ordinaryNode, settingsOf } from "../../test/cluster.ts";
import { until } from "../../test/lab/until.ts";
import { Log } from "./log.ts";
import { NetworkCondition, type NetworkConditionOptions } from "./network_condition.ts";
import { NO_PROGRESS, type Progress } from "./progress.ts";

const STANDING: Progress = { ...NO_PROGRESS, desired: desireOf([1, 2].map(ordinaryNode)), isStanding: true };
const UNAVAILABLE = {
  items: [{
    metadata: { resourceVersion: "7" },
    status: { conditions: [{ type: "NetworkUnavailable", status: "True" }] },
  }],
};

/** A condition, and what it asks of an API that answers patches so. */
function scene(patchStatus: number) {
  const asked: string[] = [];
  let progress = NO_PROGRESS;
  const request: NetworkConditionOptions["api"]["request"] = ({ method, path }) => {
    asked.push(`${method} ${path}`);
    return Promise.resolve(
      method === "GET" ? { status: 200, body: UNAVAILABLE } : { status: patchStatus, body: {} },
    );
  };
  const condition = new NetworkCondition({
    settings: settingsOf(),
    api: { request },
    log: new Log("text", "error"),
    progress: () => progress,
  });
  return { asked, condition, set: (next: Progress) => progress = next };
}

const LIST = "GET /api/v1/nodes?fieldSelector=metadata.name%3Dn1";
const PATCH = "PATCH /api/v1/nodes/n1/status?fieldManager=wigglenet";

Deno.test("nothing is asked before all stands, and not at every pass behind that", async () => {
  const { asked, condition, set } = scene(200);
  for (const progress of [NO_PROGRESS, { ...STANDING, isStanding: false }]) {
    set(progress);
    condition.passed();
    assert.deepEqual(asked, []);
  }
  set(STANDING);
  condition.passed();
  await until("the patch", () => asked.length === 2);
  await condition.look();
  asked.length = 0;
  for (let i = 0; i < 9; i++) condition.passed();
  assert.deepEqual(asked, []);
  assert.deepEqual(condition.waiting(), []);
});

Deno.test("a Node that was made anew is looked at anew", async () => {
  const { asked, condition, set } = scene(200);
  set(STANDING);
  condition.passed();
  await until("the patch", () => asked.length === 2);
  await new Promise((resolve) => setTimeout(resolve));
  const desired = desireOf([{ ...ordinaryNode(1), day: 31 }, ordinaryNode(2)]);
  set({ ...STANDING, desired });
  condition.passed();
  await until("it to be looked at again", () => asked.length === 4);
  assert.deepEqual(asked, [LIST, PATCH, LIST, PATCH]);
});

Deno.test("a refusal is told with what is to be granted, a version that is old by now is not; neither is tried at every pass", async () => {
  for (const [status, told] of [[403, /answered 403/], [409, undefined]] as const) {
    const { asked, condition, set } = scene(status);
    set(STANDING);
    await condition.look();
    condition.passed();
    assert.deepEqual(asked, [LIST, PATCH]);
    const [waiting] = condition.waiting();
    if (told === undefined) assert.equal(waiting, undefined);
    else assert.match(`${waiting?.why} ${waiting?.next}`, told);
  }
});
