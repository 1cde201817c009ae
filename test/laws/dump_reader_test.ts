// What is known of the last dump changes nothing of what is read of the next one: a reader that knows lines by their
// fingerprints gives what is read of each dump by itself, whatever happened between them. A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import { DumpReader } from "../../src/core/observed/dump_reader.ts";
import type { ObservedPeer, ObservedWireguard } from "../../src/core/observed/observed_state.ts";
import { parseWireguard } from "../../src/core/observed/parse_network.ts";

const KEYS = ["a", "b", "c", "d"].map((letter) => `${letter.repeat(43)}=`);

/** Few values each, so that lines come again, alone and together. */
const line = fc.tuple(
  fc.constantFrom("(none)", "SECRET"),
  fc.constantFrom("(none)", "10.9.1.2:24601", "10.9.1.3:24601"),
  fc.constantFrom("(none)", "10.244.2.0/24", "10.244.2.0/24,fd09::2/128"),
  fc.constantFrom("0", "1763696900"),
  fc.constantFrom("0", "148"),
  fc.constantFrom("0", "296"),
  fc.constantFrom("off", "25"),
);
const peers = fc.subarray(KEYS).chain((keys) =>
  fc.tuple(...keys.map((key) => fc.tuple(fc.constant(key), line)))
);
const dump = fc.record({
  port: fc.constantFrom("24601", "24602"),
  peers,
  /** Says the same as the one before, but for its order. */
  isRepeated: fc.boolean(),
  isReversed: fc.boolean(),
  /** A step of ours changes these peers behind it. */
  changed: fc.subarray(KEYS),
  /** What was known is dropped. */
  isForgotten: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
});

function change(state: ObservedWireguard, keys: readonly string[]): ObservedWireguard {
  const next = new Map(state.peers);
  for (const key of keys) {
    const has: ObservedPeer | undefined = next.get(key);
    if (has !== undefined) {
      next.set(key, { ...has, endpoint: "10.9.1.9:24601", isRoamed: false, isProven: false });
    }
  }
  return keys.length === 0 ? state : { ...state, peers: next };
}

Deno.test("what is read of a dump does not depend on what was known of others", () => {
  fc.assert(
    fc.property(fc.array(dump, { minLength: 2, maxLength: 8 }), (dumps) => {
      const reader = new DumpReader([1, 2]);
      let last: ObservedWireguard | undefined;
      let lines: string[] = [];
      let head = "";
      for (const [i, { port, peers, isRepeated, isReversed, changed, isForgotten }] of dumps.entries()) {
        if (!isRepeated || i === 0) {
          head = `PRIVATE\t${KEYS[0]}\t${port}\toff`;
          lines = peers.map(([key, fields]) => [key, ...fields].join("\t"));
        }
        const text = [head, ...isReversed ? lines.toReversed() : lines, ""].join("\n");
        const now = { wallSeconds: 1763696950 + 5 * i, steadySeconds: 54 + 5 * i };
        const wanted = parseWireguard(text, last, now);
        const read = reader.read(new TextEncoder().encode(text), last, now);
        assert.deepEqual(read, wanted);
        last = isForgotten ? undefined : change(read, changed);
      }
    }),
    { numRuns: 1_000 },
  );
});
