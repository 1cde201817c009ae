import assert from "node:assert/strict";
import { type Address, parseAddress } from "../net/address.ts";
import type { TracedDrop } from "../observed/traced_drop.ts";
import { dropLineOf, type DropWitness, someOf } from "./drop_line.ts";
import type { Explanation, Reason } from "./explain_flow.ts";

const [SOURCE, DESTINATION] = ["10.244.1.5", "10.244.2.7"].map((text) => parseAddress(text) as Address);
const CONTENT = "i4-aaaaaaaaaaaaaaaa";
const DROP: TracedDrop = {
  flow: { source: SOURCE!, destination: DESTINATION!, protocol: "tcp", port: 5432 },
  protocol: "tcp",
  isAudit: false,
  content: CONTENT,
};

function reason(words: Partial<Reason>): Reason {
  const isolating = ["x/deny", "x/web"];
  const rest = { pod: "x/db", content: CONTENT, set: undefined, isolating, allowing: [] };
  return { direction: "ingress", verdict: "drop", ...rest, ...words };
}

function witness(...reasons: readonly Reason[]): DropWitness {
  const explanation: Explanation = { verdict: "drop", reasons };
  const pods: Readonly<Record<string, string>> = { [DESTINATION!.text]: "x/db" };
  return { explain: () => explanation, podAt: ({ text }) => pods[text] };
}

Deno.test("A drop is told with both ends, the port, the direction and the policies that isolate", () => {
  const egress = reason({ direction: "egress", isolating: ["y/other"] });
  assert.deepEqual(dropLineOf(DROP, witness(egress, reason({}))), {
    message: "policies drop",
    fields: {
      direction: "ingress",
      source: "10.244.1.5",
      from: undefined,
      destination: "10.244.2.7",
      to: "x/db",
      protocol: "tcp",
      port: 5432,
      why: "no rule allows it",
      policies: "x/deny,x/web",
    },
  });
});

Deno.test("What has no ports is told without one, and an audit as what it is", () => {
  const flow = { ...DROP.flow, protocol: "other" as const, port: 0 };
  const { message, fields } = dropLineOf(
    { ...DROP, flow, protocol: "icmp echo-request", isAudit: true },
    witness(reason({ verdict: "audit" })),
  );
  assert.equal(message, "policies would drop, but for their audit");
  assert.deepEqual([fields.protocol, fields.port, fields.why], [
    "icmp echo-request",
    undefined,
    "no rule allows it",
  ]);
});

Deno.test("An address that no known pod has is told at the end that has it", () => {
  const unknown = reason({ direction: "egress", pod: undefined, content: undefined, isolating: [] });
  const { fields } = dropLineOf({ ...DROP, content: undefined }, witness(reason({}), unknown));
  assert.equal(fields.direction, "egress");
  assert.match(String(fields.why), /no known pod/);
  assert.equal(fields.policies, undefined);
});

Deno.test("A packet that is allowed by the time somebody asks is not said to be forbidden", () => {
  const { fields } = dropLineOf(DROP, witness(reason({ verdict: "accept" })));
  assert.match(String(fields.why), /by now one does/);
  assert.match(String(dropLineOf(DROP, witness()).fields.why), /by now/);
});

Deno.test("Of many names some are told, and how many there are more", () => {
  assert.equal(someOf(["a", "b", "c"], 3), "a,b,c");
  assert.equal(someOf(["a", "b", "c", "d", "e"], 3), "a,b,c and 2 more");
});
