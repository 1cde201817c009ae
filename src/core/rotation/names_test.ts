import assert from "node:assert/strict";
import { nextEndpoint, nextInterface, nextPort } from "./names.ts";

Deno.test("The second interface has a name of its own that the kernel takes, whatever the first is called", () => {
  const names = ["wigglenet", "wg0", "a", "abcdefghijklmno", "abcdefghij-next", "abcdefghi-next2"];
  assert.deepEqual(names.map(nextInterface), [
    "wigglenet-next",
    "wg0-next",
    "a-next",
    "abcdefghij-next",
    "abcdefghi-next2",
    "abcdefghi--next",
  ]);
  for (const name of names) assert.ok(nextInterface(name) !== name && nextInterface(name).length <= 15);
});

Deno.test("Its port is the next one, at each endpoint", () => {
  assert.deepEqual([24601, 65534, 65535].map(nextPort), [24602, 65535, 65534]);
  assert.deepEqual(["10.9.1.2:24601", "[fd09::2]:24601"].map(nextEndpoint), [
    "10.9.1.2:24602",
    "[fd09::2]:24602",
  ]);
});
