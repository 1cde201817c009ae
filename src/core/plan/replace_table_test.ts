import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import { SET_NAMES } from "../desired/desired_state.ts";
import type { ObservedTable } from "../observed/observed_state.ts";
import { INTERIM_SETS, renderMembers, renderRules, renderTable } from "../render/render_table.ts";
import { diff } from "./diff.ts";

const DESIRED = desireOf([1, 2].map(ordinaryNode));
const HOST = hostOf(DESIRED);
/** Those that the structure declares: without their settings there are none of hosts, none without masquerade, and none in the clear. */
const DECLARED = [...HOST.table!.sets.keys()].filter((name) =>
  !/^(host|no-masquerade|clear|near|late|outer|outer-own)-/.test(name)
);
const SETS = DECLARED.map((name) => ({ set: { name, type: name.slice(-2) } }));
const CHAINS = [{ chain: { name: "forward", hook: "forward" } }, { rule: { chain: "forward" } }];
const REFERENCE = JSON.stringify([...SETS, ...CHAINS]);

/** What nft is given when the table is this one. */
function inputsFor(table: Partial<ObservedTable> | undefined): string[] {
  const observed = table && { ...HOST.table!, structure: REFERENCE, ...table };
  const [step] = diff(DESIRED, { ...HOST, table: observed, reference: REFERENCE }, 0).steps;
  return step?.actions.map((action) => action.kind === "run" ? action.input! : action.kind) ?? [];
}

Deno.test("A table that is missing gets its members first, then its rules", () => {
  const [members, rules, ...more] = inputsFor(undefined);
  assert.match(members!, /^table inet wigglenet\nadd set inet wigglenet pod-cidrs-v4 \{[^]*10\.244\.2\.0/);
  assert.doesNotMatch(members!, /chain/);
  assert.deepEqual([rules, ...more], [renderRules(DESIRED.table, [], [])]);
});

Deno.test("Rules that differ are replaced between sets that stay, those of another build included", () => {
  const structure = JSON.stringify([
    { set: { name: "prefixes-v4" } },
    ...SETS,
    { chain: { name: "seen" } },
    ...CHAINS,
  ]);
  const [rules, ...more] = inputsFor({ structure });
  assert.deepEqual(more, []);
  assert.ok(
    rules!.startsWith(
      "flush chain inet wigglenet seen\nflush chain inet wigglenet forward\n" +
        "delete chain inet wigglenet seen\ndelete chain inet wigglenet forward\ndelete set inet wigglenet prefixes-v4\ndefine tunnel",
    ),
    rules,
  );
});

Deno.test("What other rules have let packets put into a set is forgotten in the same transaction", () => {
  const believed = { set: { name: "believed-v4" } };
  const structure = JSON.stringify([...SETS, believed, ...CHAINS]);
  const observed = { ...HOST.table!, structure };
  const reference = JSON.stringify([...SETS, believed, { chain: { name: "other" } }]);
  const [step] = diff(DESIRED, { ...HOST, table: observed, reference }, 0).steps;
  const [action] = step!.actions;
  assert.match(
    action?.kind === "run" ? action.input! : "",
    /^flush set inet wigglenet believed-v4\nflush chain /,
  );
});

Deno.test("Members that differ too are set right before the rules", () => {
  const sets = new Map([...HOST.table!.sets, ["pod-cidrs-v4", new Set(["10.244.1.0/24", "10.70.0.0/16"])]]);
  const [members, ...rules] = inputsFor({ structure: JSON.stringify(SETS), sets });
  assert.equal(
    members,
    "delete element inet wigglenet pod-cidrs-v4 { 10.70.0.0/16 }\n" +
      "add set inet wigglenet pod-cidrs-v4 { typeof ip saddr; flags interval; elements = { 10.244.2.0/24 } }\n"
        .replace(" } }", " }; }"),
  );
  assert.equal(rules.length, 1);
});

Deno.test("Members that only go, go behind the rules that count on them", () => {
  const sets = new Map(HOST.table!.sets);
  sets.set("pod-cidrs-v6", sets.get("pod-cidrs-v6")!.union(new Set(["fd70::/64"])));
  const [rules, members, ...more] = inputsFor({ structure: JSON.stringify(SETS), sets });
  assert.match(rules!, /chain forward/);
  assert.equal(members, "delete element inet wigglenet pod-cidrs-v6 { fd70::/64 }\n");
  assert.deepEqual(more, []);
});

Deno.test("A set of our name that is declared otherwise goes while rules look into sets of other names", () => {
  const foreign = [{ set: { name: "pod-cidrs-v4", comment: "of the original" } }, {
    chain: { name: "masq" },
  }];
  const [members, detour, again, rules, ...more] = inputsFor({ structure: JSON.stringify(foreign) });
  assert.deepEqual(more, []);
  const { table } = DESIRED;
  assert.deepEqual(
    [members, again],
    [renderMembers(table).replaceAll(/pod-cidrs-v./g, "$&-interim"), renderMembers(table)],
  );
  assert.ok(
    detour!.startsWith(
      "flush chain inet wigglenet masq\ndelete chain inet wigglenet masq\ndelete set inet wigglenet pod-cidrs-v4\ndefine",
    ),
    detour,
  );
  assert.doesNotMatch(detour!.slice(detour!.indexOf("define")), /pod-cidrs-v.(?!-interim)/);
  assert.equal(rules, renderRules(table, ["forward"], [...SETS].map(({ set }) => `${set.name}-interim`)));
});

Deno.test("Each of our sets has another name on the detour: one that kept its own would be deleted with its members", () => {
  assert.deepEqual(INTERIM_SETS, SET_NAMES.map((name) => `${name}-interim`));
});

const STRANGE: Readonly<Record<string, unknown[]>> = {
  "such a set, and one of another name that a killed agent left": [
    { set: { name: "pod-cidrs-v4", type: "mark" } },
    { set: { name: "pod-cidrs-v4-interim" } },
  ],
  "something that is no set, chain or rule": [...SETS, { map: { name: "pod-cidrs-v4" } }],
  "nothing": [],
};

for (const [what, objects] of Object.entries(STRANGE)) {
  Deno.test(`A table with ${what} is replaced as a whole`, () => {
    assert.deepEqual(inputsFor({ structure: JSON.stringify(objects) }), [renderTable(DESIRED.table)]);
  });
}
