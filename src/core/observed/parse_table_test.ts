import assert from "node:assert/strict";
import { parseFastpath, parsePieces, parseTable } from "./parse_table.ts";

// What nft 1.0.6 printed of a table as ours, with members of all forms, and of the same text as a dormant table.
const LISTED =
  `{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "wigglenet", "handle": 1}}, {"set": {"family": "inet", "name": "pod-cidrs-v4", "table": "wigglenet", "type": "ipv4_addr", "handle": 2, "flags": ["interval"], "elem": ["10.60.0.1", {"elem": {"val": {"prefix": {"addr": "10.70.0.0", "len": 24}}, "comment": "a/b"}}, {"range": ["10.80.0.1", "10.80.0.5"]}, {"prefix": {"addr": "10.244.1.0", "len": 24}}, {"prefix": {"addr": "10.244.2.0", "len": 23}}]}}, {"set": {"family": "inet", "name": "pod-cidrs-v6", "table": "wigglenet", "type": "ipv6_addr", "handle": 3, "flags": ["interval"], "elem": [{"prefix": {"addr": "fd00:10:244::", "len": 56}}, "fd60::1"]}}, {"chain": {"family": "inet", "table": "wigglenet", "name": "guard", "handle": 1, "type": "filter", "hook": "output", "prio": 0, "policy": "accept"}}, {"rule": {"family": "inet", "table": "wigglenet", "chain": "guard", "handle": 4, "comment": "guard", "expr": [{"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "wigglenet"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "@pod-cidrs-v4"}}, {"counter": {"packets": 1, "bytes": 84}}, {"drop": null}]}}, {"rule": {"family": "inet", "table": "wigglenet", "chain": "guard", "handle": 6, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": {"set": ["echo-request", "echo-reply"]}}}, {"accept": null}]}}]}`;
const REFERENCE =
  `{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "wigglenet-reference", "handle": 2, "flags": "inet"}}, {"set": {"family": "inet", "name": "pod-cidrs-v4", "table": "wigglenet-reference", "type": "ipv4_addr", "handle": 2, "flags": ["interval"]}}, {"set": {"family": "inet", "name": "pod-cidrs-v6", "table": "wigglenet-reference", "type": "ipv6_addr", "handle": 3, "flags": ["interval"]}}, {"chain": {"family": "inet", "table": "wigglenet-reference", "name": "guard", "handle": 1, "type": "filter", "hook": "output", "prio": 0, "policy": "accept"}}, {"rule": {"family": "inet", "table": "wigglenet-reference", "chain": "guard", "handle": 4, "comment": "guard", "expr": [{"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "wigglenet"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "@pod-cidrs-v4"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}, {"rule": {"family": "inet", "table": "wigglenet-reference", "chain": "guard", "handle": 6, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": {"set": ["echo-request", "echo-reply"]}}}, {"accept": null}]}}]}`;

Deno.test("Members are canonical prefixes; what is none differs from every prefix", () => {
  const { sets } = parseTable(LISTED);
  assert.deepEqual([...sets.get("pod-cidrs-v4")!], [
    "10.60.0.1/32",
    '{"elem":{"val":{"prefix":{"addr":"10.70.0.0","len":24}},"comment":"a/b"}}',
    '{"range":["10.80.0.1","10.80.0.5"]}',
    "10.244.1.0/24",
    "10.244.2.0/23",
  ]);
  assert.deepEqual([...sets.get("pod-cidrs-v6")!], ["fd00:10:244::/56", "fd60::1/128"]);
  assert.deepEqual(parseTable(REFERENCE).sets.get("pod-cidrs-v4"), new Set());
});

// What nft 1.0.6 printed of a set that packets fill: one member of theirs, one that somebody added for five days.
const FILLED =
  `{"nftables": [{"set": {"family": "inet", "name": "believed-v6", "table": "wigglenet", "type": ["ipv6_addr", "iface_index"], "handle": 3, "size": 65535, "flags": ["timeout"], "timeout": 60, "elem": [{"elem": {"val": {"concat": ["::1", "lo"]}, "expires": 59}}, {"elem": {"val": {"concat": ["fd00::1", "lo"]}, "timeout": 432000, "expires": 431999}}]}}, {"rule": {"family": "inet", "table": "wigglenet", "chain": "believe-v6", "handle": 4, "expr": [{"set": {"op": "add", "elem": {"concat": [{"payload": {"protocol": "ip6", "field": "saddr"}}, {"meta": {"key": "iif"}}]}, "set": "@believed-v6"}}]}}]}`;

Deno.test("Of what packets put into a set nothing is seen, of what somebody else put there to stay all", () => {
  const { sets, structure } = parseTable(FILLED);
  assert.deepEqual([...sets.get("believed-v6")!], [
    '{"elem":{"val":{"concat":["fd00::1","lo"]},"timeout":432000,"expires":431999}}',
  ]);
  const told = FILLED.replace(`"expires": 59`, `"timeout": 60, "expires": 59`);
  assert.deepEqual(parseTable(told).sets, sets);
  assert.notEqual(parseTable(FILLED.replace(`"key": "iif"`, `"key": "oif"`)).structure, structure);
  assert.equal(parseTable(FILLED.replace(/, "elem": \[.*?\]\}\}/, "}}")).structure, structure);
});

Deno.test("Equal text has equal structure, whatever its table's name, handles, counters and members are", () => {
  assert.equal(parseTable(LISTED).structure, parseTable(REFERENCE).structure);
});

const foreign: readonly [what: string, from: string, to: string][] = [
  ["a rule's verdict", `{"drop": null}`, `{"accept": null}`],
  ["an interface name", `"right": "wigglenet"`, `"right": "eth0"`],
  ["a set's name in a rule", `"@pod-cidrs-v4"`, `"@pod-cidrs-v6"`],
  ["a hook's priority", `"prio": 0`, `"prio": 1`],
  ["a chain's policy", `"policy": "accept"`, `"policy": "drop"`],
  ["a comment", `"comment": "guard"`, `"comment": "gard"`],
  ["a set's type", `"type": "ipv4_addr"`, `"type": "inet_service"`],
  ["a removed counter", `{"counter": {"packets": 1, "bytes": 84}}, `, ""],
  [
    "a removed rule",
    LISTED.slice(
      LISTED.indexOf(`, {"rule"`),
      LISTED.indexOf(`, {"rule": {"family": "inet", "table": "wigglenet", "chain": "guard", "handle": 6`),
    ),
    "",
  ],
  ["a member of an anonymous set", `["echo-request", "echo-reply"]`, `["echo-request"]`],
];

for (const [what, from, to] of foreign) {
  Deno.test(`The structure differs by ${what}`, () => {
    assert.ok(LISTED.includes(from));
    assert.notEqual(parseTable(LISTED.replace(from, to)).structure, parseTable(LISTED).structure);
  });
}

Deno.test("The order of rules is part of the structure", () => {
  const objects = JSON.parse(LISTED).nftables as unknown[];
  const swapped = JSON.stringify({ nftables: objects.with(-1, objects.at(-2)).with(-2, objects.at(-1)) });
  assert.notEqual(parseTable(swapped).structure, parseTable(LISTED).structure);
});

Deno.test("A dormant table is seen, although nft 1.0.6 prints a wrong flag", () => {
  assert.deepEqual([parseTable(LISTED).hasFlags, parseTable(REFERENCE).hasFlags], [false, true]);
});

Deno.test("What is not nft's JSON is an error, not an empty table", () => {
  for (const text of ["", "nft: not found", "{}", `{"nftables": null}`, "[]"]) {
    assert.throws(() => parseTable(text), SyntaxError, text);
  }
});

// As nft 1.0.6 prints it on Linux 6.1: one device is no list, and none is no field.
const FLOWTABLES: readonly [dev: string, devices: string[]][] = [
  [`, "dev": ["d0", "wg0"]`, ["d0", "wg0"]],
  [`, "dev": "wg0"`, ["wg0"]],
  [``, []],
];

for (const [dev, devices] of FLOWTABLES) {
  Deno.test(`A flowtable on ${devices.join(", ") || "nothing"}; its rules are compared without it`, () => {
    const json =
      `{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "f", "handle": 1}},
      {"flowtable": {"family": "inet", "name": "fastpath", "table": "f", "handle": 2, "hook": "ingress", "prio": 0${dev}}},
      {"chain": {"family": "inet", "table": "f", "name": "forward", "handle": 1, "prio": 5}}]}`;
    const { hasFlags, structure, devices: found } = parseFastpath(json);
    assert.deepEqual([...found], devices);
    assert.equal(hasFlags, false);
    const piece =
      `{"nftables": [{"chain": {"family": "inet", "table": "other", "name": "forward", "handle": 9, "prio": 5}}]}`;
    assert.equal(structure, parsePieces([piece]));
  });
}
