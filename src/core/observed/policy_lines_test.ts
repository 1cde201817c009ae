import assert from "node:assert/strict";
import { policyLineOf, surprisesPolicy, type WantedPolicy } from "./policy_lines.ts";

const SET = "p4-aaaaaaaaaaaaaaaa";
const CHAIN = "i4-aaaaaaaaaaaaaaaa";

function wanted(): WantedPolicy {
  return {
    has: (name) => [SET, CHAIN, "policy-egress-v4"].includes(name),
    isGarbage: (name) => name.startsWith("e6-"),
    hasMember: (set, member) => set === SET ? member === "10.0.0.1" : member === `10.0.0.2 : goto ${CHAIN}`,
  };
}

// As nft 1.0.6 and 1.1.3 print them.
const SAID: readonly (readonly [line: string, isNews: boolean | undefined])[] = [
  [`add element inet wigglenet ${SET} { 10.0.0.1 }`, false],
  [`add element inet wigglenet ${SET} { 10.0.0.9 }`, true],
  [`delete element inet wigglenet ${SET} { 10.0.0.1 }`, true],
  [`delete element inet wigglenet ${SET} { 10.0.0.9 }`, false],
  [`add element inet wigglenet policy-egress-v4 { 10.0.0.2 : goto ${CHAIN} }`, false],
  [`delete element inet wigglenet policy-egress-v4 { 10.0.0.2 : goto ${CHAIN} }`, true],
  [
    "add element inet wigglenet policy-revoked-v4 { 10.0.0.2 . 10.0.0.3 . 1 . 80 timeout 15m expires 15m }",
    false,
  ],
  [`add set inet wigglenet ${SET} { typeof ip saddr; comment "x"; } `, false],
  ["add set inet wigglenet p4-bbbbbbbbbbbbbbbb { typeof ip saddr; } ", true],
  [`delete set inet wigglenet ${SET}`, true],
  [`delete chain inet wigglenet ${CHAIN}`, true],
  ["delete chain inet wigglenet e6-aaaaaaaaaaaaaaaa.drop", false],
  ["delete rule inet wigglenet e6-aaaaaaaaaaaaaaaa handle 7", false],
  [`add rule inet wigglenet ${CHAIN} handle 17 ip daddr 10.0.0.0/8 return`, true],
  ["delete rule inet wigglenet policies handle 7", true],
  ["delete set inet wigglenet __map0", undefined],
  ["add chain inet wigglenet policies", undefined],
  ["add element inet wigglenet pod-cidrs-v4 { 10.0.0.0/24 }", undefined],
  ["delete table inet wigglenet", undefined],
];

for (const [line, isNews] of SAID) {
  Deno.test(`${isNews === undefined ? "Not about policy" : isNews ? "News" : "Known"}: ${line}`, () => {
    const said = policyLineOf(line);
    if (said === undefined || said === "nothing") return assert.equal(isNews, undefined);
    assert.equal(surprisesPolicy(said, wanted()), isNews);
  });
}
