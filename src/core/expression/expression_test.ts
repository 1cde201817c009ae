import assert from "node:assert/strict";
import * as cel from "@marcbachmann/cel-js";
import type { Family } from "../net/address.ts";
import { refused } from "../net/refusal.ts";
import type { CelLibrary } from "./cel_library.ts";
import { compileExpression } from "./expression.ts";
import { interfacesOf } from "./interfaces.ts";

const INTERFACES = interfacesOf([
  {
    ifname: "eth0",
    addr_info: [
      { local: "2001:db8:abcd:1234::5", prefixlen: 64 },
      { local: "10.0.0.5", prefixlen: 24 },
    ],
  },
], "wigglenet");
const NODE = {
  name: "node-1",
  labels: { "topology.kubernetes.io/zone": "eu-central", index: "7" },
  annotations: { "example.com/prefix": "10.9.0.0/16" },
};

/** Its prefixes as texts, or the reason why there are none. */
function given(text: string, families: readonly Family[] = []): string {
  const expression = compileExpression(cel as unknown as CelLibrary, text);
  if (refused(expression)) return expression.reason;
  const all = families.length > 0 ? families : undefined;
  const result = expression({ interfaces: INTERFACES, node: NODE, families: all ?? [6] });
  if (!refused(result)) return result.map((prefix) => prefix.text).join(", ");
  // Which family a text is of does not matter where the test does not say it.
  const again = all === undefined
    ? expression({ interfaces: INTERFACES, node: NODE, families: [4] })
    : result;
  return refused(again) ? result.reason : again.map((prefix) => prefix.text).join(", ");
}

const V6 = 'interfaces["eth0"].filter(p, p.ip().family() == 6)[0]';
const GIVEN: Readonly<Record<string, string>> = {
  // Those of the original's documentation and tests, v0.7.0.
  'interfaces["eth0"].filter(p, p.prefixLength() == 64 && p.ip().family() == 6)[0].subnet(80, 1)':
    "2001:db8:abcd:1234:1::/80",
  [`${V6}.masked().subnet(96, 3)`]: "2001:db8:abcd:1234:0:3::/96",
  'interfaces["eth0"].filter(p, p.ip().family() == 4)[0].subnet(28, 2)': "10.0.0.32/28",
  'interfaces["eth0"].filter(p, p.prefixLength() == 64)[0].subnet(80, node.labels["topology.kubernetes.io/zone"] == "eu-central" ? 5 : 0)':
    "2001:db8:abcd:1234:5::/80",
  'cidr("2001:db8::1/64").masked()': "2001:db8::/64",
  [V6]: "2001:db8:abcd:1234::/64",
  'interfaces["eth0"][1].subnet(80, "zone" in node.labels ? 1 : 0)': "2001:db8:abcd:1234::/80",
  'interfaces["eth0"]\n  .filter(p, p.ip().family() == 6 && p.prefixLength() == 64)[0]\n  .subnet(80, 1)\n':
    "2001:db8:abcd:1234:1::/80",
  'interfaces["eth0"].filter(p, p.prefixLength() == 64)[0].subnet(\n  80,\n  node.labels["topology.kubernetes.io/zone"] == "eu-central" ? 1 : 2\n)':
    "2001:db8:abcd:1234:1::/80",
  // Ours.
  'cidr(node.annotations["example.com/prefix"]).subnet(24, int(node.labels.index))': "10.9.7.0/24",
  '[cidr("10.1.0.0/24"), cidr("10.1.0.9/24")]': "10.1.0.0/24",
  'has(node.labels.index) && node.name.startsWith("node-") ? cidr("10.1.0.0/24") : cidr("10.2.0.0/24")':
    "10.1.0.0/24",
  'interfaces.filter(name, name.matches("^(?:en|eth)[0-9]+")).map(name, interfaces[name][1])':
    "2001:db8:abcd:1234::/64",
  'cel.bind(wide, interfaces["eth0"][1].masked(), [wide.subnet(80, 1), wide.subnet(80, 2)])':
    "2001:db8:abcd:1234:1::/80, 2001:db8:abcd:1234:2::/80",
};
for (const [text, prefixes] of Object.entries(GIVEN)) {
  Deno.test(`${text} gives ${prefixes}`, () => assert.equal(given(text), prefixes));
}

Deno.test("the original's documented expression for both families gives both", () => {
  const text = `[
    interfaces["eth0"].filter(p, p.ip().family() == 6 && p.prefixLength() == 64)[0].subnet(80, 1),
    interfaces["eth0"].filter(p, p.ip().family() == 4 && p.prefixLength() == 24)[0].subnet(26, 0)
  ]`;
  assert.equal(given(text, [4, 6]), "2001:db8:abcd:1234:1::/80, 10.0.0.0/26");
});

Deno.test("a list of both families gives both, and one family alone where the other has another source", () => {
  const text = `[${V6}.subnet(80, 1), interfaces["eth0"].filter(p, p.ip().family() == 4)[0].subnet(28, 0)]`;
  assert.equal(given(text, [4, 6]), "2001:db8:abcd:1234:1::/80, 10.0.0.0/28");
  assert.equal(given(text, [6]), "2001:db8:abcd:1234:1::/80");
});

const REFUSED: Readonly<Record<string, string>> = {
  "": "it is empty",
  [" ".repeat(9)]: "it is empty",
  'interfaces["eth0"': "line 1, column 18: Expected ], got the end",
  'bogus["eth0"]': "line 1, column 1 at `bogus`: Unknown variable: bogus",
  'interfaces["eth0"].size()': "it gives int, not a cidr or a list of cidrs",
  '"10.0.0.0/24"': "it gives string, not a cidr or a list of cidrs",
  'ip("10.0.0.0")': "it gives net.IP, not a cidr or a list of cidrs",
  "node.lables.zone": "line 1, column 6 at `lables`: No such key: lables",
  'interfaces["eth0"].subnet(80, 1)':
    "line 1, column 1 at `interfaces[\"eth0\"].subnet(80, 1)`: found no matching overload for 'list.subnet(int, int)': " +
    "an interface and filter() give lists, [0] takes the first one",
  'interfaces["eth0"][0].subnet("80", 1)':
    'line 1, column 1 at `interfaces["eth0"][0].subnet("80", 1)`: found no matching overload for \'net.CIDR.subnet(string, int)\'',
  'cidr("::/0") == ip("::")':
    'line 1, column 1 at `cidr("::/0") == ip("::")`: no such overload: net.CIDR == net.IP',
  'cidr("::/0").text': "line 1, column 14 at `text`: No such key: text",
  "node.constructor": "line 1, column 6 at `constructor`: No such key: constructor",
  'interfaces["doesnotexist"][0]':
    'line 1, column 1 at `interfaces["doesnotexist"]`: No such key: doesnotexist',
  'interfaces["eth0"]\n  .filter(p, p.prefixLength() == 48)[0]':
    'line 1, column 1 at `interfaces["eth0"] .filter(p, p.prefixLength() == 48)[0]`: no item 0 in an empty list',
  'cidr("10.0.0.0/24")\n  .subnet(65, 2)':
    'line 1, column 1 at `cidr("10.0.0.0/24") .subnet(65, 2)`: 10.0.0.0/24 has no subnets of length 65: it must be 24 to 32',
  'cidr("é")': 'line 1, column 1 at `cidr("\\u00e9")`: "\\u00e9" is not a CIDR: no prefix length',
  "cidr(ä)": "line 1, column 6 at `\\u00e4`: Unexpected character: \\u00e4",
  'interfaces["eth0"][2]':
    'line 1, column 1 at `interfaces["eth0"][2]`: no item 2 in a list of 2, which counts from 0',
  'interfaces["eth0"][-1]':
    'line 1, column 1 at `interfaces["eth0"][-1]`: no item -1 in a list, which counts from 0',
  'cidr(node.labels["no"])': 'line 1, column 6 at `node.labels["no"]`: No such key: no',
  'interfaces["eth0"].filter(p, false)': "it gives no IPv6 prefix",
  "[]": "it gives no IPv6 prefix",
  'cidr("0.0.0.0/0")': "it gives no IPv6 prefix, only 0.0.0.0/0",
  'cidr("fe80::/64")': "it gives a prefix that no pod can have: fe80::/64 is link-local",
  'dyn([1, cidr("2001:db8::/64")])':
    'line 1, column 9 at `cidr("2001:db8::/64")`: List elements must have the same type, ' +
    "expected type 'int' but found 'net.CIDR'",
  "dyn(1)": "it gives something else than a cidr or a list of cidrs",
  "dyn([1])": "it gives something else than a cidr or a list of cidrs",
  '1 / 0 == 1 ? cidr("::/16") : cidr("::/16")': "line 1, column 1 at `1 / 0`: division by zero",
};
for (const [text, reason] of Object.entries(REFUSED)) {
  Deno.test(`refused: ${JSON.stringify(text)}`, () => assert.equal(given(text, [6]), reason));
}

const TEN = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
const nested = (macro: string, depth: number, inner: string): string =>
  depth === 0 ? inner : `${TEN}.${macro}(v${depth}, ${nested(macro, depth - 1, inner)})`;
const doubled = (text: string, times: number): string =>
  times === 0 ? text : `[${doubled(text, times - 1)}].map(a, a + a)[0]`;
const orNot = (condition: string) => `${condition} ? cidr("2001:db8::/64") : cidr("2001:db8:1::/64")`;

const BOUNDED: Readonly<Record<string, readonly [text: string, reason: RegExp]>> = {
  "loops in loops end": [orNot(`size(${nested("map", 8, "1")}) == 1`), /more than 1000000 steps/],
  "loops that go on past errors end": [orNot(nested("exists", 8, "1 / 0 == 1")), /more than 1000000 steps/],
  "loops that hide errors end": [orNot(`${nested("all", 8, "true")} || true`), /more than 1000000 steps/],
  "a list that doubles stays small": [orNot(`size(${doubled(TEN, 20)}) == 1`), /more than 4096/],
  "a text that doubles stays small": [orNot(`size(${doubled('"0123456789"', 20)}) == 1`), /more than 4096/],
  "deep nesting is refused": [`${"(".repeat(200)}1${")".repeat(200)}`, /maximum|exceed|depth/i],
  "a long list is refused": [`[${"1,".repeat(300)}1]`, /maximum|exceed/i],
  "a long text is refused": [
    `cidr("${"1".repeat(20_000)}")`,
    /^it has 20008 characters, at most 16384 are read$/,
  ],
  "too many prefixes are refused": [
    `[${Array.from({ length: 65 }, (_, i) => `cidr("2001:db8:${i}::/64")`).join(",")}]`,
    /^it gives 65 prefixes, at most 64 are used$/,
  ],
  "a pattern that would take for ever is refused": [
    orNot(`"${"a".repeat(40)}".matches("^(a+)+$")`),
    /matches\("\^\(a\+\)\+\$"\): a group cannot be repeated here/,
  ],
};
for (const [name, [text, reason]] of Object.entries(BOUNDED)) {
  Deno.test(name, () => {
    const startMs = performance.now();
    assert.match(given(text, [6]), reason);
    assert.ok(performance.now() - startMs < 30_000, "it took longer than half a minute");
  });
}

Deno.test("each evaluation has all steps", () => {
  const expression = compileExpression(
    cel as unknown as CelLibrary,
    orNot(`size(${nested("map", 5, "1")}) == 1`),
  );
  assert.ok(!refused(expression));
  for (let i = 0; i < 10; i++) {
    const result = expression({ interfaces: INTERFACES, node: NODE, families: [6] });
    assert.ok(!refused(result), refused(result) ? result.reason : "");
  }
});
