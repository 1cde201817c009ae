// subnet() of an expression against a naive model: the bits of the network as a text, and the index behind them.

import assert from "node:assert/strict";
import fc from "fast-check";
import { addressOf, type Family, widthOf } from "../../src/core/net/address.ts";
import { contains, overlaps, type Prefix, prefixOf, subnetOf } from "../../src/core/net/prefix.ts";
import { refused } from "../../src/core/net/refusal.ts";

const FAMILY = fc.constantFrom<Family[]>(4, 6);
const PREFIX: fc.Arbitrary<Prefix> = FAMILY.chain((family) =>
  fc.tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(widthOf(family))) - 1n }), fc.nat(widthOf(family)))
    .map(([value, length]) => prefixOf(addressOf(family, value), length))
);
const LENGTH = fc.bigInt({ min: -2n, max: 130n });
const INDEX = fc.oneof(
  fc.bigInt({ min: -2n, max: 5n }),
  fc.nat(128).chain((bits) => fc.constantFrom((1n << BigInt(bits)) - 1n, 1n << BigInt(bits))),
  fc.bigInt({ min: -(1n << 64n), max: 1n << 64n }),
);

function bitsOf({ value, family, length }: Prefix): string {
  return value.toString(2).padStart(widthOf(family), "0").slice(0, length);
}

/** The bits of the subnet; undefined where there is none. */
function model(prefix: Prefix, length: bigint, index: bigint): string | undefined {
  const width = widthOf(prefix.family);
  const added = Number(length) - prefix.length;
  if (added < 0 || length > width || index < 0n) return undefined;
  const digits = added === 0 && index === 0n ? "" : index.toString(2);
  return digits.length > added ? undefined : bitsOf(prefix) + digits.padStart(added, "0");
}

Deno.test("subnet() is the network's bits with the index behind them, or refused where that is too long", () => {
  fc.assert(
    fc.property(PREFIX, LENGTH, INDEX, (prefix, length, index) => {
      const subnet = subnetOf(prefix, length, index);
      const bits = model(prefix, length, index);
      if (bits === undefined) return assert.ok(refused(subnet));
      assert.ok(!refused(subnet));
      assert.equal(bitsOf(subnet), bits);
      assert.equal(subnet.length, Number(length));
      assert.equal(
        subnet.value.toString(2).padStart(widthOf(prefix.family), "0").slice(subnet.length).replaceAll(
          "0",
          "",
        ),
        "",
      );
      assert.ok(contains(prefix, subnet));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("two subnets of one length with different numbers share no address", () => {
  fc.assert(fc.property(PREFIX, LENGTH, fc.tuple(INDEX, INDEX), (prefix, length, [a, b]) => {
    const [one, other] = [subnetOf(prefix, length, a), subnetOf(prefix, length, b)];
    fc.pre(!refused(one) && !refused(other));
    assert.equal(overlaps(one as Prefix, other as Prefix), a === b);
  }));
});
