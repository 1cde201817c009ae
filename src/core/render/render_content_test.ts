import assert from "node:assert/strict";
import type { Content, Entry, Segment } from "../policy/policy_table.ts";
import { renderContent, toldRules } from "./render_content.ts";

const NAME = "i4-aaaaaaaaaaaaaaaa";
const PEERS: Entry = { match: { kind: "peers", set: "p4-bbbbbbbbbbbbbbbb" }, verdict: "accept" };
const ANY: Entry = { match: { kind: "any" }, verdict: "accept" };
const END = [
  "ip saddr . ip daddr @policy-self-v4 return",
  `counter name "${NAME}" drop`,
];

function rendered(content: Partial<Content>, isLogged = false): Record<string, readonly string[]> {
  const whole: Content = {
    name: NAME,
    family: 4,
    direction: "ingress",
    segments: [],
    leaves: [[]],
    otherwise: "drop",
    ...content,
  };
  const { chains } = renderContent(whole, { isLogged });
  return Object.fromEntries(chains.map(({ name, rules }) => [name, rules]));
}

function ports(first: number, last = first, leaf = 1): Segment {
  return { protocol: "tcp", first, last, leaf };
}

Deno.test("Nobody is let in, but for the pod itself", () => {
  assert.deepEqual(rendered({}), { [`${NAME}.drop`]: END, [NAME]: [`goto ${NAME}.drop`] });
});

Deno.test("Neighbour discovery passes in IPv6", () => {
  assert.deepEqual(
    rendered({ name: "e6-aaaaaaaaaaaaaaaa", family: 6, direction: "egress" })["e6-aaaaaaaaaaaaaaaa.drop"],
    [
      "ip6 saddr . ip6 daddr @policy-self-v6 return",
      "icmpv6 type 133-137 return",
      'counter name "e6-aaaaaaaaaaaaaaaa" drop',
    ],
  );
});

Deno.test("A few segments are rules, each to the chain of its leaf; one that lets everybody in needs none", () => {
  const leaves = [[], [PEERS], [ANY]];
  assert.deepEqual(rendered({ segments: [ports(80), ports(8000, 8079), ports(443, 443, 2)], leaves }), {
    [`${NAME}.drop`]: END,
    [`${NAME}.1`]: ["ip saddr @p4-bbbbbbbbbbbbbbbb return", `goto ${NAME}.drop`],
    [NAME]: [
      `tcp dport 80 goto ${NAME}.1`,
      `tcp dport 8000-8079 goto ${NAME}.1`,
      "tcp dport 443 return",
      `goto ${NAME}.drop`,
    ],
  });
});

Deno.test("Many segments are one look-up by protocol and port, but for the wide ones", () => {
  const segments = [ports(80), ports(82), ports(84), ports(86, 87), ports(100, 9000)];
  assert.deepEqual(rendered({ segments, leaves: [[], [ANY]] })[NAME], [
    "meta l4proto . th dport vmap { tcp . 80 : return, tcp . 82 : return, tcp . 84 : return, tcp . 86 : return, " +
    "tcp . 87 : return }",
    "tcp dport 100-9000 return",
    `goto ${NAME}.drop`,
  ]);
});

Deno.test("All ports of a protocol are the protocol", () => {
  assert.equal(
    rendered({ segments: [ports(0, 65535)], leaves: [[], [ANY]] })[NAME]![0],
    "meta l4proto tcp return",
  );
});

Deno.test("A few ranges are rules, many are one set, all addresses are no condition", () => {
  const ofRanges = (...ranges: string[]) =>
    rendered({ leaves: [[{ match: { kind: "ranges", ranges }, verdict: "accept" }]] })[NAME];
  assert.deepEqual(ofRanges("10.0.0.0/8", "192.0.2.1-192.0.2.6"), [
    "ip saddr 10.0.0.0/8 return",
    "ip saddr 192.0.2.1-192.0.2.6 return",
    `goto ${NAME}.drop`,
  ]);
  const many = [1, 2, 3, 4, 5].map((i) => `10.0.0.${2 * i}`);
  assert.equal(ofRanges(...many)![0], `ip saddr { ${many.join(", ")} } return`);
  assert.deepEqual(ofRanges("0.0.0.0/0"), ["return"]);
});

Deno.test("What is in audit is counted and told of, and passes", () => {
  const audit = `${NAME}.audit`;
  const last = `meta nftrace set 0 counter name "${audit}" return`;
  assert.deepEqual(rendered({ otherwise: "audit" }), {
    [audit]: [END[0], "limit rate 5/second burst 20 packets meta nftrace set 1", last],
    [NAME]: [`goto ${audit}`],
  });
  assert.deepEqual(rendered({ otherwise: "audit" }, true)[audit], [END[0], ...toldRules(4), last]);
});

Deno.test("With POLICY_LOG=drop a drop is told of once a minute, by ends, protocol and port", () => {
  const key = "ip saddr . ip daddr . meta l4proto . th dport";
  const rules = rendered({}, true)[`${NAME}.drop`]!;
  assert.deepEqual(rules, [END[0], ...toldRules(4), END[1]]);
  assert.equal(
    rules[1],
    `meta l4proto { tcp, udp, sctp } ${key} != @policy-told-v4 limit rate 5/second burst 20 packets ` +
      `add @policy-told-v4 { ${key} } meta nftrace set 1`,
  );
});

Deno.test("Named ports are looked up with the destination", () => {
  const match = { kind: "ports", set: "n4-cccccccccccccccc" } as const;
  assert.equal(
    rendered({ direction: "egress", leaves: [[{ match, verdict: "accept" }]] })[NAME]![0],
    "ip daddr . meta l4proto . th dport @n4-cccccccccccccccc return",
  );
});
