// What every source of Node objects must do, whatever it reads from.

import assert from "node:assert/strict";
import type { NodeSource, SourceOptions } from "../../src/shell/sources/node_source.ts";
import { type Item, nodeOf, Trial } from "./trial.ts";

/** A world that a source reads: its objects can be changed, and it can be out of reach at first. */
export interface Harness extends Partial<AsyncDisposable> {
  open(options: SourceOptions<Item>): NodeSource<Item>;
  /** Adds the Node, or replaces the one of that name. */
  put(node: Record<string, unknown>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes the world reachable; a world starts unreachable. */
  appear(): Promise<void>;
}

/** A world with these Nodes in it, and a source that has started on it. */
async function ready(harness: Harness, names: readonly string[]): Promise<Trial> {
  await harness.appear();
  for (const name of names) await harness.put(nodeOf(name));
  return await Trial.start((options) => harness.open(options));
}

const BEHAVIOUR: Record<string, (harness: Harness) => Promise<void>> = {
  "everything that is there is shown by the end of start, and complete": async (harness) => {
    await using trial = await ready(harness, ["n2", "n10", "n1"]);
    assert.equal(trial.shown, "n1=a n10=a n2=a");
    assert.equal(trial.source.state().complete, true);
    assert.equal(trial.problems, "");
  },

  "an empty world is complete": async (harness) => {
    await using trial = await ready(harness, []);
    assert.deepEqual(trial.source.state(), { items: [], complete: true, problems: [] });
  },

  "a world out of reach is not complete and is named; once it appears it is shown": async (harness) => {
    await using trial = await Trial.start((options) => harness.open(options));
    assert.equal(trial.source.state().complete, false);
    assert.notEqual(trial.problems, "");
    await harness.appear();
    await harness.put(nodeOf("n1"));
    await trial.shows("n1=a");
    await trial.complains(/^$/);
    assert.equal(trial.source.state().complete, true);
  },

  "a new, a replaced and a removed Node are told, and the others stay the identical values": async (
    harness,
  ) => {
    await using trial = await ready(harness, ["n1", "n3"]);
    const [n1, n3] = trial.source.state().items;
    await harness.put(nodeOf("n2"));
    await trial.shows("n1=a n2=a n3=a");
    await harness.put(nodeOf("n2", "b"));
    await trial.shows("n1=a n2=b n3=a");
    await harness.remove("n2");
    await trial.shows("n1=a n3=a");
    assert.equal(trial.told.at(-1), "n1=a n3=a");
    assert.ok(trial.source.state().items[0] === n1 && trial.source.state().items[1] === n3);
    assert.equal(trial.parses, 4);
  },

  "a Node that is removed and put again comes back": async (harness) => {
    await using trial = await ready(harness, ["n1"]);
    await harness.remove("n1");
    await trial.shows("");
    await harness.put(nodeOf("n1", "b"));
    await trial.shows("n1=b");
  },

  "a Node that is replaced again and again is never missing": async (harness) => {
    await using trial = await ready(harness, ["n1"]);
    for (let i = 0; i < 100; i++) await harness.put(nodeOf("n1", `v${i}`));
    await trial.shows("n1=v99");
    assert.ok(!trial.told.includes(""), trial.told.join(" | "));
  },

  "two hundred changes at once all arrive": async (harness) => {
    await using trial = await ready(harness, ["n0"]);
    const names = Array.from({ length: 200 }, (_, i) => `n${1000 + i}`);
    await Promise.all(names.map((name) => harness.put(nodeOf(name))));
    await Promise.all(names.slice(100).map((name) => harness.remove(name)));
    await trial.shows(["n0", ...names.slice(0, 100)].map((name) => `${name}=a`).join(" "));
  },

  "the state is the same object until something changes": async (harness) => {
    await using trial = await ready(harness, ["n1"]);
    const before = trial.source.state();
    assert.equal(trial.source.state(), before);
    await harness.put(nodeOf("n2"));
    await trial.shows("n1=a n2=a");
    assert.notEqual(trial.source.state(), before);
  },

  "nothing is told after close, and closing again does no harm": async (harness) => {
    const trial = await ready(harness, ["n1"]);
    // The close comes between a change and its telling, and once more when all is over.
    await harness.put(nodeOf("n2"));
    await trial.source.close();
    const told = trial.told.length;
    await harness.put(nodeOf("n3"));
    await using other = await Trial.start((options) => harness.open(options));
    await harness.put(nodeOf("n4"));
    await other.shows("n1=a n2=a n3=a n4=a");
    assert.equal(trial.told.length, told);
    await trial.source.close();
  },
};

/** Registers the tests; each gets a world of its own. */
export function describeSource(kind: string, makeHarness: () => Promise<Harness>): void {
  for (const [sentence, run] of Object.entries(BEHAVIOUR)) {
    Deno.test(`${kind}: ${sentence}`, async () => {
      const harness = await makeHarness();
      try {
        await run(harness);
      } finally {
        await harness[Symbol.asyncDispose]?.();
      }
    });
  }
}
