import assert from "node:assert/strict";
import { isInRanges, isWhole, mergeRanges, rangesOf, rangeText, readRange } from "./address_ranges.ts";
import type { BlockPeer } from "./objects.ts";
import { parseBlock } from "./parse_block.ts";

function texts(cidr: string, ...except: string[]): string[] {
  const block = parseBlock({ cidr, except }) as BlockPeer;
  return rangesOf(block).map((range) => rangeText(range, block.block.family));
}

const BLOCKS: readonly (readonly [name: string, block: [string, ...string[]], ranges: string[]])[] = [
  ["no exception", ["10.0.0.0/8"], ["10.0.0.0/8"]],
  ["an exception at its beginning", ["10.0.0.0/8", "10.0.0.0/9"], ["10.128.0.0/9"]],
  ["an exception at its end", ["10.0.0.0/8", "10.128.0.0/9"], ["10.0.0.0/9"]],
  ["an exception in the middle", ["10.0.0.0/30", "10.0.0.1/32"], ["10.0.0.0", "10.0.0.2/31"]],
  ["an exception within another", ["10.0.0.0/24", "10.0.0.0/25", "10.0.0.64/26"], ["10.0.0.128/25"]],
  ["exceptions that leave nothing", ["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"], []],
  ["exceptions that touch", ["10.0.0.0/29", "10.0.0.2/31", "10.0.0.4/32"], [
    "10.0.0.0/31",
    "10.0.0.5-10.0.0.7",
  ]],
  ["everything but one address", ["::/0", "::1/128"], ["::", "::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]],
];

for (const [name, block, ranges] of BLOCKS) {
  Deno.test(`A block with ${name} is those ranges`, () => assert.deepEqual(texts(...block), ranges));
}

Deno.test("Ranges that touch or overlap are one, in whatever order, and others stay apart", () => {
  const merged = (...ranges: string[]) =>
    mergeRanges(ranges.map(readRange)).map((range) => rangeText(range, 4));
  assert.deepEqual(merged("10.0.1.0/24", "10.0.0.0/24"), ["10.0.0.0/23"]);
  assert.deepEqual(merged("10.0.0.0/8", "10.1.0.0/16", "10.255.255.255-11.0.0.0"), ["10.0.0.0-11.0.0.0"]);
  assert.deepEqual(merged("10.0.0.2", "10.0.0.0"), ["10.0.0.0", "10.0.0.2"]);
  assert.ok(isWhole(mergeRanges([readRange("128.0.0.0/1"), readRange("0.0.0.0/1")]), 4));
  assert.ok(!isWhole(mergeRanges([readRange("0.0.0.0-255.255.255.254")]), 4));
});

Deno.test("An address is in ranges from the first of each to its last", () => {
  const ranges = [readRange("10.0.0.2-10.0.0.4"), readRange("10.0.0.8/31"), readRange("10.0.0.20")];
  const inside = Array.from({ length: 30 }, (_, i) => i).filter((i) =>
    isInRanges(ranges, (10n << 24n) + BigInt(i))
  );
  assert.deepEqual(inside, [2, 3, 4, 8, 9, 20]);
  assert.equal(isInRanges([], 0n), false);
});
