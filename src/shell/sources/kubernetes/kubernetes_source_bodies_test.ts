// What a watch sends, whatever it is: bodies that are none, storms of events, what was there before. The last good state stands.

import assert from "node:assert/strict";
import { refusal } from "../../../../test/sources/fake_api.ts";
import { Scene, times, WATCH } from "../../../../test/sources/scene.ts";
import { nodeOf } from "../../../../test/sources/trial.ts";
import { until } from "../../../../test/lab/until.ts";

const bodies: readonly [what: string, send: string, told: RegExp][] = [
  ["garbage", "<html>\n", /the watch sent "<html>"/],
  ["an event of a wrong type", `{"type":7,"object":{}}\n`, /the watch sent/],
  [
    "an object without a version",
    `{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n`,
    /without metadata/,
  ],
  [
    "an object without a name",
    `{"type":"ADDED","object":{"metadata":{"resourceVersion":"9"}}}\n`,
    /without a name/,
  ],
  ["no object", `{"type":"MODIFIED"}\n`, /without metadata/],
  ["a line without an end", "x".repeat(5 << 20), /an event of more than 4194304 bytes/],
];
for (const [what, send, told] of bodies) {
  Deno.test(`a watch that sends ${what}: named, and what is known stands`, async () => {
    await using scene = await Scene.of(["n1"]);
    const { api, trial } = scene;
    api.fault = times(1, WATCH, () => refusal(503, "x"));
    api.send(send);
    await until("its end", () => trial.told.length > 1 || trial.problems !== "", { pauseMs: 1 });
    assert.match(trial.everyProblem, told);
    assert.equal(trial.shown, "n1=a");
    api.put(nodeOf("n2"));
    await trial.shows("n1=a n2=a");
    await trial.complains(/^$/);
  });
}

for (const speaksProtobuf of [true, false]) {
  const form = speaksProtobuf ? "protocol buffers" : "JSON";
  Deno.test(`a storm of 20,000 events in ${form} is told in few changes; those that change nothing are not told`, async () => {
    await using scene = await Scene.of(["n1", "n2"]);
    const { api, trial } = scene;
    api.speaksProtobuf = speaksProtobuf;
    api.endWatches();
    await scene.watched();
    for (let i = 0; i < 10_000; i++) api.put({ ...nodeOf("n1"), status: { beat: i } });
    for (let i = 0; i < 10_000; i++) api.put(nodeOf("n2", `v${i}`));
    await trial.shows("n1=a n2=v9999");
    assert.ok(trial.told.length < 300, `told ${trial.told.length} times`);
    const told = trial.told.length;
    const parses = trial.parses;
    for (let i = 0; i < 1_000; i++) api.put({ ...nodeOf("n1"), status: { beat: i } });
    api.put(nodeOf("n3"));
    await trial.shows("n1=a n2=v9999 n3=a");
    assert.deepEqual([trial.told.length - told, trial.parses - parses], [1, 1]);
  });
}

Deno.test("a Node that comes back as it was before it changed is seen, whatever was known of it", async () => {
  await using scene = await Scene.of(["n1"]);
  const { api, trial } = scene;
  api.speaksProtobuf = true;
  api.endWatches();
  await scene.watched();
  for (const zone of ["b", "a", "b", "a"]) {
    api.put(nodeOf("n1", zone));
    await trial.shows(`n1=${zone}`);
  }
  api.remove("n1");
  await trial.shows("");
  api.put(nodeOf("n1"));
  await trial.shows("n1=a");
});
