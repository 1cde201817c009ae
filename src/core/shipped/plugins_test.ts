import assert from "node:assert/strict";
import { lackedPlugins, PLUGINS } from "./plugins.ts";

Deno.test("a node without plugins lacks all of them", () => {
  assert.deepEqual(lackedPlugins(new Map()), PLUGINS);
});

Deno.test("a plugin that is there is left alone, an empty file is none", () => {
  const there = new Map([["ptp", 4_000_000], ["host-local", 1], ["bridge", 0], ["flannel", 5]]);
  assert.deepEqual(lackedPlugins(there), ["bridge", "loopback", "portmap"]);
});
