import assert from "node:assert/strict";
import type { PortRange, Protocol } from "./objects.ts";
import { cutRanges } from "./port_segments.ts";

/** `tcp 80-90 a`. */
function cut(...lines: string[]): string[] {
  const ranges = lines.map((line): [PortRange, string] => {
    const [protocol, ports, value] = line.split(" ") as [Protocol, string, string];
    const [first, last] = ports.split("-").map(Number) as [number, number?];
    return [{ kind: "range", protocol, first, last: last ?? first }, value];
  });
  return [...cutRanges(ranges)].map((it) => `${it.protocol} ${it.first}-${it.last} ${it.covered.join("")}`);
}

const CASES: readonly (readonly [name: string, ranges: string[], segments: string[]])[] = [
  ["that do not meet stay as they are", ["tcp 90 a", "tcp 80 b"], ["tcp 80-80 b", "tcp 90-90 a"]],
  ["that touch are two", ["tcp 80-89 a", "tcp 90-99 b"], ["tcp 80-89 a", "tcp 90-99 b"]],
  ["that overlap are cut at their ends", ["tcp 80-90 a", "tcp 85-95 b"], [
    "tcp 80-84 a",
    "tcp 85-90 ab",
    "tcp 91-95 b",
  ]],
  ["within others are cut out", ["tcp 0-65535 a", "tcp 80 b"], [
    "tcp 0-79 a",
    "tcp 80-80 ab",
    "tcp 81-65535 a",
  ]],
  ["of one value that overlap go on to the last end", ["tcp 80-85 a", "tcp 83-90 a"], [
    "tcp 80-82 a",
    "tcp 83-85 a",
    "tcp 86-90 a",
  ]],
  ["of other protocols do not meet", ["udp 80-90 a", "tcp 80-90 b", "sctp 80 c"], [
    "tcp 80-90 b",
    "udp 80-90 a",
    "sctp 80-80 c",
  ]],
];

for (const [name, ranges, segments] of CASES) {
  Deno.test(`Port ranges ${name}`, () => assert.deepEqual(cut(...ranges), segments));
}
