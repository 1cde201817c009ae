// NetworkPolicies that cannot be believed as they are: what of them is told is in src/core/policy, what becomes of packets in
// test/packet.

const A = { matchLabels: { pod: "a" } };
const rule = (ingress: unknown) => ({ podSelector: A, ingress: [ingress] });
const peer = (from: unknown) => rule({ from: [from] });
const port = (ports: unknown) => rule({ ports: [ports] });
const R = "the rule allows nothing";

/** Each is a policy for pods labelled `pod: a`, of which one rule of ingress cannot be believed; with the reason that is told. */
export const BROKEN_RULES: readonly (readonly [name: string, spec: unknown, reason: string])[] = [
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

/** Each is wrong beside its rules: which pods it leaves isolated, in (i) and out (o). */
export const BROKEN_POLICIES:
  readonly (readonly [name: string, spec: unknown, isolated: string, claim: string])[] = [
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

/** A megabyte of JSON that asks for the square of its rules: none of their port ranges is apart from any other. */
export function squareIngress(): unknown[] {
  const rules = Array.from({ length: 9_000 }, (_, i) => ({
    from: [{ podSelector: { matchLabels: { [`label-of-some-length-${i}`]: "value" } } }],
    ports: [{ port: 1 + i, endPort: 20_000 + i }],
  }));
  const { length } = JSON.stringify(rules);
  if (length < 1e6) throw new Error(`${length} bytes`);
  return rules;
}
