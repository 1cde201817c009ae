// A network and a watch that misbehave: the last good state stands, the trouble is named, no change is lost.

import assert from "node:assert/strict";
import type { ApiLimits } from "../../../../test/sources/api_source.ts";
import { refusal } from "../../../../test/sources/fake_api.ts";
import { LIST, Scene, times, WATCH } from "../../../../test/sources/scene.ts";
import { nodeOf } from "../../../../test/sources/trial.ts";

const QUICK: ApiLimits = { silenceMs: 300, answerMs: 300 };

Deno.test("a version that is too old: everything is listed anew, what went is told once, the rest stays identical", async () => {
  await using scene = await Scene.of(["n1", "n2", "n3"]);
  const { api, trial } = scene;
  const [n1] = trial.source.state().items;
  api.fault = times(99, WATCH, () => refusal(503, "not now"));
  api.endWatches();
  api.remove("n2");
  api.put(nodeOf("n3", "b"));
  api.compact();
  api.fault = () => undefined;
  await trial.shows("n1=a n3=b");
  assert.equal(trial.source.state().items[0], n1);
  assert.deepEqual(trial.told.filter((told) => told !== "n1=a n2=a n3=a" && told !== "n1=a n3=b"), []);
});

Deno.test("410 within a watch is the same", async () => {
  await using scene = await Scene.of(["n1", "n2"]);
  const { api, trial } = scene;
  api.fault = (request) => WATCH.test(request.url) && api.watches > 0 ? refusal(503, "") : undefined;
  api.endWithError(410, "too old resource version");
  api.remove("n2");
  api.compact();
  await trial.shows("n1=a");
  assert.equal(trial.problems, "");
});

Deno.test("410 after an API was away: the list comes at once, the long wait was before", async () => {
  await using scene = await Scene.of(["n1"]);
  const { api, trial } = scene;
  let refusals = 3;
  let goneMs: number | undefined;
  api.fault = ({ url }) => {
    if (!WATCH.test(url) || goneMs !== undefined) return;
    if (refusals-- > 0) return refusal(503, "not now");
    goneMs = performance.now();
    return refusal(410, "too old resource version");
  };
  api.endWatches();
  api.put(nodeOf("n2"));
  await trial.shows("n1=a n2=a");
  assert.ok(performance.now() - goneMs! < 500, "the next wait would have been one of up to 4 seconds");
});

/** Two Nodes that a source has seen change and go since a backup was taken; returns what brings that back. */
async function losesWhatCameLater({ api, trial }: Scene): Promise<() => void> {
  const backup = api.backup();
  for (let i = 0; i < 20; i++) api.put(nodeOf("n2", `v${i}`));
  api.remove("n1");
  await trial.shows("n2=v19");
  return () => {
    api.restore(backup);
    api.put(nodeOf("n3"));
  };
}

Deno.test("an API that comes back with an older state, for its etcd was restored from a backup, is listed anew", async () => {
  await using scene = await Scene.of(["n1"]);
  const { network, trial } = scene;
  const restore = await losesWhatCameLater(scene);
  network.kill();
  await trial.complains(/nobody listens there/);
  restore();
  network.revive();
  await trial.shows("n1=a n3=a");
  await trial.complains(/^$/);
});

Deno.test("a watch that is silent, for the state behind it is an older one now, is not believed", async () => {
  await using scene = await Scene.of(["n1"], QUICK);
  (await losesWhatCameLater(scene))();
  await scene.trial.shows("n1=a n3=a");
  assert.equal(scene.trial.everyProblem, "");
});

Deno.test("a list in pages; one whose rest is gone is begun anew", async () => {
  const names = Array.from({ length: 120 }, (_, i) => `n${100 + i}`);
  const fault = times(1, /continue/, () => refusal(410, "The provided continue parameter is too old"));
  await using scene = await Scene.of(names, {}, fault);
  await scene.trial.shows(names.map((name) => `${name}=a`).join(" "));
  assert.equal(scene.trial.parses, 120 + 50);
  assert.equal(scene.api.requests.filter((line) => LIST.test(line)).length, 2 + 3);
});

Deno.test("a killed server is noticed within a second; what changes until it is back is not lost", async () => {
  await using scene = await Scene.of(["n1", "n2"]);
  const { api, network, trial } = scene;
  const before = trial.source.state().items;
  network.kill();
  await trial.complains(/watch of nodes failed: .*nobody listens there/, 1_000);
  assert.deepEqual(trial.source.state().items, before);
  assert.equal(trial.source.state().complete, true);
  api.put(nodeOf("n3"));
  api.remove("n1");
  network.revive();
  await trial.shows("n2=a n3=a");
  await trial.complains(/^$/);
});

Deno.test("a network that swallows everything is noticed by silence; what changes meanwhile is not lost", async () => {
  await using scene = await Scene.of(["n1"], QUICK);
  const { api, network, trial } = scene;
  network.freeze();
  api.put(nodeOf("n2"));
  await trial.complains(/watch of nodes failed: no answer within 0.3 s/, 2_000);
  assert.equal(trial.shown, "n1=a");
  network.thaw();
  await trial.shows("n1=a n2=a");
  await trial.complains(/^$/);
});

Deno.test("a connection that only this end believes in is replaced by silence, without a word", async () => {
  await using scene = await Scene.of(["n1"], { ...QUICK, answerMs: 5_000 });
  const { api, network, trial } = scene;
  api.put(nodeOf("n2"));
  await trial.shows("n1=a n2=a"); // the watch was answered: one that never is has a deadline of its own, and is told of
  network.forget();
  api.put(nodeOf("n3"));
  await trial.shows("n1=a n2=a n3=a", 10_000);
  assert.equal(trial.everyProblem, "");
});

Deno.test("a watch that goes on is left alone for as long as anything comes", async () => {
  await using scene = await Scene.of(["n1"], QUICK);
  for (let i = 0; i < 20; i++) {
    scene.api.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(scene.api.requests.length, 2);
});

Deno.test("a watch goes on behind the last bookmark", async () => {
  await using scene = await Scene.of(["n1"]);
  const { api, trial } = scene;
  api.compact();
  api.bookmark();
  api.endWatches();
  await scene.watched();
  assert.match(api.requests.at(-1)!, /resourceVersion=3/);
  assert.deepEqual(trial.told, ["n1=a"]);
  assert.equal(api.requests.filter((line) => LIST.test(line)).length, 1);
});
