// Bad input fails closed: who a broken policy selects stays isolated, its broken rule allows nothing, and the reason is told.

import assert from "node:assert/strict";
import { addressesOf, podJson, PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { parseNamespace } from "./parse_namespace.ts";
import { parseNetworkPolicy } from "./parse_network_policy.ts";
import { parsePod } from "./parse_pod.ts";

const A = { matchLabels: { pod: "a" } };
const rule = (ingress: unknown) => ({ podSelector: A, ingress: [ingress] });
const peer = (from: unknown) => rule({ from: [from] });
const port = (ports: unknown) => rule({ ports: [ports] });
const R = "the rule allows nothing";

/** Each is a policy of which one rule of ingress cannot be believed. */
const BROKEN_RULES: readonly (readonly [name: string, spec: unknown, reason: string])[] = [
  ["a rule that is null", rule(null), `null is not a rule: ${R}`],
  ["a misspelt field, which would allow everything", rule({ form: [] }), `unknown field "form": ${R}`],
  ["peers of another direction", rule({ to: [] }), `unknown field "to": ${R}`],
  ["peers that are no list", rule({ from: {} }), `from an object is not a list: ${R}`],
  ["a peer without any field", peer({}), `from[0]: a peer without any field: ${R}`],
  ["a peer that is null", peer(null), `from[0]: null is not an object: ${R}`],
  [
    "a peer of two kinds",
    peer({ podSelector: {}, ipBlock: { cidr: "::/0" } }),
    `from[0]: an ipBlock beside a selector: ${R}`,
  ],
  [
    "a selector with an operator that nobody knows",
    peer({ podSelector: { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] } }),
    `from[0]: podSelector: a: "Gt" is not an operator (In, NotIn, Exists, DoesNotExist): ${R}`,
  ],
  [
    "In without values",
    peer({ namespaceSelector: { matchExpressions: [{ key: "a", operator: "In", values: [] }] } }),
    `from[0]: namespaceSelector: a: In needs values: ${R}`,
  ],
  [
    "Exists with values",
    peer({ podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["x"] }] } }),
    `from[0]: podSelector: a: Exists takes no values: ${R}`,
  ],
  [
    "a label value with nft syntax",
    peer({ podSelector: { matchLabels: { a: "x } ; flush ruleset" } } }),
    `from[0]: podSelector: matchLabels: a: "x } ; flush ruleset" is not a label value: ${R}`,
  ],
  [
    "a label key that an object has by birth",
    peer({ podSelector: { matchLabels: JSON.parse('{"__proto__": "x"}') } }),
    `from[0]: podSelector: matchLabels: "__proto__" is not a label key: ${R}`,
  ],
  [
    "a CIDR without a length",
    peer({ ipBlock: { cidr: "10.0.0.1" } }),
    `from[0]: ipBlock.cidr: "10.0.0.1" is not a CIDR: ${R}`,
  ],
  [
    "a CIDR that is too long",
    peer({ ipBlock: { cidr: "10.0.0.0/33" } }),
    `from[0]: ipBlock.cidr: "10.0.0.0/33" is not a CIDR: ${R}`,
  ],
  [
    "a CIDR with nft syntax",
    peer({ ipBlock: { cidr: "10.0.0.0/8 } accept" } }),
    `from[0]: ipBlock.cidr: "10.0.0.0/8 } accept" is not a CIDR: ${R}`,
  ],
  [
    "an exception that cannot be read, without which the block would be too wide",
    peer({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.x.0.0/16"] } }),
    `from[0]: ipBlock.except: "10.x.0.0/16" is not a CIDR: ${R}`,
  ],
  [
    "P9: an exception outside of its block",
    peer({ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }),
    `from[0]: ipBlock.except: 11.0.0.0/16 is not a part of 10.0.0.0/8: ${R}`,
  ],
  [
    "P9: an exception that is all of its block",
    peer({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] } }),
    `from[0]: ipBlock.except: 10.0.0.0/8 is not a part of 10.0.0.0/8: ${R}`,
  ],
  [
    "a protocol that nobody knows",
    port({ protocol: "ICMP" }),
    `ports[0]: "ICMP" is not a protocol (TCP, UDP or SCTP): ${R}`,
  ],
  ["port 0", port({ port: 0 }), `ports[0]: 0 is not a port (1 to 65535): ${R}`],
  ["a port beyond the last", port({ port: 65_536 }), `ports[0]: 65536 is not a port (1 to 65535): ${R}`],
  ["a number in quotes", port({ port: "80" }), `ports[0]: "80" is not the name of a port: ${R}`],
  [
    "a name of a port with nft syntax",
    port({ port: "a}" }),
    `ports[0]: "a}" is not the name of a port: ${R}`,
  ],
  ["endPort before port", port({ port: 80, endPort: 79 }), `ports[0]: endPort 79 is less than port 80: ${R}`],
  [
    "endPort of a name",
    port({ port: "web", endPort: 90 }),
    `ports[0]: endPort without a number as port: ${R}`,
  ],
  ["endPort alone", port({ endPort: 90 }), `ports[0]: endPort without a number as port: ${R}`],
  [
    "a field of a port that nobody knows",
    port({ port: 80, notPort: 81 }),
    `ports[0]: unknown field "notPort": ${R}`,
  ],
];

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

/** Each is wrong beside its rules: which pods it leaves isolated, in (i) and out (o). */
const BROKEN_POLICIES: readonly (readonly [name: string, spec: unknown, isolated: string, claim: string])[] =
  [
    ["no spec is as an empty one: all pods, in", undefined, "a:i b:i", ""],
    ["a spec that is no object isolates the namespace", "junk", "a:io b:io", "spec"],
    [
      "a podSelector that cannot be read isolates the namespace",
      { podSelector: { matchLabels: [] } },
      "a:i b:i",
      "spec.podSelector",
    ],
    [
      "a podSelector with an unknown field isolates the namespace",
      { podSelector: { matchLabel: { pod: "a" } } },
      "a:i b:i",
      "spec.podSelector",
    ],
    ["a spec with an unknown field isolates both ways", { podSelector: A, egres: [] }, "a:io", "spec"],
    [
      "... unless policyTypes says which",
      { podSelector: A, egres: [], policyTypes: ["Ingress"] },
      "a:i",
      "spec",
    ],
    [
      "policyTypes that nobody knows isolate both ways",
      { podSelector: A, policyTypes: ["Ingres"] },
      "a:io",
      "spec.policyTypes",
    ],
    [
      "policyTypes that are no list isolate both ways",
      { podSelector: A, policyTypes: "Ingress" },
      "a:io",
      "spec.policyTypes",
    ],
    ["rules that are no list allow nothing", { podSelector: A, egress: {} }, "a:io", "spec.egress"],
  ];

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
    policyJson(peer({ namespaceSelector: { matchExpressions: [{ key: "bad", operator: "DoesNotExist" }] } })),
  );
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "accept");
  cluster.namespace("y", { "bad key": "x" });
  assert.equal(cluster.verdict("y/a > x/a tcp/80"), "drop");
});

Deno.test("A pod whose labels cannot be read is nobody's peer, and not known", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson(peer({ podSelector: {} })));
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
