import assert from "node:assert/strict";
import { keyOf, type NodeWords } from "../../../test/cluster.ts";
import { annotated, parse, refusals, SOURCE, textsOf } from "../../../test/parsed_node.ts";
import { ANNOTATION, type NodeName } from "./node.ts";
import { parseNode, parseNodeName } from "./parse_node.ts";

const WHOLE: NodeWords = {
  name: "n1",
  day: 1,
  key: keyOf(1),
  podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"],
  internal: ["10.9.1.1", "fd09::1"],
};

Deno.test("A whole Node is read without a word", () => {
  const parsed = parse(WHOLE);
  assert.deepEqual(parsed.rejected, []);
  assert.equal(parsed.node?.name, "n1");
  assert.equal(parsed.node?.createdMs, Date.UTC(2026, 0, 1));
  assert.equal(parsed.node?.publicKey, keyOf(1));
  assert.deepEqual(textsOf(parsed), {
    podCidrs: ["10.244.1.0/24 by spec", "fd00:10:244:1::/64 by spec"],
    addresses: ["10.9.1.1 by status", "fd09::1 by status"],
  });
});

Deno.test("A Node without anything but a name is a Node that claims nothing", () => {
  for (
    const json of [{ metadata: { name: "n1" } }, { metadata: { name: "n1", annotations: null }, spec: 1 }]
  ) {
    const { node, rejected } = parseNode(json, SOURCE);
    assert.deepEqual(rejected, []);
    assert.deepEqual(node, {
      name: "n1",
      createdMs: Infinity,
      publicKey: undefined,
      podCidrs: [],
      assignedPodCidrs: [],
      addresses: [],
      endpoint: undefined,
      keepaliveSeconds: undefined,
    });
  }
});

Deno.test("What has no name is rejected by the name of its file", () => {
  for (const json of [null, undefined, 1, "n1", [], {}, { metadata: [] }, { metadata: { name: null } }]) {
    assert.deepEqual(parseNode(json, SOURCE), {
      node: undefined,
      rejected: [{ node: SOURCE, claim: "Node", reason: "the object has no metadata.name" }],
    });
  }
});

const names: readonly [what: string, name: unknown][] = [
  ["a shell's command", "$(reboot)"],
  ["a shell's separator", "n1;reboot"],
  ["a backquote", "`reboot`"],
  ["an nft block", "n1 } add rule inet wigglenet forward accept {"],
  ["an nft comment", "n1#"],
  ["a quote", 'n1"'],
  ["a line feed", "n1\n[Peer]"],
  ["a line feed at the end", "n1\n"],
  ["a path", "../n1"],
  ["a NUL", "n1\0"],
  ["a capital", "N1"],
  ["an underscore", "n_1"],
  ["a leading dash", "-n1"],
  ["a trailing dash", "n1-"],
  ["an empty label", "n1..a"],
  ["the empty text", ""],
  ["254 characters", "a".repeat(254)],
  ["a megabyte", "a".repeat(1 << 20)],
  ["another script", "n１"],
  ["a number", 1],
  ["a list", ["n1"]],
];

for (const [what, name] of names) {
  Deno.test(`A node name may not hold ${what}`, () => {
    const { node, rejected } = parse({ ...WHOLE, name });
    assert.equal(node, undefined);
    assert.equal(rejected.length, 1);
    assert.equal(rejected[0]!.node, SOURCE);
    assert.match(rejected[0]!.reason, /^[ -~]{1,150} is not a node name \(a DNS-1123 subdomain\)$/);
  });
}

Deno.test("A node name is any DNS-1123 subdomain", () => {
  for (const name of ["n1", "1", "a-b", "ip-10-0-0-1.eu-west-1.compute.internal", "a".repeat(253)]) {
    assert.equal(parseNodeName(name), name);
  }
});

const keys: readonly [key: unknown, reason: string][] = [
  ["", '"" is not a WireGuard public key (base64 of 32 bytes)'],
  [`${keyOf(1)}\n`, `"${keyOf(1)}\\n" is not a WireGuard public key (base64 of 32 bytes)`],
  [keyOf(1).slice(0, 43), `"${keyOf(1).slice(0, 43)}" is not a WireGuard public key (base64 of 32 bytes)`],
  [7, "7 is not a WireGuard public key (base64 of 32 bytes)"],
  [`${"A".repeat(43)}=`, "the public key is all zeros"],
];

for (const [key, reason] of keys) {
  Deno.test(`A bad key is refused, and the Node stays without one: ${reason}`, () => {
    const parsed = parse({ ...WHOLE, key });
    assert.equal(parsed.node?.publicKey, undefined);
    assert.deepEqual(refusals(parsed), [`n1: public key: ${reason}`]);
    assert.equal(parsed.node?.podCidrs.length, 2);
  });
}

Deno.test("Unknown keys are ignored, those named wigglenet/* too", () => {
  const odd = {
    "wigglenet/unknown": "[",
    "wigglenet/pod-cidr": "x",
    ["__proto__"]: { [ANNOTATION.publicKey]: "x" },
  };
  assert.deepEqual(annotated(odd).rejected, []);
});

Deno.test("__proto__ in a Node is a key like any other", () => {
  const json = JSON.parse(
    `{"__proto__": {"metadata": {"name": "evil"}}, "metadata": {"name": "n1", "__proto__": {"annotations":
     {"${ANNOTATION.publicKey}": "x"}}}, "spec": {"__proto__": {"podCIDRs": ["10.0.0.0/8"]}}}`,
  );
  const { node, rejected } = parseNode(json, SOURCE);
  assert.deepEqual([node?.name, node?.podCidrs, rejected], ["n1", [], []]);
  assert.equal(({} as Record<string, unknown>).podCIDRs, undefined);
});

Deno.test("Labels and annotations are kept of the one Node that is described, as far as they are texts", () => {
  const json = {
    metadata: {
      name: "n1",
      labels: { zone: "a", index: 7, none: null, odd: {} },
      annotations: { "example.com/x": "y" },
    },
  };
  assert.deepEqual(parseNode(json, SOURCE, "n1" as NodeName).node?.metadata, {
    name: "n1",
    labels: { zone: "a", index: "7" },
    annotations: { "example.com/x": "y" },
  });
  assert.equal("metadata" in parseNode(json, SOURCE, "n2" as NodeName).node!, false);
  assert.equal("metadata" in parseNode(json, SOURCE).node!, false);
  const odd = { metadata: { name: "n1", labels: ["a"], annotations: "b" } };
  const { labels, annotations } = parseNode(odd, SOURCE, "n1" as NodeName).node!.metadata!;
  assert.deepEqual([labels, annotations], [{}, {}]);
});

const timestamps: readonly [text: unknown, createdMs: number][] = [
  ["2026-01-02T03:04:05Z", Date.UTC(2026, 0, 2, 3, 4, 5)],
  ["2026-01-02T03:04:05.678901Z", Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
  ["2026-01-02T03:04:05+02:00", Date.UTC(2026, 0, 2, 1, 4, 5)],
  [undefined, Infinity],
  [null, Infinity],
  ["", Infinity],
  ["yesterday", Infinity],
  ["2026-13-02T03:04:05Z", Infinity],
  // Read in the zone of the host, if at all: two nodes would not agree.
  ["2026-01-02T03:04:05", Infinity],
  ["Jan 2 2026", Infinity],
  ["1", Infinity],
  [0, Infinity],
  [{}, Infinity],
];

for (const [text, createdMs] of timestamps) {
  Deno.test(`A Node of ${JSON.stringify(text)} is ${createdMs === Infinity ? "newest" : `of ${createdMs}`}`, () => {
    const { node, rejected } = parseNode({ metadata: { name: "n1", creationTimestamp: text } }, SOURCE);
    assert.deepEqual([node?.createdMs, rejected], [createdMs, []]);
  });
}

Deno.test("A refusal is one short line of printable ASCII, whatever was claimed", () => {
  const evil = '\u001b[2J"; }\nadd rule inet x y accept\r\u202e' + "x".repeat(1 << 20);
  const parsed = parse({
    ...WHOLE,
    key: evil,
    podCIDRs: [evil],
    internal: [evil],
    said: { nodeIps: [evil] },
  });
  assert.equal(parsed.rejected.length, 3 + 1);
  for (const line of refusals(parsed)) assert.match(line, /^[ -~]{1,300}$/);
});
