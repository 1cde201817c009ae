import assert from "node:assert/strict";
import ipaddr from "ipaddr.js";
import { type Address, addressOf, compareAddresses, parseAddress, widthOf } from "./address.ts";
import { parsePrefix, type Prefix } from "./prefix.ts";
import { Refusal } from "./refusal.ts";

const readable: readonly [text: string, canonical: string, value: bigint][] = [
  ["0.0.0.0", "0.0.0.0", 0n],
  ["10.9.1.2", "10.9.1.2", 0x0a090102n],
  ["255.255.255.255", "255.255.255.255", 0xffffffffn],
  ["::", "::", 0n],
  ["::1", "::1", 1n],
  ["1::", "1::", 1n << 112n],
  ["fd00::a:b", "fd00::a:b", (0xfd00n << 112n) | 0xa000bn],
  ["FD00::A:B", "fd00::a:b", (0xfd00n << 112n) | 0xa000bn],
  ["fd00:0000:0000:0000:0000:0000:0000:0001", "fd00::1", (0xfd00n << 112n) | 1n],
  ["0:0:0:0:0:0:0:0", "::", 0n],
  ["::ffff:1", "::ffff:1", 0xffff0001n],
  ["::a00:1", "::a00:1", 0x0a000001n],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", 0x00010002000300040005000600070000n],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", 0x00000002000300040005000600070008n],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", (1n << 128n) - 1n],
];

for (const [text, canonical, value] of readable) {
  Deno.test(`parseAddress reads ${text} as ${canonical}`, () => {
    const family = text.includes(":") ? 6 : 4;
    assert.deepEqual(parseAddress(text), { family, value, text: canonical });
    assert.deepEqual(addressOf(family, value), { family, value, text: canonical });
  });
}

const rfc5952: readonly [rule: string, text: string, canonical: string][] = [
  ["leading zeros of a group are dropped", "2001:0db8::0001", "2001:db8::1"],
  ["a zero group is one digit", "2001:db8:0000:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["the longest run of zeros is shortened", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["of two equal runs the first is shortened", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["a single zero group is not shortened", "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["letters are lower case", "2001:DB8::ABCD", "2001:db8::abcd"],
  ["a zero at the end of a group does not count", "10:0:1:0:0:2:20:0", "10:0:1::2:20:0"],
];

for (const [rule, text, canonical] of rfc5952) {
  Deno.test(`The text of an IPv6 address follows RFC 5952: ${rule}`, () => {
    assert.equal((parseAddress(text) as Address).text, canonical);
  });
}

/** What ipaddr.js 2.5.0 takes for an address, and as which. No Node may say it. */
const laxity: readonly [what: string, text: string, taken: string][] = [
  ["an octal octet", "010.1.1.1", "8.1.1.1"],
  ["an octal last octet", "10.0.0.010", "10.0.0.8"],
  ["a padded zero", "10.0.0.00", "10.0.0.0"],
  ["a hexadecimal octet", "0x0a.0.0.1", "10.0.0.1"],
  ["a hexadecimal octet with a capital X", "0X0A.0.0.1", "10.0.0.1"],
  ["a hexadecimal last octet", "10.0.0.0x1", "10.0.0.1"],
  ["a short form of three parts", "1.2.3", "1.2.0.3"],
  ["a short form of two parts", "127.1", "127.0.0.1"],
  ["a short form of two parts, one hexadecimal", "0x7f.1", "127.0.0.1"],
  ["a single decimal number", "2130706433", "127.0.0.1"],
  ["a single small number", "10", "0.0.0.10"],
  ["a single octal number", "017700000001", "127.0.0.1"],
  ["a single hexadecimal number", "0x7f000001", "127.0.0.1"],
  ["a zone name", "fe80::1%eth0", "fe80::1%eth0"],
  ["a zone number", "fe80::1%2", "fe80::1%2"],
  ["a zone behind the unspecified address", "::%lo", "::%lo"],
  ["an IPv4-mapped address with a dotted tail", "::ffff:10.0.0.1", "::ffff:a00:1"],
  ["an IPv4-mapped address in groups", "::ffff:a00:1", "::ffff:a00:1"],
  ["an IPv4-mapped address in full", "0:0:0:0:0:FFFF:0A00:0001", "::ffff:a00:1"],
  ["the IPv4-mapped zero", "::ffff:0:0", "::ffff:0:0"],
  ["a dotted tail behind ::, which turns into an IPv4-mapped address", "::10.0.0.1", "::ffff:a00:1"],
  ["a dotted tail behind a NAT64 prefix", "64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["a dotted tail behind six groups", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["a padded dotted tail", "::1.2.3.004", "::ffff:102:304"],
  ["a hexadecimal dotted tail", "::0x1.2.3.4", "::ffff:102:304"],
];

for (const [what, text, taken] of laxity) {
  Deno.test(`parseAddress refuses ${what}, which ipaddr.js takes: ${text}`, () => {
    assert.equal(ipaddr.isValid(text), true);
    assert.equal(ipaddr.parse(text).toString(), taken);
    assertRefused(text);
  });
}

const nonsense: readonly [what: string, text: string][] = [
  ["the empty text", ""],
  ["white space", " "],
  ["a leading space", " 10.0.0.1"],
  ["a trailing space", "10.0.0.1 "],
  ["a trailing newline", "10.0.0.1\n"],
  ["a trailing newline in IPv6", "::1\n"],
  ["a leading tab in IPv6", "\t::1"],
  ["a NUL", "10.0.0.1\0"],
  ["Arabic digits", "١٠.0.0.1"],
  ["full-width digits", "１０.0.0.1"],
  ["a full stop of another script", "10。0.0.1"],
  ["a sign", "+10.0.0.1"],
  ["an exponent", "1e1.0.0.1"],
  ["an octet above 255", "10.0.0.256"],
  ["an octet of four digits", "10.0.0.1000"],
  ["three octets and a dot", "10.0.0."],
  ["five octets", "10.0.0.1.1"],
  ["an empty octet", "10..0.1"],
  ["a negative octet", "10.0.0.-1"],
  ["hexadecimal digits without a colon", "abcd"],
  ["a single colon", ":"],
  ["three colons", ":::"],
  ["two gaps", "1::2::3"],
  ["a gap of no groups", "1:2:3:4:5:6:7::8"],
  ["a leading gap of no groups", "::1:2:3:4:5:6:7:8"],
  ["seven groups", "1:2:3:4:5:6:7"],
  ["nine groups", "1:2:3:4:5:6:7:8:9"],
  ["a colon in front", ":1:2:3:4:5:6:7:8"],
  ["a colon in front of six groups", ":1:1:1:1:0:0"],
  ["a colon behind", "1:2:3:4:5:6:7:8:"],
  ["a colon behind a gap's group", "1::2:"],
  ["a group of five digits", "::00001"],
  ["a letter behind f", "g::"],
  ["an empty zone", "::1%"],
  ["brackets", "[::1]"],
  ["a port", "10.0.0.1:80"],
  ["a prefix length", "10.0.0.1/32"],
  ["a host name", "localhost"],
  ["nft's set syntax", "10.0.0.1, 10.0.0.2"],
  ["nft's range syntax", "10.0.0.1-10.0.0.9"],
  ["a megabyte", "1".repeat(1 << 20)],
  ["a megabyte of colons", ":".repeat(1 << 20)],
];

for (const [what, text] of nonsense) {
  Deno.test(`parseAddress refuses ${what}, as ipaddr.js does: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.equal(ipaddr.isValid(text), false);
    assertRefused(text);
  });
}

Deno.test("parseAddress refuses what is not a text", () => {
  for (const input of [undefined, null, true, 10, 10n, {}, [], ["10.0.0.1"], new String("10.0.0.1")]) {
    assertRefused(input);
  }
});

Deno.test("A refusal of an address names the input and the reason", () => {
  assert.deepEqual(parseAddress("010.1.1.1"), new Refusal('"010.1.1.1" is not an IP address'));
  assert.deepEqual(
    parseAddress("::ffff:a00:1"),
    new Refusal('"::ffff:a00:1" is an IPv4-mapped IPv6 address'),
  );
  assert.deepEqual(parseAddress(undefined), new Refusal("nothing is not an IP address"));
});

Deno.test("IPv4 comes before IPv6, and numbers order addresses, not texts", () => {
  const ordered = ["9.0.0.0", "10.0.0.0", "200.0.0.0", "::", "9::", "10::"].map((text) =>
    parseAddress(text) as Address
  );
  assert.deepEqual(ordered.toReversed().sort(compareAddresses), ordered);
  assert.equal(compareAddresses(ordered[0]!, { ...ordered[0]! }), 0);
});

Deno.test("An IPv4 address has 32 bits and an IPv6 address 128", () => {
  assert.deepEqual([widthOf(4), widthOf(6)], [32, 128]);
});

Deno.test("The type checker keeps a Prefix from passing as an Address", () => {
  const prefix = parsePrefix("10.0.0.0/8") as Prefix;
  // @ts-expect-error: its text has a length
  const address: Address = prefix;
  assert.equal(address.text, "10.0.0.0/8");
});

function assertRefused(input: unknown) {
  const result = parseAddress(input);
  assert.ok(result instanceof Refusal, `taken as ${(result as Address).text}`);
}
