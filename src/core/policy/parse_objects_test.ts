// Bad input fails closed: who a broken policy selects stays isolated, its broken rule allows nothing, and the reason is told.

import assert from "node:assert/strict";
import { BROKEN_POLICIES, BROKEN_RULES } from "../../../test/broken_policies.ts";
import { addressesOf, podJson, PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { parseNamespace } from "./parse_namespace.ts";
import { parseNetworkPolicy } from "./parse_network_policy.ts";
import { parsePod } from "./parse_pod.ts";

for (const [name, spec, reason] of BROKEN_RULES) {
  Deno.test(`A rule with ${name} allows nothing, and the other rules and the isolation hold`, () => {
    const cluster = PolicyCluster.ordinary();
    cluster.policy(policyJson(spec));
    assert.deepEqual(cluster.rejected, [
      { kind: "NetworkPolicy", namespace: "x", name: "policy", claim: "spec.ingress[0]", reason },
    ]);
    const lines = ["x/b > x/a tcp/80", "192.0.2.1 > x/a udp/79", "x/b > x/a icmp"];
    assert.deepEqual(lines.map((line) => cluster.verdict(line)), ["drop", "drop", "drop"]);
    const { ingress } = spec as { ingress: unknown[] };
    const second = {
      ...spec as object,
      ingress: [...ingress, { from: [{ podSelector: { matchLabels: { pod: "b" } } }] }],
    };
    cluster.policy(policyJson(second));
    assert.deepEqual(lines.map((line) => cluster.verdict(line)), ["accept", "drop", "accept"]);
  });
}

for (const [name, spec, isolated, claim] of BROKEN_POLICIES) {
  Deno.test(`Of a broken policy, ${name}`, () => {
    const cluster = PolicyCluster.ordinary();
    cluster.policy(policyJson(spec));
    assert.deepEqual(cluster.rejected.map((it) => it.claim), claim === "" ? [] : [claim]);
    const said = ["a", "b"].flatMap((pod) => {
      const ways = (cluster.verdict(`y/a > x/${pod} tcp/1`) === "drop" ? "i" : "") +
        (cluster.verdict(`x/${pod} > y/a tcp/1`) === "drop" ? "o" : "");
      return ways === "" ? [] : `${pod}:${ways}`;
    });
    assert.equal(said.join(" "), isolated);
  });
}

const A = { matchLabels: { pod: "a" } };
const reasons = (
  json: unknown,
  parse = parseNetworkPolicy as (
    json: unknown,
    origin: string,
  ) => { rejected: readonly { claim: string; reason: string }[] },
) => parse(json, "dir/file.yaml").rejected.map(({ claim, reason }) => `${claim}: ${reason}`);

Deno.test("An object without a name that can be read is refused as a whole, by where it came from", () => {
  const { value, rejected } = parseNetworkPolicy({ metadata: { name: "a;b" } }, "dir/file.yaml");
  assert.equal(value, undefined);
  const reason = '"a;b" is not a name (a DNS-1123 subdomain)';
  assert.deepEqual(rejected, [{
    kind: "NetworkPolicy",
    namespace: "",
    name: "dir/file.yaml",
    claim: "NetworkPolicy",
    reason,
  }]);
  for (const json of [null, [], "x", 7, {}]) {
    assert.deepEqual(reasons(json), ["NetworkPolicy: the object has no metadata.name"]);
  }
  assert.deepEqual(reasons({ metadata: { name: "a", namespace: "a.b" } }), [
    'NetworkPolicy: "a.b" is not a namespace (a DNS-1123 label)',
  ]);
  assert.deepEqual(reasons({ metadata: { name: "A" } }, parseNamespace), [
    'Namespace: "A" is not a namespace (a DNS-1123 label)',
  ]);
  assert.deepEqual(reasons({}, parsePod), ["Pod: the object has no metadata.name"]);
});

Deno.test("Of a policy that is wrong in a thousand places the first are told, and how many more there are", () => {
  const said = reasons(policyJson({ podSelector: A, ingress: Array.from({ length: 1000 }, () => null) }));
  assert.equal(said.length, 17);
  assert.equal(said.at(-1), "NetworkPolicy: 984 more parts are refused");
});

Deno.test("Only the text true is audit: audit opens", () => {
  const audit = (value: unknown) =>
    parseNamespace({ metadata: { name: "x", annotations: { "wigglenet/audit": value } } }, "f");
  assert.deepEqual(["true", "false", "True", true, 1].map((value) => audit(value).value!.isAudit), [
    true,
    false,
    false,
    false,
    false,
  ]);
  assert.deepEqual(audit("yes").rejected.map(({ reason }) => reason), [
    '"yes" is neither "true" nor "false": it is enforced',
  ]);
});

Deno.test("A namespace has its name as a label, and none may pass for another", () => {
  const label = (labels: unknown) => parseNamespace({ metadata: { name: "x", labels } }, "f");
  assert.deepEqual([...label(undefined).value!.labels!], [["kubernetes.io/metadata.name", "x"]]);
  const liar = label({ "kubernetes.io/metadata.name": "kube-system" });
  assert.equal(liar.value!.labels!.get("kubernetes.io/metadata.name"), "x");
  assert.equal(liar.rejected[0]!.reason, "it is the name: x");
});

Deno.test("A namespace whose labels cannot be read is meant by no selector", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(
    policyJson({
      podSelector: A,
      ingress: [{
        from: [{ namespaceSelector: { matchExpressions: [{ key: "bad", operator: "DoesNotExist" }] } }],
      }],
    }),
  );
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "accept");
  cluster.namespace("y", { "bad key": "x" });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "drop");
});

Deno.test("A pod whose labels cannot be read is nobody's peer, and not known", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: A, ingress: [{ from: [{ podSelector: {} }] }] }));
  cluster.pod({ name: "b", ips: addressesOf("x/b"), labels: { pod: true } });
  assert.equal(cluster.verdict("x/b > x/a tcp/80"), "drop");
  assert.equal(cluster.model.desired().subjects.has(addressesOf("x/b")[0]), false);
  assert.equal(
    cluster.rejected[0]!.reason,
    "pod: true is not a label value: the pod is nobody's peer, and closed",
  );
});

Deno.test("Addresses and ports of a pod that cannot be read are left out and told, and the others are there", () => {
  const json = podJson({
    ips: ["10.0.0.300", "::ffff:10.0.0.1", "127.0.0.1", "10.244.0.1", "10.244.0.1"],
    ports: [{ name: "web", containerPort: 0 }, { name: "WEB", containerPort: 1 }, {
      name: "ok",
      containerPort: 80,
    }, { containerPort: 7 }],
  });
  const { value, rejected } = parsePod(json, "f");
  assert.deepEqual(value!.addresses.map(({ text }) => text), ["10.244.0.1"]);
  assert.deepEqual(value!.ports, [{ name: "ok", protocol: "tcp", port: 80 }]);
  assert.deepEqual(rejected.map(({ claim, reason }) => `${claim}: ${reason}`), [
    'status.podIPs "10.0.0.300": "10.0.0.300" is not an IP address',
    'status.podIPs "::ffff:10.0.0.1": "::ffff:10.0.0.1" is not an IP address',
    'status.podIPs "127.0.0.1": 127.0.0.1 is loopback',
    'containers.ports "web": 0 is not a port (1 to 65535): no policy finds the port by its name',
    'containers.ports "WEB": "WEB" is not the name of a port: no policy finds the port by its name',
  ]);
});

Deno.test("An object without a namespace is of default, as kubectl has it", () => {
  assert.equal(parsePod({ metadata: { name: "a" } }, "f").value!.namespace, "default");
  assert.equal(parseNetworkPolicy({ metadata: { name: "a" } }, "f").value!.namespace, "default");
});
