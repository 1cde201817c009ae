import assert from "node:assert/strict";
import type { NodeWords } from "../../../test/cluster.ts";
import { annotated, parse, refusals, SOURCE, textsOf } from "../../../test/parsed_node.ts";
import { ANNOTATION } from "./node.ts";
import { parseNode } from "./parse_node.ts";

const WHOLE: NodeWords = { name: "n1", podCIDRs: ["10.244.1.0/24"], internal: ["10.9.1.1"] };

const podCidrs: readonly [podCidr: unknown, reason: string][] = [
  ["10.244.1.5/24", '"10.244.1.5/24" has host bits: the network is 10.244.1.0/24'],
  ["10.244.1.0/33", '"10.244.1.0/33" is not a CIDR: prefix length must be 0 to 32'],
  ["10.244.1.0/-1", '"10.244.1.0/-1" is not a CIDR: prefix length must be 0 to 32'],
  ["10.244.1.0/024", '"10.244.1.0/024" is not a CIDR: prefix length must be 0 to 32'],
  ["10.244.1.0", '"10.244.1.0" is not a CIDR: no prefix length'],
  ["fd00::/129", '"fd00::/129" is not a CIDR: prefix length must be 0 to 128'],
  ["0.0.0.0/0", "0.0.0.0/0 is too wide: a pod CIDR has a length of 8 to 32"],
  ["0.0.0.0/1", "0.0.0.0/1 is too wide: a pod CIDR has a length of 8 to 32"],
  ["::/0", "::/0 is too wide: a pod CIDR has a length of 16 to 128"],
  ["127.0.0.0/24", "127.0.0.0/24 is loopback"],
  ["169.254.0.0/16", "169.254.0.0/16 is link-local"],
  ["224.0.0.0/24", "224.0.0.0/24 is multicast or reserved"],
  ["fe80::/64", "fe80::/64 is link-local"],
  [
    "::ffff:10.244.1.0/120",
    '"::ffff:10.244.1.0/120" is not a CIDR: "::ffff:10.244.1.0" is not an IP address',
  ],
  [
    "::ffff:af4:100/120",
    '"::ffff:af4:100/120" is not a CIDR: "::ffff:af4:100" is an IPv4-mapped IPv6 address',
  ],
  ["10.1.0.0/24, 10.2.0.0/24", '"10.1.0.0/24, 10.2.0.0/24" is not a CIDR: prefix length must be 0 to 32'],
  ["", '"" is not a CIDR: no prefix length'],
  [null, "null is not a CIDR"],
  [7, "7 is not a CIDR"],
  [{ cidr: "10.1.0.0/24" }, "an object is not a CIDR"],
  [["10.1.0.0/24"], "a list is not a CIDR"],
];

for (const [podCidr, reason] of podCidrs) {
  Deno.test(`A pod CIDR is refused and the next one taken: ${reason}`, () => {
    const inSpec = parse({ ...WHOLE, podCIDRs: [podCidr, "10.1.0.0/24"] });
    const said = parse({ ...WHOLE, said: { podCidrs: [podCidr, "10.1.0.0/24"] } });
    for (const [parsed, origin] of [[inSpec, "spec"], [said, "annotation"]] as const) {
      assert.deepEqual(textsOf(parsed).podCidrs, [`10.1.0.0/24 by ${origin}`]);
      assert.deepEqual(parsed.rejected.map((item) => item.reason), [reason]);
    }
  });
}

Deno.test("The pod CIDRs that a node says it uses win over those assigned to it, and weigh as much where they agree", () => {
  const parsed = parse({ ...WHOLE, said: { podCidrs: ["10.7.0.0/24", "10.244.1.0/24"] } });
  assert.deepEqual(textsOf(parsed).podCidrs, ["10.7.0.0/24 by annotation", "10.244.1.0/24 by spec"]);
  assert.deepEqual(textsOf(parse({ ...WHOLE, said: { podCidrs: [] } })).podCidrs, []);
});

Deno.test("The old field spec.podCIDR counts where the list is missing", () => {
  const read = (spec: unknown) => textsOf(parseNode({ metadata: { name: "n1" }, spec }, SOURCE)).podCidrs;
  assert.deepEqual(read({ podCIDR: "10.1.0.0/24" }), ["10.1.0.0/24 by spec"]);
  assert.deepEqual(read({ podCIDR: "10.1.0.0/24", podCIDRs: [] }), ["10.1.0.0/24 by spec"]);
  assert.deepEqual(read({ podCIDR: "10.1.0.0/24", podCIDRs: ["10.2.0.0/24"] }), ["10.2.0.0/24 by spec"]);
  assert.deepEqual(read({ podCIDR: null, podCIDRs: null }), []);
});

Deno.test("A text where a list belongs is named, not passed over", () => {
  const json = {
    metadata: { name: "n1" },
    spec: { podCIDRs: "10.1.0.0/24" },
    status: { addresses: { type: "InternalIP" } },
  };
  assert.deepEqual(refusals(parseNode(json, SOURCE)), [
    'n1: spec.podCIDRs: "10.1.0.0/24" is not a list',
    "n1: status.addresses: an object is not a list",
  ]);
});

Deno.test("Addresses are InternalIP, ExternalIP and what the node says, each once; other types are none", () => {
  const addresses = [
    { type: "ExternalIP", address: "192.0.2.1" },
    { type: "Hostname", address: "n1" },
    { type: "InternalDNS", address: "10.9.9.9" },
    { type: "InternalIP", address: "10.9.1.1" },
    { type: "InternalIP", address: "FD09::1" },
    null,
    "10.9.1.3",
  ];
  const annotations = { [ANNOTATION.nodeIps]: '["fd09::1", "10.9.1.4"]' };
  const parsed = parseNode({ metadata: { name: "n1", annotations }, status: { addresses } }, SOURCE);
  assert.deepEqual(parsed.rejected, []);
  assert.deepEqual(textsOf(parsed).addresses, [
    ...["10.9.1.1 by status", "fd09::1 by status", "192.0.2.1 by status"],
    "10.9.1.4 by annotation",
  ]);
});

Deno.test("An address that no node can have is refused and the next one taken", () => {
  const bad = [
    "0.0.0.0",
    "127.0.0.1",
    "::1",
    "fe80::1",
    "224.0.0.1",
    "::ffff:10.0.0.1",
    "10.9.1.1/24",
    null,
    {},
  ];
  const parsed = parse({ ...WHOLE, internal: [...bad, "10.9.1.1"], said: { nodeIps: [...bad, "10.9.1.2"] } });
  assert.deepEqual(textsOf(parsed).addresses, ["10.9.1.1 by status", "10.9.1.2 by annotation"]);
  assert.equal(parsed.rejected.length, 2 * bad.length);
});

const lists: readonly [text: unknown, reason: string][] = [
  ["10.7.0.0/24", '"10.7.0.0/24" is not a JSON list'],
  ["", '"" is not a JSON list'],
  ["[", '"[" is not a JSON list'],
  ['{"0": "10.7.0.0/24"}', '"{\\"0\\": \\"10.7.0.0/24\\"}" is not a JSON list'],
  ["null", '"null" is not a JSON list'],
  ['["10.7.0.0/24"] x', '"[\\"10.7.0.0/24\\"] x" is not a JSON list'],
  [["10.7.0.0/24"], "a list is not a JSON list"],
  [" ".repeat(1 << 20), "1048576 characters: at most 16384 are read"],
  ["[".repeat(16_384), `"${"[".repeat(64)}"... is not a JSON list`],
];

for (const [text, reason] of lists) {
  Deno.test(`A junk list of pod CIDRs is refused, and spec counts: ${reason}`, () => {
    const parsed = annotated({ [ANNOTATION.podCidrs]: text });
    assert.deepEqual(textsOf(parsed).podCidrs, ["10.1.0.0/24 by spec"]);
    assert.deepEqual(refusals(parsed), [`n1: wigglenet/pod-cidrs: ${reason}`]);
  });
}

Deno.test("A list of odd things costs each odd thing only", () => {
  const parsed = annotated({
    [ANNOTATION.podCidrs]: '[null, true, 1e999, [], {"__proto__": 1}, "10.7.0.0/24"]',
  });
  assert.deepEqual(textsOf(parsed).podCidrs, ["10.7.0.0/24 by annotation"]);
  assert.deepEqual(parsed.rejected.map(({ reason }) => reason), [
    ...["null is not a CIDR", "true is not a CIDR", "Infinity is not a CIDR"],
    ...["a list is not a CIDR", "an object is not a CIDR"],
  ]);
});

Deno.test("Of endless lists the first 64 claims are read, and the Node is told", () => {
  const prefixes = Array.from({ length: 100 }, (_, i) => `10.7.${i}.0/24`);
  const many = parse({ ...WHOLE, podCIDRs: prefixes, internal: prefixes.map((_, i) => `10.9.1.${i}`) });
  assert.equal(many.node?.podCidrs.length, 64);
  assert.equal(many.node?.addresses.length, 64);
  assert.deepEqual(refusals(many), [
    "n1: spec.podCIDRs: 100 entries: only the first 64 are read",
    "n1: status.addresses: 100 entries: only the first 64 are read",
  ]);
});

const endpoints: readonly [text: unknown, parsed: string | undefined, refusal: string | undefined][] = [
  ["203.0.113.7:7", "203.0.113.7:7", undefined],
  ["GW.example.org", "gw.example.org", undefined],
  ["gw:0", undefined, 'wigglenet/endpoint "gw:0": "gw:0" has a port that is not 1 to 65535'],
  ["127.0.0.1:7", undefined, 'wigglenet/endpoint "127.0.0.1:7": 127.0.0.1 is loopback'],
  ["[fe80::1]:7", undefined, 'wigglenet/endpoint "[fe80::1]:7": fe80::1 is link-local'],
  [7, undefined, "wigglenet/endpoint 7: 7 is not a host and port"],
];

for (const [text, parsed, refusal] of endpoints) {
  Deno.test(`The annotation wigglenet/endpoint ${JSON.stringify(text)} is ${parsed ?? "refused"}`, () => {
    const read = parse({ ...WHOLE, endpoint: text });
    assert.equal(read.node?.endpoint?.text, parsed);
    assert.deepEqual(refusals(read), refusal === undefined ? [] : [`n1: ${refusal}`]);
    assert.equal(read.node?.addresses.length, 1);
  });
}

const keepalives: readonly [text: unknown, seconds: number | undefined][] = [
  [{ toString: 1 }, undefined],
  ["0", 0],
  ["25", 25],
  [25, 25],
  ["65535", 65535],
  ...["65536", "-1", "025", "25s", "off", "", " 25", "2.5", "1e1", -1, 2.5, null, true, [25], { a: 1 }].map((
    junk,
  ): [unknown, undefined] => [junk, undefined]),
];

for (const [text, seconds] of keepalives) {
  Deno.test(`The annotation wigglenet/persistent-keepalive ${JSON.stringify(text)} is ${seconds ?? "refused"}`, () => {
    const read = parse({ ...WHOLE, keepalive: text });
    assert.equal(read.node?.keepaliveSeconds, seconds);
    assert.equal(read.rejected.length, seconds === undefined ? 1 : 0);
    if (seconds !== undefined) return;
    assert.match(refusals(read)[0]!, /persistent-keepalive .*: it is not a number of seconds, 0 to 65535$/);
  });
}

Deno.test("An address is external when an ExternalIP says so and nothing else", () => {
  const { node } = parse({
    ...WHOLE,
    internal: ["10.9.1.1", "10.9.1.2"],
    external: ["10.9.1.2", "203.0.113.1", "203.0.113.2"],
    said: { nodeIps: ["203.0.113.2", "10.9.1.3"] },
  });
  assert.deepEqual(node?.addresses.map(({ value, isExternal }) => `${value.text} ${isExternal ?? false}`), [
    ...["10.9.1.1 false", "10.9.1.2 false", "203.0.113.1 true", "203.0.113.2 false", "10.9.1.3 false"],
  ]);
});
