import assert from "node:assert/strict";
import { policyLineOf } from "../../core/observed/policy_lines.ts";
import type { PolicyDelta } from "../../core/render/render_policy.ts";
import { OwnLines } from "./own_lines.ts";

const SET = "p4-aaaaaaaaaaaaaaaa";
const CHAIN = "i4-aaaaaaaaaaaaaaaa";
const NOTHING: PolicyDelta = { sets: [], chains: new Map(), flushed: [], counters: [] };

function members(added: readonly string[], deleted: readonly string[] = [], isFlushed = false): PolicyDelta {
  const declaration = "typeof ip saddr;";
  return { ...NOTHING, sets: [{ name: SET, kind: "set", declaration, isFlushed, added, deleted }] };
}

/** Which of the lines are passed over. */
function taken(own: OwnLines, ...lines: readonly string[]): boolean[] {
  return lines.map((line) => {
    const said = policyLineOf(line);
    assert.ok(said !== undefined && said !== "nothing", line);
    return own.take(said);
  });
}

const element = (verb: string, member: string) => `${verb} element inet wigglenet ${SET} { ${member} }`;

Deno.test("each of our lines is passed over once, whatever has changed since", () => {
  const own = new OwnLines();
  own.expect(members(["10.0.0.1"]), () => 0);
  own.expect(members([], ["10.0.0.1"]), () => 0);
  own.expect(members(["10.0.0.1"]), () => 0);
  const [comes, goes] = [element("add", "10.0.0.1"), element("delete", "10.0.0.1")];
  assert.deepEqual(taken(own, comes, goes, comes, comes, goes), [true, true, true, false, false]);
});

Deno.test("of a set that is flushed all is passed over until what came instead is told", () => {
  const own = new OwnLines();
  own.expect(members(["10.0.0.1", "10.0.0.2"], [], true), () => 0);
  const lines = [
    element("delete", "10.0.0.9"),
    element("delete", "10.0.0.1"),
    element("add", "10.0.0.1"),
    element("add", "10.0.0.2"),
    element("add", "10.0.0.9"),
  ];
  assert.deepEqual(taken(own, ...lines), [true, true, true, true, false]);
});

Deno.test("rules are known by their number, and in what is flushed by those that come", () => {
  const own = new OwnLines();
  const [comes, goes] = [
    `add rule inet wigglenet ${CHAIN} return`,
    `delete rule inet wigglenet ${CHAIN} handle 7`,
  ];
  own.expect({ ...NOTHING, chains: new Map([[CHAIN, ["a", "b"]]]) }, () => 0);
  assert.deepEqual(taken(own, comes, goes, comes, comes), [true, false, true, false]);
  own.expect({ ...NOTHING, chains: new Map([[CHAIN, ["a"]]]), flushed: [CHAIN] }, () => 0);
  assert.deepEqual(taken(own, goes, goes, comes, goes), [true, true, true, false]);
  own.expect({ ...NOTHING, chains: new Map([[CHAIN, []]]), flushed: [CHAIN] }, () => 1);
  assert.deepEqual(taken(own, goes, goes), [true, false]);
});

Deno.test("what we delete as a whole, and have again, is of before until its end is told", () => {
  const own = new OwnLines();
  own.expectEnd({ chains: [CHAIN], sets: [["set", SET]], counters: [CHAIN] });
  const lines = [
    `add chain inet wigglenet ${CHAIN}`,
    `delete rule inet wigglenet ${CHAIN} handle 7`,
    `delete chain inet wigglenet ${CHAIN}`,
    `delete chain inet wigglenet ${CHAIN}`,
    element("delete", "10.0.0.1"),
    `delete set inet wigglenet ${SET}`,
    element("delete", "10.0.0.1"),
    `delete counter inet wigglenet ${CHAIN}`,
    `delete counter inet wigglenet ${CHAIN}`,
  ];
  assert.deepEqual(taken(own, ...lines), [true, true, true, false, true, true, false, true, false]);
});

Deno.test("what was not told within a minute never is, and after a failure nothing is waited for", () => {
  let nowMs = 0;
  const own = new OwnLines(() => nowMs);
  const line = element("add", "10.0.0.1");
  own.expect(members(["10.0.0.1"]), () => 0);
  nowMs = 31_000;
  own.expect(members(["10.0.0.2"]), () => 0);
  assert.deepEqual(taken(own, line), [true]);
  own.expect(members(["10.0.0.1"]), () => 0);
  for (nowMs of [62_000, 93_000]) own.expect(members(["10.0.0.2"]), () => 0);
  assert.deepEqual(taken(own, line), [false]);
  own.expect(members(["10.0.0.1"]), () => 0);
  own.forget();
  assert.deepEqual(taken(own, line), [false]);
});
