// Answers that are none, too long, too slow, or refusals: the last good state stands, and the trouble is named.

import assert from "node:assert/strict";
import { type Fault, refusal } from "../../../../test/sources/fake_api.ts";
import { LIST, Scene, times, WATCH } from "../../../../test/sources/scene.ts";
import { nodeOf } from "../../../../test/sources/trial.ts";
import type { Access, Doubt } from "./credentials.ts";

const QUICK = { silenceMs: 300, answerMs: 300 };
const text = (body: string) => () => new Response(body);

const lists: readonly [what: string, answer: () => Response, told: RegExp][] = [
  ["an error page", text("<html>"), /no NodeList but "<html>"/],
  ["another list", text(`{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}`), /but "PodList"/],
  [
    "no version",
    text(`{"kind":"NodeList","metadata":{},"items":[]}`),
    /no metadata.resourceVersion but nothing/,
  ],
  [
    "items of a wrong type",
    text(`{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":{}}`),
    /is no list/,
  ],
  ["a list that was cut", text(`{"kind":"NodeList","metadata":{"resour`), /no NodeList/],
  ["401", () => refusal(401, "Unauthorized"), /answered 401: Unauthorized; renew the test/],
  ["403", () => refusal(403, "nodes is forbidden"), /answered 403: nodes is forbidden; grant it to the test/],
  ["500", () => refusal(500, "etcd is gone"), /answered 500: etcd is gone; look at/],
];
for (const [what, answer, told] of lists) {
  Deno.test(`${what} for a list: named, nothing is known; then everything is`, async () => {
    await using scene = await Scene.of(["n1"], {}, times(2, LIST, answer));
    const { trial } = scene;
    assert.equal(trial.source.state().complete, false);
    assert.match(trial.problems, told);
    assert.equal(trial.source.state().problems[0]!.isUnread, true);
    await trial.shows("n1=a");
    await trial.complains(/^$/);
  });
}

Deno.test("objects without a name are left out of a list, and named", async () => {
  const body = { kind: "NodeList", metadata: { resourceVersion: "1" }, items: [nodeOf("n1"), {}, null, 7] };
  await using scene = await Scene.of([], {}, times(1, LIST, () => Response.json(body)));
  assert.equal(scene.trial.shown, "n1=a");
  assert.match(scene.trial.problems, /3 objects of the list have no name/);
});

Deno.test("a list of 100 MB is refused, and what is known stands", async () => {
  await using scene = await Scene.of(["n1"]);
  const { api, trial } = scene;
  let sent = 0;
  const endless = () => {
    const part = new TextEncoder().encode(" ".repeat(64 << 10));
    const pull = (controller: ReadableStreamDefaultController) => {
      if ((sent += part.length) > 100 << 20) controller.close();
      else controller.enqueue(part);
    };
    return new Response(new ReadableStream({ pull }));
  };
  api.fault = times(9, LIST, endless);
  api.endWatches();
  api.compact();
  await trial.complains(/list of nodes failed: it is longer than 8388608 bytes/);
  assert.equal(trial.shown, "n1=a");
  assert.ok(sent < 90 << 20, `${sent} bytes`);
});

Deno.test("giants in a page are asked for in smaller ones", async () => {
  const fault: Fault = (request, usual) => {
    const limit = Number(new URL(request.url).searchParams.get("limit") ?? 0);
    return limit > 5 ? new Response(" ".repeat(9 << 20)) : usual();
  };
  const names = Array.from({ length: 12 }, (_, i) => `n${10 + i}`);
  await using scene = await Scene.of(names, {}, fault);
  assert.equal(scene.trial.shown, names.map((name) => `${name}=a`).join(" "));
  assert.equal(scene.trial.problems, "");
});

/** 460 Nodes come in pages of 50, 200, 200 and 10. */
const PAGED = Array.from({ length: 460 }, (_, i) => `n${100 + i}`);
const SHOWN = PAGED.map((name) => `${name}=a`).join(" ");

Deno.test("the next page is made while one is read: it is asked for as soon as it is known where it begins", async () => {
  let told = () => {};
  const isAsked = new Promise<void>((resolve) => told = resolve);
  const fault: Fault = (request, usual) => {
    if (!LIST.test(request.url)) return undefined;
    if (request.url.includes("continue=")) told();
    const { headers } = usual();
    const body = async function* () {
      const bytes = new Uint8Array(await usual().arrayBuffer());
      yield bytes.subarray(0, 200);
      // Nothing more of the first page before somebody asks for the second one.
      await isAsked;
      yield bytes.subarray(200);
    };
    return new Response(ReadableStream.from(body()), { headers });
  };
  await using scene = await Scene.of(PAGED, { speaksProtobuf: true }, fault);
  assert.equal(scene.trial.shown, SHOWN);
  assert.equal(scene.trial.problems, "");
});

Deno.test("giants in a later page: what was asked for behind them is asked for again, and nothing is left out", async () => {
  const sizes: string[] = [];
  const fault: Fault = (request, usual) => {
    const { searchParams } = new URL(request.url);
    if (!LIST.test(request.url) || searchParams.get("limit") !== "200") return undefined;
    const { headers } = usual();
    const giant = usual().arrayBuffer().then((bytes) => new Blob([bytes, new Uint8Array(9 << 20)]).stream());
    sizes.push(searchParams.get("continue")!);
    const body = async function* () {
      yield* await giant;
    };
    return new Response(ReadableStream.from(body()), { headers });
  };
  await using scene = await Scene.of(PAGED, { speaksProtobuf: true }, fault);
  assert.equal(scene.trial.shown, SHOWN);
  assert.equal(scene.trial.problems, "");
  assert.ok(sizes.length > 0);
});

Deno.test("a page that is refused while the one before is read is told, and nothing is believed of the list", async () => {
  const gone = () => refusal(410, "The provided continue parameter is too old");
  const fault = times(3, /continue=/, gone);
  await using scene = await Scene.of(PAGED, { speaksProtobuf: true }, fault);
  await scene.trial.shows(SHOWN);
  await scene.trial.complains(/^$/);
});

Deno.test("a list of ever more pages with the same in them is not followed for ever, and what is known stands", async () => {
  await using scene = await Scene.of(["n1"]);
  const { api, trial } = scene;
  const metadata = { resourceVersion: "1", continue: "again" };
  const page = { kind: "NodeList", apiVersion: "v1", metadata, items: [nodeOf("n2")] };
  api.fault = (request) => LIST.test(request.url) ? Response.json(page) : undefined;
  api.compact();
  api.endWatches();
  await trial.complains(/list of nodes failed: it has more than 4000 pages/, 30_000);
  assert.equal(trial.shown, "n1=a");
  api.fault = () => undefined;
  await trial.shows("n1=a", 10_000);
  await trial.complains(/^$/);
});

Deno.test("an API that says of everything that it is gone, and that it never was, is believed: what is there is the agent's to keep", async () => {
  await using scene = await Scene.of(["n1", "n2"]);
  const { api, trial } = scene;
  api.remove("n1");
  api.remove("n2");
  await trial.shows("");
  const ghost = {
    type: "DELETED",
    object: { ...nodeOf("n9"), metadata: { name: "n9", resourceVersion: "99" } },
  };
  api.send(`${JSON.stringify(ghost)}\n`);
  api.put(nodeOf("n3"));
  await trial.shows("n3=a");
  assert.equal(trial.everyProblem, "");
});

Deno.test("Retry-After is honoured", async () => {
  const busy = () => refusal(429, "busy", { "retry-after": "1" });
  await using scene = await Scene.of(["n1"], {}, times(1, LIST, busy));
  const begin = performance.now();
  await scene.trial.shows("n1=a");
  assert.ok(performance.now() - begin >= 950, "it came back too early");
});

Deno.test("a server that ends each watch at once is not asked without a pause", async () => {
  await using scene = await Scene.of(["n1"], {}, times(1e6, WATCH, text("")));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(scene.api.requests.length < 15, `${scene.api.requests.length} requests`);
});

Deno.test("a list that trickles is read to its end; one that stops is not waited for", async () => {
  const slow: Fault = (request, usual) => {
    if (!LIST.test(request.url)) return undefined;
    const halves = usual().text().then((body) => [body.slice(0, 40), body.slice(40, 80), body.slice(80)]);
    return new Response(ReadableStream.from(trickle(halves)));
  };
  await using scene = await Scene.of(["n1"], QUICK, slow);
  assert.equal(scene.trial.shown, "n1=a");
  const stuck = () => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([123])) }));
  scene.api.fault = times(1, LIST, stuck);
  scene.api.endWatches();
  scene.api.compact();
  await scene.trial.complains(/list of nodes failed: nothing was heard for 0.3 s/, 2_000);
  await scene.trial.complains(/^$/);
});

async function* trickle(parts: Promise<string[]>): AsyncGenerator<Uint8Array> {
  for (const part of await parts) {
    yield new TextEncoder().encode(part);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

for (const [status, doubt] of [[401, "refused"], [403, "forbidden"]] as const) {
  Deno.test(`${status}: the credentials are read anew, and asked with at once where they are others`, async () => {
    const asked: (Doubt | undefined)[] = [];
    const old: Access = { caCerts: [], headers: { authorization: "Bearer old" } };
    const fresh: Access = { caCerts: [], headers: { authorization: "Bearer new" } };
    const read = (why?: Doubt) => {
      asked.push(why);
      return Promise.resolve(why === undefined && asked.length === 1 ? old : fresh);
    };
    const fault: Fault = (request) =>
      request.headers.get("authorization") === "Bearer new" ? undefined : refusal(status, "no");
    await using scene = await Scene.of(["n1"], { read }, fault);
    assert.equal(scene.trial.shown, "n1=a");
    assert.deepEqual(asked.slice(0, 3), [undefined, doubt, undefined]);
    assert.equal(scene.trial.everyProblem, "");
  });
}

Deno.test("the same credentials are not asked with twice", async () => {
  await using scene = await Scene.of(["n1"], {}, times(1, LIST, () => refusal(401, "Unauthorized")));
  assert.equal(scene.api.requests.length, 1);
  await scene.trial.shows("n1=a");
});
