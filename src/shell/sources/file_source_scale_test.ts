// A cluster of 5,000 nodes, one file each and all in one.

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { manifest, Trial } from "../../../test/sources/trial.ts";
import { until } from "../../../test/lab/until.ts";
import { FileSource } from "./file_source.ts";

const NODES = 5_000;
// The bounds are wide: other tests run at the same time. Alone a file takes 5 ms, a document 20 (2026-11, 2 cores).
const LATENCY_MS = 150;
const START_MS = 5_000;

function nameOf(i: number): string {
  return `n${10_000 + i}`;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

/** Milliseconds from the end of `change` until it was told. */
async function latency(trial: Trial, change: () => void): Promise<number> {
  const told = Promise.withResolvers<void>();
  trial.onTold = told.resolve;
  change();
  const begin = performance.now();
  await told.promise;
  return performance.now() - begin;
}

Deno.test("one changed file among 5,000 is told within milliseconds, and a rewrite of all in a few changes", async () => {
  const folder = temporaryFolder();
  const write = (i: number, value: string) => {
    Deno.writeTextFileSync(join(folder, `${nameOf(i)}.yaml`), manifest(nameOf(i), value));
  };
  for (let i = 0; i < NODES; i++) write(i, "a");
  const begin = performance.now();
  await using trial = await Trial.start((options) => new FileSource([folder], options));
  const startMs = performance.now() - begin;
  assert.equal(trial.source.state().items.length, NODES);
  const all: number[] = [];
  for (let i = 0; i < 31; i++) all.push(await latency(trial, () => write(i * 100, "b")));
  assert.equal(trial.parses, NODES + 31);
  assert.ok(
    startMs < START_MS && median(all) < LATENCY_MS,
    `start ${startMs} ms, changes ${all.join(" ")} ms`,
  );

  const told = trial.told.length;
  const rewriteMs = performance.now();
  for (let i = 0; i < NODES; i++) write(i, "c");
  const isDone = () => trial.source.state().items.every(({ text }) => text.endsWith("=c"));
  await until("all files rewritten", isDone, { seen: () => trial.shown.slice(0, 1_000) });
  // A machine that is busy takes seconds for it, and tells of each tenth of one.
  const most = 50 + (performance.now() - rewriteMs) / 50;
  assert.ok(
    trial.told.length - told < most,
    `told ${trial.told.length - told} times, at most ${most} are due`,
  );
});

Deno.test("one changed Node in a file of 5,000 is told within milliseconds", async () => {
  const file = join(temporaryFolder(), "nodes.yaml");
  const texts = Array.from({ length: NODES }, (_, i) => manifest(nameOf(i)));
  Deno.writeTextFileSync(file, texts.join("---\n"));
  await using trial = await Trial.start((options) => new FileSource([file], options));
  const all: number[] = [];
  for (let i = 0; i < 11; i++) {
    texts[i * 100] = manifest(nameOf(i * 100), "b");
    const text = texts.join("---\n");
    all.push(await latency(trial, () => Deno.writeTextFileSync(file, text)));
  }
  assert.equal(trial.parses, NODES + 11);
  assert.ok(median(all) < 5 * LATENCY_MS, all.join(" "));
});
