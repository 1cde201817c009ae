import assert from "node:assert/strict";
import { type DropTotal, DropTotals, parseCounters } from "./drop_totals.ts";

const A = "i4-aaaaaaaaaaaaaaaa";
const A6 = "i6-aaaaaaaaaaaaaaaa";
const B = "e4-bbbbbbbbbbbbbbbb";
const POLICIES = new Map([[A, ["x/deny"]], [A6, ["x/deny"]], [B, ["x/deny", "x/web"]]]);

function shown(totals: readonly DropTotal[]): string[] {
  return totals.map(({ direction, verdict, policies, packets }) =>
    `${packets} ${verdict} ${direction} ${policies.join()}`
  );
}

Deno.test("Counters are those of policies, by their names", () => {
  const counter = (name: string, packets: number) => ({
    counter: { family: "inet", name, packets, bytes: 1 },
  });
  const nftables = [
    { metainfo: { version: "1.0.6" } },
    counter(A, 3),
    counter(`${A}.audit`, 4),
    counter("policy-unknown-v6", 5),
    counter("somebody's", 6),
    counter(`${A}.audit.x`, 7),
  ];
  assert.deepEqual([...parseCounters(JSON.stringify({ nftables }))], [
    [A, 3],
    [`${A}.audit`, 4],
    ["policy-unknown-v6", 5],
  ]);
});

Deno.test("Drops are those of the policies that isolate, both families together, the most first", () => {
  const totals = new DropTotals();
  totals.take(new Map([[A, 3], [A6, 4], [B, 9], [`${A}.audit`, 1], ["policy-unknown-v4", 2]]), POLICIES);
  assert.deepEqual(shown(totals.all()), [
    "9 drop egress x/deny,x/web",
    "7 drop ingress x/deny",
    "2 drop undefined ",
    "1 audit ingress x/deny",
  ]);
  assert.equal(totals.packets, 19);
});

Deno.test("What is counted never becomes less: a content that goes, and one that is made anew", () => {
  const totals = new DropTotals();
  totals.take(new Map([[A, 3], [A6, 4]]), POLICIES);
  totals.take(new Map([[A, 5]]), POLICIES);
  assert.deepEqual(shown(totals.all()), ["9 drop ingress x/deny"]);
  totals.take(new Map([[A, 1], [A6, 1]]), POLICIES);
  assert.deepEqual(shown(totals.all()), ["11 drop ingress x/deny"]);
});

Deno.test("A content that nobody wants any more is its last policies'; one that nobody knew is nobody's", () => {
  const totals = new DropTotals();
  totals.take(new Map([[A, 3], ["i4-cccccccccccccccc", 8]]), POLICIES);
  totals.take(new Map([[A, 7]]), new Map());
  assert.deepEqual(shown(totals.all()), ["7 drop ingress x/deny"]);
});

Deno.test("Policies that come and go for ever are forgotten in the end", () => {
  const totals = new DropTotals();
  for (let i = 0; i < 1_000; i++) {
    const name = `i4-${
      String(i).replaceAll(/\d/g, (digit) => "abcdefghij"[Number(digit)]!).padStart(16, "a")
    }`;
    totals.take(new Map([[name, 1]]), new Map([[name, [`x/policy-${i}`]]]));
  }
  assert.ok(totals.all().length <= 201, `${totals.all().length} are kept`);
});
