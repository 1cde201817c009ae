import assert from "node:assert/strict";
import { batchOf, complaintsOf } from "./ip_batch.ts";
import type { Part, Step } from "./plan.ts";

function step(part: Part, args: readonly string[], lines: readonly string[]): Step {
  const input = lines.map((line) => `${line}\n`).join("");
  const actions = [{ kind: "run", program: "ip", args, input }] as const;
  return { part, stage: 0, needs: [], changes: [], actions };
}

const V4 = step("routes-v4", ["-batch"], [
  "route replace 10.0.1.0/24 dev w",
  "route replace 10.0.2.0/24 dev w",
]);
const V6 = step("routes-v6", ["-batch"], ["route replace fd00:1::/64 dev w"]);
const GONE = step("routes-v4", ["-4", "-force", "-batch"], ["route del 10.0.3.0/24 dev w"]);
const BATCH = batchOf([V4, GONE, V6])!;

Deno.test("Steps that are a batch of lines and nothing else go together, in their order", () => {
  assert.deepEqual(BATCH.steps, [V4, V6]);
  assert.equal(
    BATCH.input,
    "route replace 10.0.1.0/24 dev w\nroute replace 10.0.2.0/24 dev w\nroute replace fd00:1::/64 dev w\n",
  );
});

Deno.test("One of them goes alone, as does what does something else besides", () => {
  const more = { ...V6, actions: [...V6.actions, ...V6.actions] };
  assert.equal(batchOf([V4, GONE, more]), undefined);
});

Deno.test("Thousands of routes go alone, beside the others", () => {
  const many = step(
    "routes-v4",
    ["-batch"],
    Array.from({ length: 1000 }, () => "route replace 10.0.1.0/24 dev w"),
  );
  assert.equal(batchOf([many, V6]), undefined);
});

const NO_DEVICE = 'Cannot find device "w"';
const NO_FAMILY = "RTNETLINK answers: Operation not supported";
const failed = (line: number) => `Command failed /run/wigglenet/input-1-1:${line}`;
const answers: readonly [what: string, stderr: string[], complaints: (string | undefined)[]][] = [
  ["one family", [NO_FAMILY, failed(3)], [undefined, NO_FAMILY]],
  ["the other", [NO_DEVICE, failed(2)], [NO_DEVICE, undefined]],
  ["both", [NO_DEVICE, failed(1), NO_DEVICE, failed(2), NO_FAMILY, failed(3)], [NO_DEVICE, NO_FAMILY]],
  ["a line without a word", [failed(3)], [undefined, failed(3)]],
  ["one line, then itself", [NO_DEVICE, failed(1), "Error: what?"], ["Error: what?", "Error: what?"]],
  ["itself", ["Error: what?"], ["Error: what?", "Error: what?"]],
  ["without a word", [], ["", ""]],
];
for (const [what, stderr, complaints] of answers) {
  Deno.test(`ip that fails at ${what}: the steps hear ${JSON.stringify(complaints)}`, () => {
    assert.deepEqual(complaintsOf(BATCH, stderr.map((line) => `${line}\n`).join("")), complaints);
  });
}
