// Law 6: the arithmetic of prefixes equals a naive model, which writes a prefix as the text of its fixed bits
// and a union as the set of the 64 blocks of one small universe. A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, addressOf, type Family, widthOf } from "../../src/core/net/address.ts";
import {
  comparePrefixes,
  contains,
  containsAddress,
  firstAddress,
  hostPrefix,
  lastOf,
  overlaps,
  type Prefix,
  prefixOf,
  summarise,
  withoutNested,
} from "../../src/core/net/prefix.ts";

const RUNS = { numRuns: 300 };

// A universe is a prefix that is seen as 64 blocks: addresses below a /26 or /122, whole networks below shorter ones.
// Those at either end of the number space and at a carry are where arithmetic breaks.
const UNIVERSES: readonly Prefix[] = [
  network(4, 0n, 0),
  network(4, 0n, 26),
  network(4, 0x0af4ffc0n, 26),
  network(4, 0x7fffffc0n, 26),
  network(4, 0xffffffc0n, 26),
  network(6, 0n, 0),
  network(6, 0n, 122),
  network(6, 0xfd00n << 112n, 60),
  network(6, 0xffffffffn << 32n, 122),
  network(6, (1n << 128n) - 64n, 122),
];

function network(family: Family, value: bigint, length: number): Prefix {
  return prefixOf(addressOf(family, value), length);
}

/** The first addresses of the 64 blocks. */
function blocksOf(universe: Prefix): Address[] {
  const size = 1n << BigInt(widthOf(universe.family) - universe.length - 6);
  return Array.from({ length: 64 }, (_, i) => addressOf(universe.family, universe.value + BigInt(i) * size));
}

/** The model of a prefix: the family and the fixed bits, as text. */
function bitsOf(it: Address | Prefix): string {
  const bits = it.value.toString(2).padStart(widthOf(it.family), "0");
  return `${it.family} ${bits.slice(0, it.length ?? bits.length)}`;
}

/** The model of a union: the texts of the blocks that start with one of the prefixes. */
function unionOf(prefixes: readonly Prefix[], universe: Prefix): Set<string> {
  const starts = prefixes.map(bitsOf);
  return new Set(
    blocksOf(universe).map(bitsOf).filter((block) => starts.some((start) => block.startsWith(start))),
  );
}

/** The model of a summary: a block that the union fills is one prefix, of any other the two halves are asked. */
function summaryOf(union: ReadonlySet<string>, part: Prefix, blocks: readonly string[]): string[] {
  const own = blocks.filter((block) => block.startsWith(bitsOf(part)));
  if (own.every((block) => union.has(block))) return [part.text];
  if (own.length === 1) return [];
  return halvesOf(part).flatMap((half) => summaryOf(union, half, own));
}

function halvesOf(part: Prefix): Prefix[] {
  const size = 1n << BigInt(widthOf(part.family) - part.length - 1);
  return [part.value, part.value + size].map((value) => network(part.family, value, part.length + 1));
}

function prefixesIn(universe: Prefix): fc.Arbitrary<Prefix> {
  const blocks = blocksOf(universe);
  return fc.tuple(fc.nat(63), fc.nat(6)).map(([i, more]) => prefixOf(blocks[i]!, universe.length + more));
}

/** A universe and prefixes in it: some of any length, or so many single blocks that summaries cascade. */
const scenes = fc.constantFrom(...UNIVERSES).chain((universe) => {
  const blocks = blocksOf(universe).map((block) => prefixOf(block, universe.length + 6));
  const prefixes = fc.oneof(fc.array(prefixesIn(universe), { maxLength: 12 }), fc.subarray(blocks));
  return prefixes.map((prefixes) => ({ universe, prefixes }));
});

const pairs = fc.constantFrom(...UNIVERSES).chain((universe) =>
  fc.tuple(prefixesIn(universe), fc.oneof(prefixesIn(universe), fc.constantFrom(...UNIVERSES)))
);

const addresses = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(widthOf(family))) - 1n }).map((value) => addressOf(family, value))
);

/** Addresses with any length that their family has. */
const networks = addresses.chain((address) =>
  fc.nat(widthOf(address.family)).map((length) => ({ address, length, prefix: prefixOf(address, length) }))
);

const texts = (prefixes: readonly Prefix[]) => prefixes.map((prefix) => prefix.text);

Deno.test("prefixOf keeps the fixed bits of its address and clears the rest", () => {
  fc.assert(
    fc.property(networks, ({ address, length, prefix }) => {
      assert.equal(bitsOf(prefix), bitsOf(address).slice(0, 2 + length));
      assert.equal(bitsOf({ ...address, value: prefix.value }).slice(2 + length).replaceAll("0", ""), "");
      assert.equal(prefix.text, `${addressOf(address.family, prefix.value).text}/${length}`);
    }),
    RUNS,
  );
});

Deno.test("lastOf sets every bit that is not fixed, and is the last address that the prefix contains", () => {
  fc.assert(
    fc.property(networks, ({ address, length, prefix }) => {
      const last = addressOf(address.family, lastOf(prefix));
      assert.equal(bitsOf(last), bitsOf(prefix).padEnd(2 + widthOf(address.family), "1"));
      assert.ok(containsAddress(prefix, last) && containsAddress(prefix, address));
      assert.equal(length === widthOf(address.family), last.value === prefix.value);
    }),
    RUNS,
  );
});

Deno.test("A prefix contains exactly the addresses that start with its bits", () => {
  fc.assert(
    fc.property(networks, addresses, ({ prefix }, address) => {
      const near = [prefix.value - 1n, prefix.value, lastOf(prefix), lastOf(prefix) + 1n]
        .filter((value) => value >= 0n && value < 1n << BigInt(widthOf(prefix.family)))
        .map((value) => addressOf(prefix.family, value));
      for (const it of [address, ...near]) {
        assert.equal(containsAddress(prefix, it), bitsOf(it).startsWith(bitsOf(prefix)), it.text);
        assert.equal(contains(prefix, hostPrefix(it)), containsAddress(prefix, it), it.text);
      }
    }),
    RUNS,
  );
});

Deno.test("contains is to hold every block of the other, overlaps is to share one", () => {
  fc.assert(
    fc.property(pairs, ([a, b]) => {
      assert.equal(contains(a, b), bitsOf(b).startsWith(bitsOf(a)));
      assert.equal(overlaps(a, b), contains(a, b) || bitsOf(a).startsWith(bitsOf(b)));
      assert.equal(overlaps(b, a), overlaps(a, b));
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(scenes.filter(({ prefixes }) => prefixes.length > 1), ({ universe, prefixes: [a, b] }) => {
      const [inA, inB] = [unionOf([a!], universe), unionOf([b!], universe)];
      assert.equal(contains(a!, b!), inB.isSubsetOf(inA));
      assert.equal(overlaps(a!, b!), !inA.isDisjointFrom(inB));
    }),
    RUNS,
  );
});

Deno.test("The first usable address is in its prefix, and odd where the prefix has a choice", () => {
  fc.assert(
    fc.property(networks, ({ address, length, prefix }) => {
      const first = firstAddress(prefix);
      assert.ok(containsAddress(prefix, first));
      assert.ok(first.value - prefix.value <= 1n);
      assert.ok(length === widthOf(address.family) || first.value % 2n === 1n);
    }),
    RUNS,
  );
});

Deno.test("comparePrefixes orders as the text of all bits does, then wider first", () => {
  const key = (prefix: Prefix) =>
    `${bitsOf(prefix).padEnd(130, "0")} ${String(prefix.length).padStart(3, "0")}`;
  fc.assert(
    fc.property(
      fc.array(networks.map(({ prefix }) => prefix)),
      fc.array(fc.constantFrom(...UNIVERSES)),
      (a, b) => {
        const byText = [...a, ...b].sort((left, right) => key(left) < key(right) ? -1 : 1);
        assert.deepEqual(texts([...a, ...b].sort(comparePrefixes)), texts(byText));
      },
    ),
    RUNS,
  );
});

Deno.test("withoutNested keeps the union, and of the prefixes those that no other one contains, each once", () => {
  fc.assert(
    fc.property(scenes, ({ universe, prefixes }) => {
      const kept = withoutNested(prefixes);
      assert.deepEqual(unionOf(kept, universe), unionOf(prefixes, universe));
      const all = [...new Map(prefixes.map((prefix) => [bitsOf(prefix), prefix])).values()];
      const outermost = all.filter((one) =>
        !all.some((other) => other !== one && bitsOf(one).startsWith(bitsOf(other)))
      );
      assert.deepEqual(texts(kept), texts(outermost.sort(comparePrefixes)));
    }),
    RUNS,
  );
});

Deno.test("summarise is the one smallest list of prefixes with the same union, and summarises no further", () => {
  fc.assert(
    fc.property(scenes, ({ universe, prefixes }) => {
      const summary = summarise(prefixes);
      const union = unionOf(prefixes, universe);
      assert.deepEqual(texts(summary), summaryOf(union, universe, blocksOf(universe).map(bitsOf)));
      assert.deepEqual(unionOf(summary, universe), union);
      assert.deepEqual(summarise(summary), summary);
    }),
    RUNS,
  );
});

Deno.test("summarise and withoutNested do not see the order of their prefixes, nor duplicates", () => {
  const shuffled = fc.tuple(scenes, scenes).chain(([one, other]) => {
    const prefixes = [...one.prefixes, ...other.prefixes];
    const length = prefixes.length;
    return fc.tuple(
      fc.constant(prefixes),
      fc.shuffledSubarray([...prefixes, ...prefixes.slice(0, 5)], {
        minLength: length + Math.min(5, length),
      }),
    );
  });
  fc.assert(
    fc.property(shuffled, ([prefixes, other]) => {
      assert.deepEqual(summarise(other), summarise(prefixes));
      assert.deepEqual(withoutNested(other), withoutNested(prefixes));
    }),
    RUNS,
  );
});

Deno.test("Families never mix: what both lists give is what each gives", () => {
  fc.assert(
    fc.property(scenes, scenes, (one, other) => {
      fc.pre(one.universe.family < other.universe.family);
      for (const reduce of [summarise, withoutNested]) {
        const apart = [...reduce(one.prefixes), ...reduce(other.prefixes)];
        assert.deepEqual(reduce([...other.prefixes, ...one.prefixes]), apart);
      }
    }),
    RUNS,
  );
});
