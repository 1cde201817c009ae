import assert from "node:assert/strict";
import { anyFailed, describeResults, type LayerResult } from "./report.ts";

const UNIT: LayerResult = {
  layer: "unit",
  task: "test:unit",
  passed: 12,
  failed: [],
  broken: [],
  ignored: [],
  seconds: 1.23,
};
const NETNS: LayerResult = {
  layer: "netns",
  task: "test:netns",
  passed: 3,
  failed: ["a peer's key is back"],
  broken: ["test/netns: not done after 600 s"],
  ignored: ["jumbo frames"],
  seconds: 40,
};

Deno.test("the table has a line for each layer, each failed test its command, and the last line is the sum", () => {
  assert.equal(
    describeResults([UNIT, { ...UNIT, layer: "golden", passed: 0, notRun: "none yet" }, NETNS]),
    `
layer                passed   failed  ignored  seconds
unit                     12        0        0      1.2
golden             none yet
netns                     3        2        1     40.0

Failed, and how to run just that:
  netns: test/netns: not done after 600 s
    deno task test:netns
  netns: a peer's key is back
    deno task test:netns --filter 'a peer'\\''s key is back'

Ignored:
  netns: jumbo frames

15 passed, 2 failed`,
  );
});

Deno.test("a first try is shown and not summed", () => {
  const results: LayerResult[] = [{ ...NETNS, superseded: true }, {
    ...NETNS,
    passed: 4,
    failed: [],
    broken: [],
  }];
  const text = describeResults(results);
  assert.match(text, /^netns, first try +3 +2 /m);
  assert.match(text, /\n4 passed, 0 failed$/);
  assert.equal(anyFailed(results), false);
  assert.equal(anyFailed([NETNS]), true);
});
