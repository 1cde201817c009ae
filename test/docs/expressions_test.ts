// README's expressions: each gives what its last line says, on the node that the section describes.

import assert from "node:assert/strict";
import * as cel from "@marcbachmann/cel-js";
import readme from "../../README.md" with { type: "text" };
import type { CelLibrary } from "../../src/core/expression/cel_library.ts";
import { compileExpression } from "../../src/core/expression/expression.ts";
import { interfacesOf } from "../../src/core/expression/interfaces.ts";
import { seenText } from "../../src/core/expression/seen.ts";
import type { Family } from "../../src/core/net/address.ts";
import { type Refusal, refused } from "../../src/core/net/refusal.ts";
import type { Prefix } from "../../src/core/net/prefix.ts";

const INTERFACES = interfacesOf([{
  ifname: "eth0",
  addr_info: [{ local: "10.0.0.5", prefixlen: 24 }, { local: "2001:db8:abcd:1234::5", prefixlen: 64 }],
}], "wigglenet");
const NODE = {
  name: "n1",
  labels: { "topology.kubernetes.io/zone": "eu-central", "example.com/index": "7" },
  annotations: {},
};
const EXAMPLES = [...readme.matchAll(/```cel\n([\s\S]*?)\/\/ gives (.*)\n```/g)];

function evaluate(text: string, families: readonly Family[]): readonly Prefix[] | Refusal {
  const expression = compileExpression(cel as unknown as CelLibrary, text);
  return refused(expression) ? expression : expression({ interfaces: INTERFACES, node: NODE, families });
}

Deno.test("each expression of README says what it gives", () => {
  assert.equal(EXAMPLES.length, readme.split("```cel").length - 1);
  assert.ok(EXAMPLES.length >= 5);
});

for (const [, text, gives] of EXAMPLES) {
  Deno.test(`README's expression gives ${gives}: ${text!.split("\n")[0]}`, () => {
    const families = ([4, 6] as const).filter((family) => gives!.includes(family === 4 ? "." : ":"));
    const given = evaluate(text!, families);
    assert.ok(!refused(given), refused(given) ? given.reason : "");
    assert.equal(given.map((prefix) => prefix.text).join(", "), gives);
  });
}

Deno.test("README shows the message of an expression that fails", () => {
  const given = evaluate(`interfaces["eth1"][0]`, [6]);
  assert.ok(refused(given));
  const message = `wigglenet: POD_CIDR_EXPRESSION: ${given.reason}; ${seenText({ interfaces: INTERFACES })}`;
  assert.ok(readme.includes(`\n${message}\n`), message);
});
