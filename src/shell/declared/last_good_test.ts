import assert from "node:assert/strict";
import { DUMMY } from "../../../test/declared/walk_through.ts";
import { parseDeclared } from "../../core/declared/parse_declared.ts";
import { LastGood } from "./last_good.ts";

const good = parseDeclared("NetlinkInterface", DUMMY, "a.yaml");
const bad = parseDeclared("NetlinkInterface", { ...DUMMY, spec: { ...DUMMY.spec, mtu: 1 } }, "a.yaml");

Deno.test("An object that cannot be read any more goes on as it was, until it is gone", () => {
  const known = new LastGood();
  known.take([good]);
  for (const parsed of [[bad], [bad]]) {
    const { objects, unread, isHeld } = known.take(parsed);
    assert.deepEqual(objects, [good.object]);
    assert.deepEqual([unread.length, isHeld(unread[0]!)], [1, true]);
  }
  assert.deepEqual(known.take([]).objects, []);
  assert.deepEqual(known.take([bad]).objects, []);
});

Deno.test("The same list gives the same objects", () => {
  const known = new LastGood();
  const parsed = [good];
  assert.equal(known.take(parsed).objects, known.take(parsed).objects);
});
