import assert from "node:assert/strict";
import ipaddr from "ipaddr.js";
import { type Address, parseAddress } from "./address.ts";
import {
  comparePrefixes,
  contains,
  containsAddress,
  firstAddress,
  hostPrefix,
  lastOf,
  overlaps,
  parseMaskedPrefix,
  parsePrefix,
  type Prefix,
  prefixOf,
  summarise,
  withoutNested,
} from "./prefix.ts";
import { Refusal } from "./refusal.ts";

const readable: readonly [text: string, canonical: string, value: bigint, length: number][] = [
  ["0.0.0.0/0", "0.0.0.0/0", 0n, 0],
  ["10.244.1.0/24", "10.244.1.0/24", 0x0af40100n, 24],
  ["128.0.0.0/1", "128.0.0.0/1", 0x80000000n, 1],
  ["10.9.1.2/32", "10.9.1.2/32", 0x0a090102n, 32],
  ["::/0", "::/0", 0n, 0],
  ["FD00:0244:0000::/48", "fd00:244::/48", 0xfd0002440000n << 80n, 48],
  ["8000::/1", "8000::/1", 1n << 127n, 1],
  ["::1/128", "::1/128", 1n, 128],
];

for (const [text, canonical, value, length] of readable) {
  Deno.test(`parsePrefix reads ${text} as ${canonical}`, () => {
    const family = text.includes(":") ? 6 : 4;
    const end = value + (1n << BigInt((family === 4 ? 32 : 128) - length));
    assert.deepEqual(parsePrefix(text), { family, value, end, length, text: canonical });
    assert.deepEqual(parseMaskedPrefix(text), parsePrefix(text));
  });
}

/** What ipaddr.js 2.5.0 takes for a CIDR, and as which. No Node may say it. */
const laxity: readonly [what: string, text: string, taken: string][] = [
  ["host bits", "10.244.1.1/24", "10.244.1.1/24"],
  ["host bits in IPv6", "fd00::1/64", "fd00::1/64"],
  ["one host bit under a length of 0", "::1/0", "::1/0"],
  ["a padded length", "10.0.0.0/08", "10.0.0.0/8"],
  ["a length padded twice", "10.0.0.0/008", "10.0.0.0/8"],
  ["a padded length in IPv6", "fe80::/010", "fe80::/10"],
  ["a padded length of 0", "0.0.0.0/00", "0.0.0.0/0"],
  ["an octal octet", "012.0.0.0/8", "10.0.0.0/8"],
  ["a hexadecimal octet", "0xa.0.0.0/8", "10.0.0.0/8"],
  ["a short form", "10.0/16", "10.0.0.0/16"],
  ["a single number, which is no network at all", "10/8", "0.0.0.10/8"],
  ["a zone", "fe80::%eth0/64", "fe80::%eth0/64"],
  ["an IPv4-mapped network with a dotted tail", "::ffff:10.0.0.0/104", "::ffff:a00:0/104"],
  ["an IPv4-mapped network in groups", "::ffff:a00:0/104", "::ffff:a00:0/104"],
  ["the IPv4-mapped network", "::ffff:0:0/96", "::ffff:0:0/96"],
  ["a dotted tail", "64:ff9b::10.0.0.0/104", "64:ff9b::a00:0/104"],
];

for (const [what, text, taken] of laxity) {
  Deno.test(`parsePrefix refuses ${what}, which ipaddr.js takes: ${text}`, () => {
    assert.equal(ipaddr.isValidCIDR(text), true);
    assert.equal(ipaddr.parseCIDR(text).join("/"), taken);
    assertRefused(text);
  });
}

const nonsense: readonly [what: string, text: string][] = [
  ["the empty text", ""],
  ["a slash alone", "/"],
  ["no address", "/24"],
  ["no length", "10.0.0.0"],
  ["an empty length", "10.0.0.0/"],
  ["two lengths", "10.0.0.0/8/8"],
  ["a length above 32", "10.0.0.0/33"],
  ["a length above 128", "::/129"],
  ["an IPv6 length behind IPv4", "0.0.0.0/64"],
  ["a length of four digits", "::/1000"],
  ["a negative length", "10.0.0.0/-8"],
  ["a signed length", "10.0.0.0/+8"],
  ["a fractional length", "10.0.0.0/8.0"],
  ["a hexadecimal length", "10.0.0.0/0x8"],
  ["an exponent as length", "10.0.0.0/1e1"],
  ["a net mask", "10.0.0.0/255.0.0.0"],
  ["a leading space", " 10.0.0.0/8"],
  ["a space behind the slash", "10.0.0.0/ 8"],
  ["a trailing space", "10.0.0.0/8 "],
  ["a trailing newline", "10.0.0.0/8\n"],
  ["a newline in front of the slash", "fd00::\n/64"],
  ["a list", "10.0.0.0/8,11.0.0.0/8"],
  ["nft after the length", "10.0.0.0/8 } ; flush ruleset"],
];

for (const [what, text] of nonsense) {
  Deno.test(`parsePrefix refuses ${what}, as ipaddr.js does: ${JSON.stringify(text)}`, () => {
    assert.equal(ipaddr.isValidCIDR(text), false);
    assertRefused(text);
    assert.ok(parseMaskedPrefix(text) instanceof Refusal);
  });
}

Deno.test("parsePrefix refuses what is not a text", () => {
  for (const input of [undefined, null, true, 10, {}, [], ["10.0.0.0/8"]]) assertRefused(input);
});

const reasons: readonly [input: unknown, reason: string][] = [
  [null, "null is not a CIDR"],
  ["10.0.0.0", '"10.0.0.0" is not a CIDR: no prefix length'],
  ["10.0.0/8", '"10.0.0/8" is not a CIDR: "10.0.0" is not an IP address'],
  ["::ffff:0:0/96", '"::ffff:0:0/96" is not a CIDR: "::ffff:0:0" is an IPv4-mapped IPv6 address'],
  ["10.0.0.0/33", '"10.0.0.0/33" is not a CIDR: prefix length must be 0 to 32'],
  ["fd00::/08", '"fd00::/08" is not a CIDR: prefix length must be 0 to 128'],
  ["10.244.1.1/24", '"10.244.1.1/24" has host bits: the network is 10.244.1.0/24'],
];

for (const [input, reason] of reasons) {
  Deno.test(`A refusal says ${reason}`, () => assert.deepEqual(parsePrefix(input), new Refusal(reason)));
}

Deno.test("parseMaskedPrefix drops host bits and stays strict about the rest", () => {
  assert.deepEqual(parseMaskedPrefix("10.244.1.77/24"), prefix("10.244.1.0/24"));
  assert.deepEqual(parseMaskedPrefix("fd00::ffff:1:2/64"), prefix("fd00::/64"));
  assert.deepEqual(parseMaskedPrefix("255.255.255.255/0"), prefix("0.0.0.0/0"));
  for (const text of ["10.244.1.77", "10.244.1.77/024", "010.0.0.0/8", "::ffff:a00:1/104"]) {
    assert.ok(parseMaskedPrefix(text) instanceof Refusal, text);
  }
});

Deno.test("A prefix around an address is its network of that length", () => {
  assert.deepEqual(prefixOf(address("10.244.1.77"), 24), prefix("10.244.1.0/24"));
  assert.deepEqual(prefixOf(address("ffff::1"), 1), prefix("8000::/1"));
  assert.deepEqual(hostPrefix(address("10.9.1.2")), prefix("10.9.1.2/32"));
  assert.deepEqual(hostPrefix(address("fd09::2")), prefix("fd09::2/128"));
});

const relations: readonly [
  a: string,
  b: string,
  relation: "contains" | "is inside" | "equals" | "is apart from",
][] = [
  ["10.0.0.0/8", "10.244.1.0/24", "contains"],
  ["10.244.1.0/24", "10.0.0.0/8", "is inside"],
  ["10.0.0.0/8", "10.0.0.0/24", "contains"],
  ["10.0.0.0/24", "10.0.0.0/8", "is inside"],
  ["10.244.1.0/24", "10.244.1.0/24", "equals"],
  ["10.244.0.0/24", "10.244.1.0/24", "is apart from"],
  ["0.0.0.0/0", "255.255.255.255/32", "contains"],
  ["10.244.0.0/24", "10.244.0.255/32", "contains"],
  ["10.244.0.0/24", "10.244.1.0/32", "is apart from"],
  ["::/0", "ffff::/16", "contains"],
  ["::/0", "10.0.0.0/8", "is apart from"],
  ["0.0.0.0/0", "::/128", "is apart from"],
];

for (const [a, b, relation] of relations) {
  Deno.test(`${a} ${relation} ${b}`, () => {
    const [left, right] = [prefix(a), prefix(b)];
    assert.equal(contains(left, right), relation === "contains" || relation === "equals");
    assert.equal(contains(right, left), relation === "is inside" || relation === "equals");
    assert.equal(overlaps(left, right), relation !== "is apart from");
    assert.equal(overlaps(right, left), relation !== "is apart from");
  });
}

Deno.test("A prefix contains its first and last address, not their neighbours", () => {
  const outer = prefix("10.244.1.0/24");
  const within = ["10.244.0.255", "10.244.1.0", "10.244.1.255", "10.244.2.0", "::af4:100"]
    .map((text) => containsAddress(outer, address(text)));
  assert.deepEqual(within, [false, true, true, false, false]);
});

Deno.test("The last address of a prefix has all host bits set", () => {
  assert.equal(lastOf(prefix("10.244.1.0/24")), address("10.244.1.255").value);
  assert.equal(lastOf(prefix("10.9.1.2/32")), address("10.9.1.2").value);
  assert.equal(lastOf(prefix("::/0")), (1n << 128n) - 1n);
});

Deno.test("Prefixes are ordered by family, network, then wider first", () => {
  const ordered = ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "10.1.0.0/16", "::/0", "9::/16", "10::/16"].map(
    prefix,
  );
  assert.deepEqual(ordered.toReversed().sort(comparePrefixes), ordered);
});

const unions: readonly [what: string, given: string, kept: string, summary: string][] = [
  ["nothing", "", "", ""],
  ["one prefix", "10.0.0.0/24", "10.0.0.0/24", "10.0.0.0/24"],
  ["a duplicate", "10.0.0.0/24 10.0.0.0/24", "10.0.0.0/24", "10.0.0.0/24"],
  ["nested ones", "10.0.1.0/24 10.0.0.0/8 10.9.0.0/16", "10.0.0.0/8", "10.0.0.0/8"],
  ["two siblings", "10.0.1.0/24 10.0.0.0/24", "10.0.0.0/24 10.0.1.0/24", "10.0.0.0/23"],
  [
    "neighbours that are no siblings",
    "10.0.1.0/24 10.0.2.0/24",
    "10.0.1.0/24 10.0.2.0/24",
    "10.0.1.0/24 10.0.2.0/24",
  ],
  [
    "neighbours of two lengths",
    "10.0.0.0/24 10.0.1.0/25",
    "10.0.0.0/24 10.0.1.0/25",
    "10.0.0.0/24 10.0.1.0/25",
  ],
  [
    "a cascade",
    "10.0.3.128/25 10.0.3.0/25 10.0.2.0/24 10.0.0.0/23",
    "10.0.0.0/23 10.0.2.0/24 10.0.3.0/25 10.0.3.128/25",
    "10.0.0.0/22",
  ],
  ["both halves of IPv4", "128.0.0.0/1 0.0.0.0/1", "0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0"],
  ["both halves of IPv6", "8000::/1 ::/1", "::/1 8000::/1", "::/0"],
  ["both families", "::/0 0.0.0.0/0", "0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0"],
  ["bits that are siblings but for their families", "::/2 64.0.0.0/2", "64.0.0.0/2 ::/2", "64.0.0.0/2 ::/2"],
];

for (const [what, given, kept, summary] of unions) {
  Deno.test(`The union of ${what} is the same without nested prefixes and summarised`, () => {
    assert.deepEqual(withoutNested(prefixes(given)), prefixes(kept));
    assert.deepEqual(summarise(prefixes(given)), prefixes(summary));
  });
}

Deno.test("withoutNested and summarise leave the list they are given as it was", () => {
  const given = prefixes("10.0.1.0/24 10.0.0.0/24 10.0.0.0/25");
  const copy = [...given];
  withoutNested(given);
  summarise(given);
  assert.deepEqual(given, copy);
});

const firsts: readonly [prefix: string, first: string][] = [
  ["10.244.1.0/24", "10.244.1.1"],
  ["fd00:244:1::/64", "fd00:244:1::1"],
  ["10.244.1.2/31", "10.244.1.3"],
  ["10.244.1.2/32", "10.244.1.2"],
  ["fd00::2/128", "fd00::2"],
];

for (const [text, first] of firsts) {
  Deno.test(`The first usable address of ${text} is ${first}`, () => {
    assert.deepEqual(firstAddress(prefix(text)), address(first));
  });
}

function address(text: string): Address {
  return parseAddress(text) as Address;
}

function prefix(text: string): Prefix {
  return parsePrefix(text) as Prefix;
}

function prefixes(texts: string): Prefix[] {
  return texts.split(" ").filter((text) => text !== "").map(prefix);
}

function assertRefused(input: unknown) {
  const result = parsePrefix(input);
  assert.ok(result instanceof Refusal, `taken as ${(result as Prefix).text}`);
}
