import assert from "node:assert/strict";
import { namespaceOf, podOf, policyOf } from "../../../test/sources/policy_world.ts";
import { refused } from "../net/refusal.ts";
import type { ObservedPolicy } from "../observed/parse_policy.ts";
import { disagreements, explanationLines, parseFlowEnd, parseFlowTarget } from "./flow_question.ts";
import type { Flow } from "./judge_flow.ts";
import { parseNamespace } from "./parse_namespace.ts";
import { parseNetworkPolicy } from "./parse_network_policy.ts";
import { parsePod } from "./parse_pod.ts";
import { PolicyModel } from "./policy_model.ts";

const targets: readonly [text: string, read: string][] = [
  ["default/web:80/tcp", "default/web tcp 80"],
  ["default/web:80", "default/web tcp 80"],
  ["default/web.0:53/udp", "default/web.0 udp 53"],
  ["default/web", "default/web other 0"],
  ["10.0.0.1:80/sctp", "10.0.0.1 sctp 80"],
  ["[fd00::1]:80", "fd00::1 tcp 80"],
  ["fd00::1", "fd00::1 other 0"],
  ["fd00::80", "fd00::80 other 0"],
  ["default/web:65536", `"default/web:65536": there is no port 65536`],
  ["web", `"web" is neither namespace/pod nor an address`],
  ["default/web:80/icmp", `"default/web:80/icmp" is neither namespace/pod nor an address`],
  ["", `"" is neither namespace/pod nor an address`],
];
for (const [text, read] of targets) {
  Deno.test(`the target ${JSON.stringify(text)} is ${read}`, () => {
    const target = parseFlowTarget(text);
    if (refused(target)) return assert.equal(target.reason, read);
    const { end, protocol, port } = target;
    const name = "name" in end ? `${end.namespace}/${end.name}` : end.text;
    assert.equal(`${name} ${protocol} ${port}`, read);
  });
}

function modelOf(...policies: readonly Record<string, unknown>[]): PolicyModel {
  const model = new PolicyModel({ nodeName: "n1" });
  model.putNamespace(parseNamespace(namespaceOf("default"), "").value!);
  for (const pod of [podOf("web"), podOf("client", { node: "n2", ip: "10.1.1.1" })]) {
    model.putPod(parsePod(pod, "").value!);
  }
  for (const policy of policies) model.putPolicy(parseNetworkPolicy(policy, "").value!);
  return model;
}

function addressOf(text: string) {
  const address = parseFlowEnd(text);
  return refused(address) || "name" in address ? assert.fail(text) : address;
}

function flowOf(source: string, destination: string): Flow {
  return { source: addressOf(source), destination: addressOf(destination), protocol: "tcp", port: 80 };
}

const IN = flowOf("10.1.1.1", "10.1.0.1");
const ALLOW = policyOf("allow", "web", { podSelector: { matchLabels: { app: "client" } } });

function told(model: PolicyModel, flow = IN): string {
  return explanationLines(flow, model.explain(flow)).join("\n").replaceAll(
    /\b([ipe][46])-[a-z2-7]{16}/g,
    "$1-…",
  );
}

Deno.test("a flow that nobody isolates, one that a rule allows, one that none does, and one of others", () => {
  assert.equal(
    told(modelOf()),
    "10.1.1.1 -> 10.1.0.1 tcp/80: passes\n  ingress of default/web (10.1.0.1): passes: no policy isolates it",
  );
  assert.equal(
    told(modelOf(ALLOW)),
    "10.1.1.1 -> 10.1.0.1 tcp/80: passes\n  ingress of default/web (10.1.0.1): passes: isolated by default/allow; " +
      "allowed by default/allow spec.ingress[0], found in p4-…; i4-…",
  );
  assert.equal(
    told(modelOf(policyOf("deny", "web"))),
    "10.1.1.1 -> 10.1.0.1 tcp/80: is dropped\n  ingress of default/web (10.1.0.1): dropped: isolated by default/deny, " +
      "and no rule allows it; i4-…",
  );
  assert.equal(
    told(modelOf(), flowOf("10.1.1.1", "10.1.1.2")),
    "10.1.1.1 -> 10.1.1.2 tcp/80: passes\n  neither end is a pod of this node: ask on theirs",
  );
});

Deno.test("the kernel agrees, or what of it differs is named", () => {
  const model = modelOf(ALLOW);
  const { reasons } = model.explain(IN);
  const [{ content, set }] = reasons as unknown as [{ content: string; set: string }];
  const kernelOf = (sets: Record<string, string>): ObservedPolicy => ({
    sets: new Map(
      Object.entries(sets).map(([name, members]) => {
        return [name, { kind: "set", declaration: "", members, isOdd: false }];
      }),
    ),
    chains: new Map(),
    counters: new Set(),
  });
  const bound = { "policy-ingress-v4": `10.1.0.1 : goto ${content}, 10.1.0.2 : goto i4-x` };
  assert.deepEqual(disagreements(IN, reasons, kernelOf({ ...bound, [set]: "10.1.1.1, 10.1.1.2" })), []);
  assert.deepEqual(disagreements(IN, reasons, kernelOf({ ...bound, [set]: "10.1.1.11" })), [
    `10.1.1.1 is not in ${set}`,
  ]);
  assert.deepEqual(disagreements(IN, reasons, kernelOf({ [set]: "10.1.1.1" })), [
    `policy-ingress-v4 leads 10.1.0.1 to nothing, not to ${content}`,
  ]);
});
