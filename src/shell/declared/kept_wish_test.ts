import assert from "node:assert/strict";
import { parseDeclared } from "../../core/declared/parse_declared.ts";
import { declared } from "../../../test/declared/walk_through.ts";
import { settingsOf } from "../../../test/cluster.ts";
import { KeptWish } from "./kept_wish.ts";

Deno.test("A link whose time is over by a clock that was ahead is back once that is right again", () => {
  const json = declared("WireGuardNetworkPlan", "p", {
    nodes: [
      { nodeName: "n1", underlay: { hostname: "10.0.0.1" } },
      { nodeName: "n2", underlay: { hostname: "10.0.0.2" }, expires: "2027-01-01T00:00:00Z" },
    ],
    links: [
      { fromNode: "n1", toNodes: [{ nodeName: "n2" }] },
      { fromNode: "n2", toNodes: [{ nodeName: "n1" }] },
    ],
  });
  const objects = [parseDeclared("WireGuardNetworkPlan", json, "").object!];
  const parts = { objects, nodes: [], said: [] };
  const wish = new KeptWish(settingsOf(), undefined);
  const real = Date.now;
  try {
    const counts = [2026, 2030, 2026].map((year) => {
      Date.now = () => Date.UTC(year, 10, 1);
      return wish.of(parts).interfaces.length;
    });
    assert.deepEqual(counts, [1, 0, 1]);
  } finally {
    Date.now = real;
  }
});
