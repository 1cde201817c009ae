import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import type { SetName } from "../desired/desired_state.ts";
import { renderDeltas, renderReference, renderStructure, renderTable } from "./render_table.ts";

const MODES: readonly Record<string, string>[] = [
  {},
  { FILTER_IPV4: "1", FILTER_IPV6: "1" },
  { FILTER_IPV4: "1", FILTER_IPV6: "1", NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" },
  { FIREWALL_ONLY: "1", MASQUERADE_IPV4: "0", MASQUERADE_IPV6: "0" },
  { STRICT: "0", FILTER_IPV4: "1" },
];

const TABLE = desireOf([ordinaryNode(1), ordinaryNode(2)]).table;

Deno.test("The ruleset is one transaction: table made, deleted, built, then its members", () => {
  const text = renderTable(TABLE);
  assert.ok(text.startsWith("table inet wigglenet\ndelete table inet wigglenet\n"));
  const members = text.slice(text.indexOf("add set"));
  assert.equal(
    members,
    `add set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.244.1.0/24, 10.244.2.0/24 }; }
add set inet wigglenet pod-cidrs-v6 { typeof ip6 saddr; flags interval; elements = { fd00:10:244:1::/64, fd00:10:244:2::/64 }; }
add set inet wigglenet local-pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.244.1.0/24 }; }
add set inet wigglenet local-pod-cidrs-v6 { typeof ip6 saddr; flags interval; elements = { fd00:10:244:1::/64 }; }
`,
  );
  assert.equal(
    text,
    `table inet wigglenet\ndelete table inet wigglenet\n${renderStructure(TABLE)}${members}`,
  );
});

Deno.test("A set without members has no statement: nft takes no empty list", () => {
  const { table } = desireOf([{ ...ordinaryNode(1), podCIDRs: undefined }]);
  assert.equal(
    renderTable(table),
    `table inet wigglenet\ndelete table inet wigglenet\n${renderStructure(table)}`,
  );
});

Deno.test("Deletions come before additions, so that a prefix may take the place of those in it", () => {
  assert.equal(
    renderDeltas([
      {
        name: "pod-cidrs-v4",
        added: ["10.0.0.0/23", "10.1.0.1/32"],
        deleted: ["10.0.0.0/24", "10.0.1.0/24"],
      },
      { name: "pod-cidrs-v6", added: ["fd00::/64"], deleted: [] },
      { name: "local-pod-cidrs-v6", added: [], deleted: ["fd01::/64"] },
    ]),
    `delete element inet wigglenet pod-cidrs-v4 { 10.0.0.0/24, 10.0.1.0/24 }
delete element inet wigglenet local-pod-cidrs-v6 { fd01::/64 }
add set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.0.0.0/23, 10.1.0.1/32 }; }
add set inet wigglenet pod-cidrs-v6 { typeof ip6 saddr; flags interval; elements = { fd00::/64 }; }
`,
  );
  assert.equal(renderDeltas([]), "");
});

Deno.test("What members that go have let in is forgotten with them, where the table has a set for it", () => {
  const delta = (name: SetName) => [{ name, added: [], deleted: ["10.9.1.2/32"] }];
  const flushes = (name: SetName, templates: readonly string[]) =>
    renderDeltas(delta(name), templates).split("\n").filter((line) => line.startsWith("flush "));
  assert.deepEqual(flushes("clear-v4", ["clear-v4"]), ["flush set inet wigglenet believed-v4"]);
  assert.deepEqual(flushes("outer-v4", ["outer"]), ["flush set inet wigglenet outer-seen-v4"]);
  assert.deepEqual(flushes("outer-own-v6", ["outer"]), ["flush set inet wigglenet outer-seen-v6"]);
  assert.deepEqual(flushes("outer-v4", ["ipsec-udp"]), []);
  assert.deepEqual(flushes("near-v4", ["clear-v4"]), []);
  assert.deepEqual(
    renderDeltas([{ name: "clear-v4", added: ["10.9.1.2/32"], deleted: [] }], ["clear-v4"]).includes("flush"),
    false,
  );
});

for (const environment of MODES) {
  Deno.test(`The structure of ${JSON.stringify(environment)} is plain nft: braces match, variables are defined`, () => {
    const text = renderStructure(desireOf([ordinaryNode(1)], environment).table);
    assert.equal(text.split("{").length, text.split("}").length);
    for (const [, name] of text.matchAll(/\$(\w+)/g)) {
      assert.match(text, new RegExp(`^define ${name} = `, "m"));
    }
    for (const [, name] of text.matchAll(/(?:goto|jump) ([\w-]+)/g)) {
      assert.match(text, new RegExp(`chain ${name} \\{`));
    }
    for (const [, name] of text.matchAll(/@([\w-]+)/g)) assert.match(text, new RegExp(`set ${name} \\{`));
    assert.doesNotMatch(text, /^[ \t]*#|^[ \t]*\n/m, "no comments, no empty lines");
  });

  Deno.test(`The structure of ${JSON.stringify(environment)} does not depend on the Nodes`, () => {
    const [one, many] = [[1], [1, 2, 3, 4]].map((numbers) =>
      desireOf(numbers.map(ordinaryNode), environment)
    );
    assert.equal(renderStructure(one!.table), renderStructure(many!.table));
  });
}

Deno.test("Each value of the settings stands on top, once", () => {
  const environment = { WIGGLENET_IFACE_NAME: "wg0", WIGGLENET_WG_PORT: "61000" };
  const text = renderStructure(desireOf([ordinaryNode(1)], environment).table);
  assert.deepEqual(text.split("\n").filter((line) => line.startsWith("define ")), [
    'define tunnel = "wg0"',
    'define tunnels = { "wg0", "wg0-next" }',
    "define next_group = 146",
    "define port = 61000-61001",
    "define spare_ports = 50000-60998",
    "define tunnel_v4 = 10.244.1.1",
    "define tunnel_v6 = fd00:10:244:1::1",
  ]);
});

Deno.test("The reference table is the structure under another name, dormant in every block", () => {
  const [structure, reference] = [renderStructure(TABLE), renderReference(TABLE)];
  assert.equal(reference.match(/table inet /g)?.length, reference.match(/flags dormant;/g)?.length);
  assert.equal(
    reference.replaceAll("wigglenet-reference {\n\tflags dormant;", "wigglenet {"),
    structure,
  );
});
