// The checklist of semantics, 1.4 and 1.5: who is a subject and a peer while pods come, end and give their addresses on.

import assert from "node:assert/strict";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { addressesOf, flowsOf, PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { PolicyModel } from "./policy_model.ts";
import { parseNetworkPolicy } from "./parse_network_policy.ts";
import { parsePod } from "./parse_pod.ts";
import { podJson, type PodWords } from "../../../test/policy_cluster.ts";

const A = { matchLabels: { pod: "a" } };
const FROM_B = { podSelector: A, ingress: [{ from: [{ podSelector: { matchLabels: { pod: "b" } } }] }] };

function withPolicy(spec: unknown = FROM_B): PolicyCluster {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson(spec));
  return cluster;
}

Deno.test("P15, P16: a pod on the host's network is neither subject nor peer, whatever address it shows", () => {
  const cluster = withPolicy({ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] });
  cluster.pod({ name: "host", ips: ["10.9.1.1"], spec: { hostNetwork: true } });
  assert.equal(cluster.verdict("10.9.1.1 > x/a tcp/80"), "drop");
  assert.equal(cluster.verdict("192.0.2.1 > 10.9.1.1 tcp/80"), "accept");
  assert.equal(cluster.model.desired().subjects.has("10.9.1.1"), false);
});

Deno.test("L5: a Pending pod with an address is a subject and a peer", () => {
  const cluster = withPolicy();
  cluster.pod({ name: "b", ips: addressesOf("x/b"), phase: "Pending" });
  cluster.pod({ name: "a", ips: addressesOf("x/a"), phase: "Pending" });
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "accept");
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
});

for (const phase of ["Succeeded", "Failed"]) {
  Deno.test(`L6: a pod that has ${phase} is neither subject nor peer`, () => {
    const cluster = withPolicy();
    cluster.pod({ name: "b", ips: addressesOf("x/b"), phase });
    assert.equal(cluster.verdict("x/b > x/a tcp/80"), "drop");
    cluster.pod({ name: "a", ips: addressesOf("x/a"), phase });
    assert.equal(cluster.model.desired().subjects.has(addressesOf("x/a")[0]), false);
  });
}

Deno.test("L7: a pod that is being deleted is a subject and a peer as long as it runs", () => {
  const cluster = withPolicy();
  const metadata = { deletionTimestamp: "2026-01-01T00:00:00Z" };
  cluster.pod({ name: "b", ips: addressesOf("x/b"), metadata });
  cluster.pod({ name: "a", ips: addressesOf("x/a"), metadata });
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "accept");
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
});

Deno.test("L8: of two pods with one address the one that started last has it, in whatever order they are told", () => {
  const ips = ["10.244.0.99"];
  const old: PodWords = { name: "old", labels: { pod: "b" }, ips, start: "2026-01-01T00:00:00Z" };
  const fresh: PodWords = { name: "fresh", labels: { pod: "c" }, ips, start: "2026-01-02T00:00:00Z" };
  for (const order of [[old, fresh], [fresh, old]]) {
    const cluster = withPolicy();
    for (const words of order) cluster.pod(words);
    assert.equal(cluster.verdict("10.244.0.99 > x/a tcp/80"), "drop");
    assert.deepEqual(
      cluster.model.rejected().map(({ name, claim, reason }) => `${name} ${claim}: ${reason}`),
      [
        "old status.podIPs 10.244.0.99: pod x/fresh, which started later, has it: no peer by it, and closed where it is not the newest",
      ],
    );
    cluster.model.removePod("x", "fresh");
    assert.equal(cluster.verdict("10.244.0.99 > x/a tcp/80"), "accept");
    assert.deepEqual(cluster.model.rejected(), []);
  }
});

Deno.test("L8: what a pod of another node says takes no address, and no isolation, from a pod of this one", () => {
  const cluster = withPolicy();
  cluster.pod({
    name: "thief",
    node: "n2",
    ips: addressesOf("x/a"),
    start: "2027-01-01T00:00:00Z",
    labels: { pod: "c" },
  });
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
});

Deno.test("L9: an address that changes hands is told, and one whose pod only changes is not", () => {
  const cluster = withPolicy();
  cluster.model.takeChange();
  const ips = addressesOf("x/a");
  cluster.pod({ name: "a", ips, labels: { pod: "other" } });
  assert.deepEqual(cluster.model.takeChange().disowned, []);
  cluster.pod({ name: "a", uid: "made anew", ips, labels: { pod: "other" } });
  assert.deepEqual(cluster.model.takeChange().disowned, [...ips].sort());
  cluster.pod({ name: "a", uid: "made anew", ips, phase: "Succeeded" });
  assert.deepEqual(cluster.model.takeChange().disowned, [...ips].sort());
  cluster.pod({ name: "next", ips });
  assert.deepEqual(cluster.model.takeChange().disowned, []);
});

Deno.test("L10: each address of a pod is isolated", () => {
  const { subjects } = withPolicy().model.desired();
  for (const address of addressesOf("x/a")) assert.ok(subjects.get(address)?.ingress !== undefined, address);
});

Deno.test("L12: isolation goes with the last policy that selects the pod", () => {
  const cluster = withPolicy();
  cluster.policy(policyJson({ podSelector: {} }, "second"));
  cluster.model.removePolicy("x", "policy");
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
  cluster.model.removePolicy("x", "second");
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "accept");
  assert.equal(cluster.model.desired().isGuarded, false);
});

Deno.test("S15: labels of a pod and of a namespace decide anew, for subject and peer", () => {
  const cluster = withPolicy({
    podSelector: A,
    ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "red" } } }] }],
  });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "drop");
  cluster.namespace("y", { team: "red" });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "accept");
  cluster.namespace("y", { team: "blue" });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "drop");
  cluster.pod({ name: "a", ips: addressesOf("x/a"), labels: { pod: "free" } });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "accept");
});

Deno.test("A policy before its namespace isolates; pods of a namespace that nobody knows are no peers by a namespaceSelector", () => {
  const cluster = new PolicyCluster();
  cluster.policy(policyJson({ podSelector: A, ingress: [{ from: [{ namespaceSelector: {} }] }] }));
  for (const name of ["a", "b"]) cluster.pod({ name, ips: addressesOf(`x/${name}`) });
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "drop");
  assert.equal(
    cluster.model.rejected()[0]?.reason,
    "the Namespace is not known: no namespaceSelector means its pods",
  );
  cluster.namespace("x");
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "accept");
  cluster.model.removeNamespace("x");
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "drop");
});

const cidrs = (...texts: string[]) => texts.map((text) => parsePrefix(text) as Prefix);

Deno.test("A pod is a peer by an address in its node's pod CIDRs only, and none while its Node is not known", () => {
  const model = new PolicyModel({ nodeName: "n1", nodesAreTold: true });
  const judged = (line: string) => model.judge(flowsOf(line)[0]!).verdict;
  model.putNode("n1", cidrs("10.244.0.0/24"));
  model.putPolicy(parseNetworkPolicy(policyJson(FROM_B), "test").value!);
  model.putPod(parsePod(podJson({ name: "a", ips: ["10.244.0.1"] }), "test").value!);
  model.putPod(parsePod(podJson({ name: "b", node: "n2", ips: ["10.244.7.1"] }), "test").value!);
  const verdicts: string[] = [];
  for (const podCidrs of [undefined, ["10.244.8.0/24"], ["10.244.7.0/24"], []]) {
    if (podCidrs === undefined) model.removeNode("n2");
    else model.putNode("n2", cidrs(...podCidrs));
    verdicts.push(judged("10.244.7.1 > 10.244.0.1 tcp/80"));
  }
  assert.deepEqual(verdicts, ["drop", "drop", "accept", "accept"]);
});

Deno.test("While a policy is enforced an address of this node's pods that no known pod has is closed", () => {
  const model = new PolicyModel({ nodeName: "n1" });
  model.putNode("n1", cidrs("10.244.0.0/24"));
  const verdicts = () =>
    ["10.244.0.9 > 192.0.2.1 tcp/80", "192.0.2.1 > 10.244.0.9 tcp/80", "192.0.2.1 > 10.244.1.9 tcp/80"]
      .map((line) => model.judge(flowsOf(line)[0]!).verdict);
  assert.deepEqual(verdicts(), ["accept", "accept", "accept"]);
  model.putPolicy(parseNetworkPolicy(policyJson({ podSelector: {} }, "policy", "elsewhere"), "test").value!);
  assert.deepEqual(verdicts(), ["drop", "drop", "accept"]);
  model.putPod(parsePod(podJson({ name: "a", ips: ["10.244.0.9"] }), "test").value!);
  assert.deepEqual(verdicts(), ["accept", "accept", "accept"]);
});

Deno.test("A policy in audit drops nothing and tells what it would; beside one that is enforced it only allows", () => {
  const audit = { annotations: { "wigglenet/audit": "true" }, namespace: "x", name: "watched" };
  const cluster = PolicyCluster.ordinary();
  cluster.policy({ metadata: audit, spec: FROM_B });
  assert.equal(cluster.model.desired().isGuarded, false);
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "accept");
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "audit");
  cluster.policy(policyJson({ podSelector: A, ingress: [{ ports: [{ port: 443 }] }] }, "enforced"));
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "accept");
});

Deno.test("A namespace in audit puts all of its policies in audit, and back", () => {
  const cluster = withPolicy();
  cluster.namespace("x", { ns: "x" }, { "wigglenet/audit": "true" });
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "audit");
  assert.equal(cluster.model.desired().isGuarded, false);
  cluster.namespace("x", { ns: "x" });
  assert.equal(cluster.verdict("x/c > x/a tcp/80"), "drop");
  assert.equal(cluster.model.desired().isGuarded, true);
});

Deno.test("An address that is not its node's is told as long as it is not", () => {
  const model = new PolicyModel({ nodeName: "n1", nodesAreTold: true });
  model.putNode("n2", cidrs("10.244.7.0/24"));
  model.putPod(parsePod(podJson({ name: "b", node: "n2", ips: ["10.244.8.1"] }), "test").value!);
  assert.deepEqual(model.rejected(), [{
    kind: "Pod",
    namespace: "x",
    name: "b",
    claim: "status.podIPs 10.244.8.1",
    reason: "it is not in a pod CIDR of node n2: no peer by it",
  }]);
  model.putNode("n2", cidrs("10.244.7.0/24", "10.244.8.0/24"));
  assert.deepEqual(model.rejected(), []);
  model.removeNode("n2");
  assert.equal(model.rejected().length, 1);
  model.removePod("x", "b");
  assert.deepEqual(model.rejected(), []);
});
