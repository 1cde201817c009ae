import assert from "node:assert/strict";
import { parseWaysOut, pathOf } from "./parse_paths.ts";

/** Printed by iproute2 6.1.0 for fourteen addresses, five of which have no way out. */
const STDOUT =
  `[{"dst":"10.0.0.0/24","dev":"d0","protocol":"kernel","scope":"link","prefsrc":"10.0.0.2","flags":[]}]
[{"dst":"10.9.0.0/16","gateway":"10.0.0.5","dev":"d0","flags":[],"metrics":[{"mtu":1300}]}]
[{"dst":"10.10.0.0/16","flags":[],"nexthops":[{"gateway":"10.0.0.7","dev":"d0","weight":1,"flags":[]},{"gateway":"10.0.0.8","dev":"d1","weight":1,"flags":[]}]}]
[{"type":"local","dst":"10.0.0.2","dev":"d0","protocol":"kernel","scope":"host","prefsrc":"10.0.0.2","flags":[]}]
[{"dst":"default","gateway":"fd09::1","dev":"d1","metric":1024,"flags":[],"pref":"medium"}]
`;
const STDERR = `RTNETLINK answers: Network is unreachable
Command failed /run/wigglenet/input-7-1:1
RTNETLINK answers: No route to host
Command failed /run/wigglenet/input-7-1:4
`;

Deno.test("Each address of a batch has its way out; those that failed, and the host's own, have none", () => {
  assert.deepEqual(parseWaysOut({ stdout: STDOUT, stderr: STDERR }, 7), [
    undefined,
    { devs: ["d0"], mtuBytes: undefined },
    { devs: ["d0"], mtuBytes: 1300 },
    undefined,
    { devs: ["d0", "d1"], mtuBytes: undefined },
    undefined,
    { devs: ["d1"], mtuBytes: undefined },
  ]);
  assert.deepEqual(parseWaysOut({ stdout: "", stderr: "" }, 0), []);
});

Deno.test("Answers that are too few, or no JSON, are an error and not a guess", () => {
  assert.throws(() => parseWaysOut({ stdout: STDOUT, stderr: "" }, 7), /5 answers and 0 errors for 7/);
  assert.throws(() => parseWaysOut({ stdout: "default dev d0\n", stderr: "" }, 1), SyntaxError);
});

const MTUS = { 4: new Map([["a", 1500], ["b", 1400]]), 6: new Map([["a", 1480], ["b", 1400]]) };
const ways: readonly [what: string, devs: string[], mtu: number | undefined, family: 4 | 6, path: unknown][] =
  [
    ["an interface carries its MTU", ["a"], undefined, 4, { dev: "a", mtuBytes: 1500 }],
    ["a router may have announced a smaller one for IPv6", ["a"], undefined, 6, { dev: "a", mtuBytes: 1480 }],
    ["a route may have one of its own", ["a"], 1300, 4, { dev: "a", mtuBytes: 1300 }],
    ["which cannot be larger than the interface's", ["a"], 9000, 4, { dev: "a", mtuBytes: 1500 }],
    ["of several next hops the narrowest counts", ["a", "b"], undefined, 4, { dev: "b", mtuBytes: 1400 }],
    ["an interface that has just gone says nothing", ["c"], undefined, 4, undefined],
  ];
for (const [what, devs, mtuBytes, family, path] of ways) {
  Deno.test(`The path to an address: ${what}`, () => {
    assert.deepEqual(pathOf({ devs, mtuBytes }, family, MTUS), path);
  });
}
