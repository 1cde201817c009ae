import assert from "node:assert/strict";
import { keyOf, nodeJson, type NodeWords } from "../../../test/cluster.ts";
import type { Node } from "./node.ts";
import { parseNode } from "./parse_node.ts";
import { settleClaims } from "./settle_claims.ts";

/** A conflict, what each Node owns after it, and who is told what. */
interface Conflict {
  readonly rule: string;
  readonly nodes: readonly NodeWords[];
  readonly owned: Readonly<Record<string, readonly string[]>>;
  readonly told: readonly string[];
  /** False as in FIREWALL_ONLY. Default true. */
  readonly keysNeeded?: boolean;
}

const A = { name: "a", day: 1, key: keyOf(1) };
const B = { name: "b", day: 2, key: keyOf(2) };
const C = { name: "c", day: 3, key: keyOf(3) };

const conflicts: readonly Conflict[] = [
  {
    rule: "Claims that share no address are all believed, neighbours too",
    nodes: [{ ...A, podCIDRs: ["10.1.0.0/24"], internal: ["10.9.1.1"] }, { ...B, podCIDRs: ["10.1.1.0/24"] }],
    owned: { a: ["10.1.0.0/24", "10.9.1.1"], b: ["10.1.1.0/24"] },
    told: [],
  },
  {
    rule: "Of two Nodes with one pod CIDR the older one keeps it",
    nodes: [{ ...A, day: 2, podCIDRs: ["10.1.0.0/24"] }, {
      ...B,
      day: 1,
      podCIDRs: ["10.1.0.0/24", "10.2.0.0/24"],
    }],
    owned: { a: [], b: ["10.1.0.0/24", "10.2.0.0/24"] },
    told: ["a: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of b"],
  },
  {
    rule: "Between Nodes of one age the name decides",
    nodes: [{ ...B, day: 1, podCIDRs: ["10.1.0.0/24"] }, { ...A, day: 1, podCIDRs: ["10.1.0.0/24"] }],
    owned: { a: ["10.1.0.0/24"], b: [] },
    told: ["b: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of a"],
  },
  {
    rule: "A Node without creationTimestamp is newest",
    nodes: [{ name: "a", key: keyOf(1), podCIDRs: ["10.1.0.0/24"] }, { ...B, podCIDRs: ["10.1.0.0/24"] }],
    owned: { a: [], b: ["10.1.0.0/24"] },
    told: ["a: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of b"],
  },
  {
    rule: "What the API server guards wins over an annotation, however old",
    nodes: [{ ...A, said: { podCidrs: ["10.1.0.0/16"] } }, { ...B, podCIDRs: ["10.1.0.0/24"] }],
    owned: { a: [], b: ["10.1.0.0/24"] },
    told: ["a: pod CIDR 10.1.0.0/16: overlaps the pod CIDR 10.1.0.0/24 of b"],
  },
  {
    rule: "A wide pod CIDR of the oldest Node beats the narrow ones in it",
    nodes: [
      { ...A, podCIDRs: ["10.0.0.0/8"] },
      { ...B, podCIDRs: ["10.1.0.0/24"] },
      { ...C, podCIDRs: ["10.1.2.0/25", "172.16.0.0/24"] },
    ],
    owned: { a: ["10.0.0.0/8"], b: [], c: ["172.16.0.0/24"] },
    told: [
      "b: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.0.0.0/8 of a",
      "c: pod CIDR 10.1.2.0/25: overlaps the pod CIDR 10.0.0.0/8 of a",
    ],
  },
  {
    rule: "What a loser claimed is free for the others",
    nodes: [
      { ...A, podCIDRs: ["10.1.0.0/24"] },
      { ...B, podCIDRs: ["10.1.0.0/16"] },
      { ...C, podCIDRs: ["10.1.7.0/24"] },
    ],
    owned: { a: ["10.1.0.0/24"], b: [], c: ["10.1.7.0/24"] },
    told: ["b: pod CIDR 10.1.0.0/16: overlaps the pod CIDR 10.1.0.0/24 of a"],
  },
  {
    rule: "A pod CIDR may not cover the address of an older Node",
    nodes: [{ ...A, internal: ["10.9.1.1"] }, { ...B, podCIDRs: ["10.9.0.0/16"] }],
    owned: { a: ["10.9.1.1"], b: [] },
    told: ["b: pod CIDR 10.9.0.0/16: covers the address 10.9.1.1 of a"],
  },
  {
    rule: "An address may not lie in the pod CIDR of an older Node",
    nodes: [{ ...A, podCIDRs: ["fd01::/64"] }, { ...B, internal: ["fd01::9", "fd09::2"] }],
    owned: { a: ["fd01::/64"], b: ["fd09::2"] },
    told: ["b: address fd01::9: is inside the pod CIDR fd01::/64 of a"],
  },
  {
    rule: "Of two Nodes with one address the older one keeps it",
    nodes: [{ ...A, internal: ["10.9.1.1"] }, { ...B, internal: ["10.9.1.1", "10.9.1.2"] }],
    owned: { a: ["10.9.1.1"], b: ["10.9.1.2"] },
    told: ["b: address 10.9.1.1: is the address 10.9.1.1 of a"],
  },
  {
    rule: "An address by annotation loses to one by status, however old",
    nodes: [{ ...A, said: { nodeIps: ["10.9.1.2"] } }, { ...B, internal: ["10.9.1.2"] }],
    owned: { a: [], b: ["10.9.1.2"] },
    told: ["a: address 10.9.1.2: is the address 10.9.1.2 of b"],
  },
  {
    rule: "A node's own address wins over its own pod CIDR",
    nodes: [{ ...A, podCIDRs: ["10.9.1.0/24", "10.1.0.0/24"], internal: ["10.9.1.1"] }],
    owned: { a: ["10.1.0.0/24", "10.9.1.1"] },
    told: ["a: pod CIDR 10.9.1.0/24: covers the address 10.9.1.1 of the node itself"],
  },
  {
    rule: "A node's own pod CIDRs may overlap: the mesh sees their union",
    nodes: [{ ...A, podCIDRs: ["10.1.0.0/16", "10.1.1.0/24"] }],
    owned: { a: ["10.1.0.0/16", "10.1.1.0/24"] },
    told: [],
  },
  {
    rule:
      "Between claims of equal weight and age one pod CIDR over several nodes' addresses goes last, not they",
    nodes: [
      { ...A, day: 1, podCIDRs: ["10.9.0.0/16"] },
      { ...B, day: 1, internal: ["10.9.1.2"] },
      { ...C, day: 1, internal: ["10.9.1.3"] },
    ],
    owned: { a: [], b: ["10.9.1.2"], c: ["10.9.1.3"] },
    told: ["a: pod CIDR 10.9.0.0/16: covers the address 10.9.1.2 of b"],
  },
  {
    rule: "A younger Node's address does not decide between two of equal age",
    nodes: [
      { ...A, day: 1, podCIDRs: ["10.9.0.0/16"] },
      { ...B, day: 1, internal: ["10.9.1.2"] },
      { ...C, day: 3, said: { nodeIps: ["10.9.1.3"] } },
    ],
    owned: { a: ["10.9.0.0/16"], b: [], c: [] },
    told: [
      "b: address 10.9.1.2: is inside the pod CIDR 10.9.0.0/16 of a",
      "c: address 10.9.1.3: is inside the pod CIDR 10.9.0.0/16 of a",
    ],
  },
  {
    rule: "A Node without a key loses to every Node with one",
    nodes: [{ name: "a", day: 1, podCIDRs: ["10.1.0.0/24"] }, { ...B, said: { podCidrs: ["10.1.0.0/24"] } }],
    owned: { a: [], b: ["10.1.0.0/24"] },
    told: ["a: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of b"],
  },
  {
    rule: "Where there is no tunnel, keys do not matter",
    keysNeeded: false,
    nodes: [{ name: "a", day: 1, podCIDRs: ["10.1.0.0/24"] }, { ...B, podCIDRs: ["10.1.0.0/24"] }],
    owned: { a: ["10.1.0.0/24"], b: [] },
    told: ["b: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of a"],
  },
  {
    rule: "Of two Nodes with one key the older one keeps it, and the other one counts as without",
    nodes: [
      { ...A, podCIDRs: ["10.1.0.0/24"] },
      { ...B, key: A.key, podCIDRs: ["10.2.0.0/24"] },
      { ...C, said: { podCidrs: ["10.2.0.0/24"] } },
    ],
    owned: { a: ["10.1.0.0/24"], b: [], c: ["10.2.0.0/24"] },
    told: [
      `b: public key ${A.key}: a has the same key`,
      "b: pod CIDR 10.2.0.0/24: overlaps the pod CIDR 10.2.0.0/24 of c",
    ],
  },
  {
    rule: "Of two objects with one name the older one is the Node",
    nodes: [{ ...A, day: 2, podCIDRs: ["10.1.0.0/24"] }, { ...A, day: 1, podCIDRs: ["10.2.0.0/24"] }],
    owned: { a: ["10.2.0.0/24"] },
    told: ["a: Node: another, older object has the same name"],
  },
  {
    rule: "Of two objects with one name and age always the same one is the Node",
    nodes: [
      { ...A, podCIDRs: ["10.1.0.0/24"] },
      { ...A, said: { podCidrs: ["10.1.0.0/24"] } },
      { ...B, day: 9, podCIDRs: ["10.1.0.0/24"] },
    ],
    owned: { a: [], b: ["10.1.0.0/24"] },
    told: [
      "a: Node: another, older object has the same name",
      "a: pod CIDR 10.1.0.0/24: overlaps the pod CIDR 10.1.0.0/24 of b",
    ],
  },
];

for (const { rule, nodes, owned, told, keysNeeded = true } of conflicts) {
  Deno.test(rule, () => {
    for (const order of permutations(nodes)) {
      const parsed = order.map((words) => parseNode(nodeJson(words), "nodes").node as Node);
      const settled = settleClaims(parsed, keysNeeded);
      const texts = settled.nodes.map(({ node, podCidrs, addresses }) =>
        [node.name, [...podCidrs, ...addresses].map(({ text }) => text)] as const
      );
      assert.deepEqual(Object.fromEntries(texts), owned);
      assert.deepEqual(
        settled.rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`),
        told,
      );
      const all = Object.values(owned).flat().filter((text) => text.includes("/"));
      assert.deepEqual(settled.podCidrs.map(({ prefix }) => prefix.text).sort(), all.sort());
    }
  });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

Deno.test("A Node of which nothing changed keeps its settled value, so that what hangs on it is kept", () => {
  const parse = (words: NodeWords) => parseNode(nodeJson(words), "nodes").node as Node;
  const [a, b] = [parse({ ...A, podCIDRs: ["10.1.0.0/24"] }), parse({ ...B, podCIDRs: ["10.2.0.0/24"] })];
  const first = settleClaims([a, b], true);
  const second = settleClaims([parse({ ...C, podCIDRs: ["10.3.0.0/24"] }), b, a], true);
  assert.equal(second.nodes[0], first.nodes[0]);
  const older = parse({ ...C, day: 1, podCIDRs: ["10.1.0.0/16"], name: "0" });
  assert.deepEqual(settleClaims([older, a], true).nodes[1]?.podCidrs, []);
  assert.deepEqual(settleClaims([a], true).nodes[0]?.podCidrs, first.nodes[0]?.podCidrs);
});

Deno.test("A next key that another Node has, or says as well, is refused, whoever is older", () => {
  const parse = (words: NodeWords) => parseNode(nodeJson(words), "nodes").node as Node;
  const next = (nodes: readonly NodeWords[]) => {
    const { nodes: settled, rejected } = settleClaims(nodes.map(parse), true);
    return {
      keys: Object.fromEntries(settled.map(({ node, nextKey }) => [node.name, nextKey])),
      told: rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`),
    };
  };
  const [x, y] = [keyOf(91), keyOf(92)];
  const told = (node: string, key: unknown, owner: string) => [
    `${node}: wigglenet/next-key ${key}: ${owner} has the same key`,
  ];
  assert.deepEqual(next([{ ...A, nextKey: x }, { ...B, nextKey: "none" }, { ...C, nextKey: y }]), {
    keys: { a: x, b: undefined, c: y },
    told: [],
  });
  const ofOlder = { ...B, day: 1, nextKey: A.key };
  assert.deepEqual(next([{ ...A, day: 2 }, ofOlder]), {
    keys: { a: undefined, b: undefined },
    told: told("b", A.key, "a"),
  });
  for (const day of [1, 3]) {
    assert.deepEqual(next([{ ...A, nextKey: x, day: 2 }, { ...B, nextKey: x, day }]), {
      keys: { a: undefined, b: undefined },
      told: [...told("a", x, "b"), ...told("b", x, "a")],
    });
  }
  const over = { ...A, key: x, nextKey: x };
  assert.deepEqual(next([over, { ...B, nextKey: x }]), {
    keys: { a: x, b: undefined },
    told: told("b", x, "a"),
  });
  const taken = { ...B, key: x };
  assert.deepEqual(next([{ ...A, nextKey: x }, taken]).keys, { a: undefined, b: undefined });
  assert.deepEqual(next([{ ...A, nextKey: A.key }]), { keys: { a: A.key }, told: [] });
  const { key: _, ...keyless } = A;
  assert.deepEqual(next([{ ...keyless, nextKey: x }]), { keys: { a: undefined }, told: [] });
});

Deno.test("A Node has its key again when the older one with the same key is gone", () => {
  const parse = (words: NodeWords) => parseNode(nodeJson(words), "nodes").node as Node;
  const [a, b] = [parse(A), parse({ ...B, key: A.key })];
  const keyOfB = (nodes: Node[]) => settleClaims(nodes, true).nodes.find(({ node }) => node === b)?.publicKey;
  assert.deepEqual([keyOfB([b]), keyOfB([a, b]), keyOfB([b])], [A.key, undefined, A.key]);
});
