// Law 7: what is printed reads back as the same value, and no text that means nothing reads as anything.
// The judges are the URL standard's printer of hosts and node:net's reader. A failure prints its seed and path.

import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { type Address, addressOf, parseAddress } from "../../src/core/net/address.ts";
import { endpointOf, parseEndpoint } from "../../src/core/net/endpoint.ts";
import { parsePublicKey } from "../../src/core/net/keys.ts";
import { parseMaskedPrefix, parsePrefix, prefixOf } from "../../src/core/net/prefix.ts";
import { quote, refused } from "../../src/core/net/refusal.ts";

const RUNS = { numRuns: 500 };

// Zero groups are frequent, so that all shapes of `::` are met.
const groups = fc.array(fc.oneof(fc.constant(0), fc.constantFrom(1, 0x10, 0xfff, 0xffff), fc.nat(0xffff)), {
  minLength: 8,
  maxLength: 8,
}).filter((parts) => !isMapped(parts));

const ipv6 = groups.map((parts) =>
  addressOf(6, parts.reduce((value, part) => (value << 16n) | BigInt(part), 0n))
);
const ipv4 = fc.nat(0xffffffff).map((value) => addressOf(4, BigInt(value)));
const addresses = fc.oneof(ipv4, ipv6);

function isMapped(parts: readonly number[]): boolean {
  return parts.slice(0, 5).every((part) => part === 0) && parts[5] === 0xffff;
}

Deno.test("An address reads back from its text", () => {
  fc.assert(fc.property(addresses, (address) => assert.deepEqual(parseAddress(address.text), address)), RUNS);
});

Deno.test("An address prints as the URL standard prints it", () => {
  fc.assert(
    fc.property(addresses, ({ family, text }) => {
      const host = family === 4 ? text : `[${text}]`;
      assert.equal(new URL(`http://${host}/`).hostname, host);
    }),
    RUNS,
  );
});

Deno.test("An IPv6 address reads as the same value however it is spelled", () => {
  const spelled = fc.tuple(groups, fc.nat(4), fc.boolean(), fc.nat(7), fc.nat(8));
  fc.assert(
    fc.property(spelled, ([parts, padding, capitals, from, count]) => {
      const digits = parts.map((part) => part.toString(16).padStart(padding, "0"));
      const gap = parts.slice(from, from + count);
      const full = digits.join(":");
      const short = `${digits.slice(0, from).join(":")}::${digits.slice(from + count).join(":")}`;
      const text = gap.length > 0 && gap.every((part) => part === 0) ? short : full;
      const address = parseAddress(capitals ? text.toUpperCase() : text) as Address;
      assert.equal(
        address.value.toString(16),
        parts.map((part) => part.toString(16).padStart(4, "0")).join("").replace(/^0{1,31}/, ""),
      );
    }),
    RUNS,
  );
});

Deno.test("Among texts that are nearly addresses, exactly those are read that node:net reads without zone, tail or mapping", () => {
  const spoilt = fc.tuple(
    addresses,
    fc.nat(40),
    fc.nat(2),
    fc.string({ unit: fc.constantFrom(..."0159afAFgx:.%/ -\n"), maxLength: 3 }),
  )
    .map(([{ text }, at, removed, added]) => text.slice(0, at) + added + text.slice(at + removed));
  fc.assert(
    fc.property(spoilt, (text) => {
      const address = parseAddress(text);
      const plain = isIPv4(text) || isIPv6(text) && !/[.%]/.test(text);
      const mapped = refused(address) && / is an IPv4-mapped /.test(address.reason);
      assert.equal(!refused(address) || mapped, plain, text);
      if (!refused(address)) assert.deepEqual(parseAddress(address.text), address);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("A prefix reads back from its text", () => {
  fc.assert(
    fc.property(addresses, fc.nat(128), (address, bits) => {
      const prefix = prefixOf(address, address.family === 4 ? bits % 33 : bits);
      assert.deepEqual(parsePrefix(prefix.text), prefix);
      assert.deepEqual(parseMaskedPrefix(`${address.text}/${prefix.length}`), prefix);
      const same = prefix.value === address.value;
      assert.equal(refused(parsePrefix(`${address.text}/${prefix.length}`)), !same);
    }),
    RUNS,
  );
});

Deno.test("An endpoint reads back from its text", () => {
  fc.assert(
    fc.property(addresses, fc.integer({ min: 1, max: 65535 }), (address, port) => {
      const endpoint = endpointOf(address, port);
      assert.deepEqual(parseEndpoint(endpoint.text), endpoint);
    }),
    RUNS,
  );
});

Deno.test("The base64 of 32 bytes is a public key, of any other number of bytes it is not", () => {
  const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 64 }),
      (key, other) => {
        fc.pre(key.some((byte) => byte !== 0) && other.length !== 32);
        assert.equal(parsePublicKey(base64(key)), base64(key));
        assert.ok(refused(parsePublicKey(base64(other))));
      },
    ),
    RUNS,
  );
});

Deno.test("A quoted text is one short line of printable ASCII, and reads back as its first 64 characters", () => {
  const hostile = fc.array(fc.oneof(fc.nat(0xffff), fc.nat(0x9f), fc.integer({ min: 0xd800, max: 0xdfff })), {
    maxLength: 80,
  })
    .map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(hostile, (text) => {
      const quoted = quote(text);
      assert.match(quoted, /^[ -~]*$/);
      assert.equal(quoted.endsWith("..."), text.length > 64);
      assert.equal(JSON.parse(quoted.replace(/\.\.\.$/, "")), text.slice(0, 64));
    }),
    RUNS,
  );
});

Deno.test("No JSON value makes a parser throw or an unprintable reason", () => {
  const parsers = [parseAddress, parsePrefix, parseMaskedPrefix, parseEndpoint, parsePublicKey];
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const parse of parsers) {
        const result = parse(value);
        if (refused(result)) assert.match(result.reason, /^[ -~]{1,500}$/);
      }
    }),
    RUNS,
  );
});
