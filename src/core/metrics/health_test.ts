import assert from "node:assert/strict";
import { healthOf, readinessOf, STUCK_SECONDS } from "./health.ts";

Deno.test("a loop that finished a pass lately is healthy, one that hangs for minutes is not", () => {
  assert.deepEqual(healthOf({ passAgeSeconds: 33 }), { isGood: true, text: "ok" });
  const { isGood, text } = healthOf({ passAgeSeconds: STUCK_SECONDS });
  assert.deepEqual([isGood, text], [false, "the loop has finished no pass for 180 s"]);
});

Deno.test("not ready says why, errors before what is waited for, five reasons at most", () => {
  const wait = (what: string) => ({ what, why: "why", next: "next" });
  const base = { isReady: false, failing: {}, waiting: [] };
  assert.equal(readinessOf(base).text, "not ready: the first apply is under way");
  assert.equal(
    readinessOf({ ...base, failing: { table: { error: "nft exited 1" } }, waiting: [wait("Nodes")] }).text,
    "not ready: table: nft exited 1; waiting for Nodes: why; next",
  );
  assert.match(
    readinessOf({ ...base, waiting: ["a", "b", "c", "d", "e", "f", "g"].map(wait) }).text,
    /e: why; next; and 2 more$/,
  );
});

Deno.test("ready stays ready, whatever fails then: the data plane stands", () => {
  const failing = { table: { error: "nft exited 1" } };
  assert.deepEqual(readinessOf({ isReady: true, failing, waiting: [] }), { isGood: true, text: "ready" });
});

Deno.test("what a probe is told is one line of bounded length, whatever an error says", () => {
  const failing = { all: { error: `a\nb\u0007${"x".repeat(9_999)}` } };
  const { text } = readinessOf({ isReady: false, failing, waiting: [] });
  assert.match(text, /^not ready: all: a b x+\.\.\.$/);
  assert.ok(text.length < 1000);
});

Deno.test("ready tells what of the host is in the way of pods, and nothing of what is waited for otherwise", () => {
  const wait = { what: "peers for n1", why: "no key", next: "look" };
  const trouble = {
    what: "CNI plugins",
    why: "ptp is missing",
    next: "install it",
    isTrouble: true as const,
  };
  const remark = { what: "foreign firewall", why: "x drops", next: "look at x", isRemark: true as const };
  const verdict = readinessOf({ isReady: true, failing: {}, waiting: [wait, trouble, remark] });
  assert.deepEqual(verdict, {
    isGood: true,
    text: "ready, but CNI plugins: ptp is missing; install it; foreign firewall: x drops; look at x",
    hasRemarks: true,
  });
});
