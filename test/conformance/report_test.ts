import assert from "node:assert/strict";
import { caseLine, type CaseResult, failureLines, table } from "./report.ts";

const GOOD: CaseResult = {
  name: "egress: empty peers",
  tags: ["any-peer", "egress"],
  steps: 1,
  connections: 1296,
  refused: 0,
  tries: 1,
  seconds: 3.04,
  differences: [],
};
const BAD: CaseResult = {
  ...GOOD,
  name: "ipblock with except",
  tags: ["egress", "ip-block-with-except"],
  tries: 4,
  differences: Array.from(
    { length: 12 },
    (_, i) => `step 1, IPv4 by pod: x/a to y/b TCP ${i}: blocked, not allowed`,
  ),
};

Deno.test("a case is a line with its number, its time, and the tries where it took more than one", () => {
  assert.equal(caseLine(GOOD, 7, 140), "  ✓   7/140 egress: empty peers (3.0 s)");
  assert.equal(caseLine(BAD, 12, 140), "  ✗  12/140 ipblock with except (3.0 s, 4 tries)");
});

Deno.test("of a case that failed the first ten differences are shown, and how many more there are", () => {
  const lines = failureLines(BAD);
  assert.equal(lines.length, 11);
  assert.equal(lines.at(-1), "      and 2 more");
  assert.deepEqual(failureLines({ ...GOOD, error: "the API is gone" }), ["      the API is gone"]);
});

Deno.test("the table has a row for each kind of case that ran, and the sum", () => {
  const cut = { ...GOOD, error: "the API is gone" };
  assert.deepEqual(table([GOOD, BAD, cut]).split("\n").slice(2), [
    "| ipBlock, with and without except | 1 | 1 | 1296 | 0 | 1 |",
    "| all and nothing | 2 | 2 | 2592 | 1 | 1 |",
    "| **all** | 3 | 3 | 3888 | 1 | 2 |",
  ]);
});
