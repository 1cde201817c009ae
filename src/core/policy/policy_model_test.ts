// What the model hands out: changes that follow what changed, names that follow what is in it, and no more than is needed.

import assert from "node:assert/strict";
import { addressesOf, PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { type Address, parseAddress } from "../net/address.ts";
import type { PolicyChange } from "./policy_table.ts";

const A = { matchLabels: { pod: "a" } };
const fromPod = (pod: string) => ({
  podSelector: A,
  ingress: [{ from: [{ podSelector: { matchLabels: { pod } } }] }],
});

const NOTHING: PolicyChange = {
  isGuarded: undefined,
  contents: [],
  sets: [],
  subjects: new Map(),
  goneSubjects: [],
  disowned: [],
  goneContents: [],
  goneSets: [],
};

function taken(...specs: unknown[]): PolicyCluster {
  const cluster = PolicyCluster.ordinary();
  specs.forEach((spec, i) => cluster.policy(policyJson(spec, `p${i}`)));
  cluster.model.takeChange();
  return cluster;
}

Deno.test("What is put again as it was changes nothing", () => {
  const cluster = taken(fromPod("b"));
  cluster.policy(policyJson(fromPod("b"), "p0"));
  cluster.namespace("y", { ns: "y" });
  cluster.pod({ name: "b", ips: addressesOf("x/b"), ports: [{ name: "web", containerPort: 81 }] });
  assert.deepEqual(cluster.model.takeChange(), NOTHING);
});

Deno.test("A pod of another node that comes is one member more of the sets it is in, and nothing else", () => {
  const cluster = taken(fromPod("b"), fromPod("c"));
  const { sets } = cluster.model.desired();
  cluster.pod({ name: "b2", node: "n2", labels: { pod: "b" }, ips: ["10.244.9.1"] });
  const change = cluster.model.takeChange();
  assert.deepEqual(change.sets.map(({ set, isNew, added, deleted }) => [set.about, isNew, added, deleted]), [
    ["ns=x pod{pod=b}", false, ["10.244.9.1"], []],
  ]);
  assert.deepEqual({ ...change, sets: [] }, NOTHING);
  const now = cluster.model.desired().sets;
  const kept = [...sets].filter(([name, { members }]) => now.get(name)?.members === members);
  assert.equal(kept.length, sets.size - 1, "sets that did not change are the same arrays");
});

Deno.test("A member that goes and comes before anybody looks is no change", () => {
  const cluster = taken(fromPod("b"));
  const b = { name: "b", ips: addressesOf("x/b"), ports: [{ name: "web", containerPort: 81 }] };
  cluster.model.removePod("x", "b");
  cluster.pod(b);
  assert.deepEqual(cluster.model.takeChange(), NOTHING);
});

Deno.test("A policy that selects no pod of this node costs nothing and needs nobody", () => {
  const cluster = taken(fromPod("b"));
  cluster.policy(
    policyJson({
      podSelector: { matchLabels: { pod: "far" } },
      ingress: [{ from: [{ namespaceSelector: {} }] }],
    }),
  );
  assert.deepEqual(cluster.model.takeChange(), NOTHING);
  assert.deepEqual(cluster.model.needs(), { namespaces: false, pods: new Set(["x"]) });
});

Deno.test("Pods of other nodes are needed only where a peer may mean them", () => {
  const needs = (...peers: unknown[]) =>
    taken({
      podSelector: A,
      ingress: [{ from: peers.length === 0 ? undefined : peers, ports: [{ port: 1 }] }],
    }).model.needs();
  assert.deepEqual(needs(), { namespaces: false, pods: new Set() });
  assert.deepEqual(needs({ ipBlock: { cidr: "10.0.0.0/8" } }), { namespaces: false, pods: new Set() });
  assert.deepEqual(needs({ podSelector: {} }), { namespaces: false, pods: new Set(["x"]) });
  assert.deepEqual(needs({ namespaceSelector: A }), { namespaces: true, pods: "all" });
});

Deno.test("What nobody is bound to any more goes in one change with the bindings, its sets too", () => {
  const cluster = taken(fromPod("b"));
  const { contents, sets } = cluster.model.desired();
  cluster.policy(policyJson(fromPod("c"), "p0"));
  const change = cluster.model.takeChange();
  assert.deepEqual(change.goneContents, [...contents.keys()]);
  assert.deepEqual(change.goneSets, [...sets.keys()]);
  assert.equal(change.contents.length, 2);
  assert.deepEqual([...change.subjects.keys()], addressesOf("x/a"));
  assert.deepEqual(change.disowned, []);
});

Deno.test("Names follow what is in a content: not the policy's name, nor the order of rules, peers and ports", () => {
  const rules = [
    {
      from: [{ podSelector: A }, { namespaceSelector: A }],
      ports: [{ port: 80 }, { port: 90, endPort: 95 }],
    },
    { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }, { ipBlock: { cidr: "192.168.0.0/16" } }] },
  ];
  const mirrored = rules.map(({ from, ports }) => ({ from: from.toReversed(), ports: ports?.toReversed() }));
  const names = (
    ingress: unknown[],
  ) => [...taken({ podSelector: A, ingress }).model.desired().contents.keys()];
  assert.deepEqual(names(rules), names(mirrored.toReversed()));
  const split = taken(...rules.map((rule) => ({ podSelector: A, ingress: [rule] })));
  assert.deepEqual([...split.model.desired().contents.keys()], names(rules));
});

Deno.test("Ports that say no more than a rule without ports make no segment", () => {
  const cluster = taken({
    podSelector: A,
    ingress: [{ from: [{ podSelector: A }] }, {
      from: [{ podSelector: A }],
      ports: [{ port: 80 }, { port: 443 }],
    }],
  });
  const segments = [...cluster.model.desired().contents.values()].map((content) => content.segments);
  assert.deepEqual(segments, [[], []]);
});

Deno.test("Equal peers of policies in two namespaces are two sets: each means pods of its own", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson(fromPod("b")));
  cluster.policy(policyJson(fromPod("b"), "policy", "y"));
  const { sets } = cluster.model.desired();
  assert.deepEqual([...sets.values()].map(({ about }) => about).sort(), [
    ...["ns=x pod{pod=b}", "ns=x pod{pod=b}"],
    ...["ns=y pod{pod=b}", "ns=y pod{pod=b}"],
  ]);
});

Deno.test("More than four peers of one list share a set, so that a look-up costs the same for a hundred", () => {
  const from = Array.from({ length: 100 }, (_, i) => ({ podSelector: { matchLabels: { pod: `p${i}` } } }));
  const cluster = taken({ podSelector: A, ingress: [{ from: [...from, { podSelector: A }] }] });
  const { contents, sets } = cluster.model.desired();
  assert.deepEqual([...contents.values()].map(({ leaves }) => leaves.map((it) => it.length)), [[1], [1]]);
  assert.equal(sets.size, 2);
  assert.equal(cluster.verdict("x/a > x/a tcp/80"), "accept");
});

Deno.test("A policy of a megabyte whose ranges lie within one another is closed and told, and others are as they were", () => {
  const peers = (i: number) => [{ ipBlock: { cidr: `10.${i >> 8}.${i & 255}.0/24` } }];
  const ingress = Array.from(
    { length: 6000 },
    (_, i) => ({ from: peers(i), ports: [{ port: i + 1, endPort: 40_000 - i }] }),
  );
  const cluster = taken({ podSelector: A, ingress }, {
    podSelector: { matchLabels: { pod: "b" } },
    ingress: [{}],
  });
  assert.equal(cluster.verdict("10.0.0.1 > x/a tcp/9000"), "drop");
  assert.equal(cluster.verdict("10.0.0.1 > x/b tcp/9000"), "accept");
  assert.deepEqual(cluster.model.rejected().map(({ name, claim, reason }) => [name, claim, reason]), [
    [
      "p0",
      "spec.ingress",
      "too many peers on too many overlapping ports: nothing is allowed to the pods that it selects",
    ],
  ]);
  cluster.model.removePolicy("x", "p0");
  assert.deepEqual(cluster.model.rejected(), []);
});

Deno.test("What is allowed to every address is open, and needs no place in the kernel", () => {
  const blocks = ["0.0.0.0/1", "128.0.0.0/1", "::/0"].map((cidr) => ({ ipBlock: { cidr } }));
  const { contents, subjects } = taken({ podSelector: A, ingress: [{ from: blocks }] }).model.desired();
  assert.equal(contents.size, 0);
  assert.deepEqual(subjects.get(addressesOf("x/a")[0]), { ingress: undefined, egress: undefined });
});

Deno.test("A verdict is told with its pods, set, policies and rules", () => {
  const cluster = taken({ podSelector: {} }, fromPod("b"));
  const explain = (line: string) => {
    const [source, destination] = line.split(" > ") as [string, string];
    const [from, to] = [addressesOf(source)[0], addressesOf(destination)[0]];
    const { subjects, sets } = cluster.model.desired();
    const { verdict, reasons } = cluster.model.explain({ ...flowOf(from, to), protocol: "tcp", port: 80 });
    assert.equal(reasons[1]?.content, subjects.get(to)?.ingress);
    return [
      verdict,
      ...reasons.map((
        { pod, set, isolating, allowing },
      ) => [pod, set && sets.get(set)!.about, isolating, allowing]),
    ];
  };
  assert.deepEqual(explain("x/b > x/a"), [
    "accept",
    ["x/b", undefined, [], []],
    ["x/a", "ns=x pod{pod=b}", ["x/p0", "x/p1"], ["x/p1 spec.ingress[0]"]],
  ]);
  assert.deepEqual(explain("x/c > x/a"), ["drop", ["x/c", undefined, [], []], ["x/a", undefined, [
    "x/p0",
    "x/p1",
  ], []]]);
  assert.deepEqual(
    cluster.model.policiesByContent().get(
      cluster.model.desired().subjects.get(addressesOf("x/a")[0])!.ingress!,
    ),
    ["x/p0", "x/p1"],
  );
});

function flowOf(from: string, to: string) {
  const read = (text: string) => parseAddress(text) as Address;
  return { source: read(from), destination: read(to) };
}
