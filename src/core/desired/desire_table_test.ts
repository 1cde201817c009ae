import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";

const MESH = [1, 2].map(ordinaryNode);
const WITHOUT = desireOf(MESH).table;

Deno.test("NO_MASQUERADE_CIDRS are members of a set, asked before sources and masquerade, in families that are masqueraded", () => {
  const { templates, sets } = desireOf(MESH, {
    NO_MASQUERADE_CIDRS: "192.168.0.0/16,fd09::/64,192.168.7.0/24,10.0.0.0/8",
    MASQUERADE_IPV6: "false",
  }).table;
  assert.deepEqual(sets, { ...WITHOUT.sets, "no-masquerade-v4": ["10.0.0.0/8", "192.168.0.0/16"] });
  const [place, ...others] = ["no-masquerade-v4", "source-v4", "masquerade-v4"].map((name) =>
    templates.indexOf(name)
  );
  assert.ok(place! > 0 && others.every((other) => other > place!), templates.join());
  assert.ok(!templates.includes("no-masquerade-v6"));
});
