import assert from "node:assert/strict";
import { declared, type ObjectJson, PLAN } from "../../../../test/declared/walk_through.ts";
import type { NetworkPlan } from "../declared_object.ts";
import { parseDeclared } from "../parse_declared.ts";
import { expandPlans } from "./expand_plans.ts";
import { linkName } from "./link_name.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=";

function planOf(json: ObjectJson, creationTimestamp?: string): NetworkPlan {
  const dated = { ...json, metadata: { ...json.metadata, creationTimestamp } };
  const { object, rejected } = parseDeclared("WireGuardNetworkPlan", dated, "a.yaml");
  assert.equal(rejected, undefined);
  return object as NetworkPlan;
}

interface Pair {
  readonly name?: string;
  readonly a?: Record<string, unknown>;
  readonly b?: Record<string, unknown>;
  readonly ab?: Record<string, unknown>;
  readonly ba?: Record<string, unknown>;
}

/** Two nodes with a link, and what they have beside that. */
function pair({ name = "p", a = {}, b = {}, ab = {}, ba = {} }: Pair): ObjectJson {
  return declared("WireGuardNetworkPlan", name, {
    nodes: [
      { nodeName: "a", underlay: { hostname: "10.0.0.1" }, ...a },
      { nodeName: "b", underlay: { hostname: "b.example.org" }, ...b },
    ],
    links: [
      { fromNode: "a", toNodes: [{ nodeName: "b", ...ab }] },
      { fromNode: "b", toNodes: [{ nodeName: "a", ...ba }] },
    ],
  });
}

function addresses(json: ObjectJson, node: string): string[] {
  return expandPlans([planOf(json)], node).interfaces[0]!.addresses.map(({ text }) => text);
}

Deno.test("The walk-through's plan is one interface on each node, with the names and addresses of the seed", () => {
  const plan = planOf(PLAN);
  const [one, two] = ["lax1", "lax2"].map((node) => expandPlans([plan], node));
  assert.deepEqual([one!.rejected, two!.rejected], [[], []]);
  const [first, second] = [one!.interfaces[0]!, two!.interfaces[0]!];
  assert.equal(first.interfaceName, "wg-lax1-lax2-0");
  assert.equal(second.interfaceName, "wg-lax2-lax1-0");
  assert.deepEqual(first.addresses.map(({ text }) => text), ["10.4.0.1 peer 10.4.0.2/32"]);
  assert.deepEqual(second.addresses.map(({ text }) => text), [
    "10.4.0.2 peer 10.4.0.1/32",
    "fd00:4::2/64 noprefixroute",
  ]);
  assert.deepEqual([first.mtuBytes, second.mtuBytes], [1420, 1400]);
  assert.ok(first.listenPort >= 51_000 && first.listenPort <= 51_099, String(first.listenPort));
  assert.ok(second.listenPort >= 25_000 && second.listenPort <= 25_999, String(second.listenPort));
});

Deno.test("Names and ports are these for ever: another would cut links while nodes are upgraded one by one", () => {
  const { interfaces: [a] } = expandPlans([planOf(pair({}))], "a");
  const { interfaces: [b] } = expandPlans([planOf(pair({}))], "b");
  assert.deepEqual([a!.interfaceName, a!.listenPort], ["wg-a-b-0", 28_753]);
  assert.deepEqual([b!.interfaceName, b!.listenPort], ["wg-b-a-0", 28_017]);
  assert.equal(linkName("node-1.example.org", "node-2.example.org"), "wg-x4plvwqggjrm");
});

Deno.test("A node that is no part of any plan has nothing of them", () => {
  assert.deepEqual(expandPlans([planOf(PLAN)], "c"), { interfaces: [], rejected: [] });
});

Deno.test("A node behind NAT has no endpoint, and keeps the way open; the other waits for it", () => {
  const plan = planOf(pair({ b: { underlay: null, publicKey: KEY } }));
  const { peer } = expandPlans([plan], "a").interfaces[0]!;
  assert.deepEqual(peer, { publicKey: KEY, endpoint: undefined, keepaliveSeconds: 0 });
  const { peer: back } = expandPlans([plan], "b").interfaces[0]!;
  assert.equal(back.keepaliveSeconds, 25);
  assert.equal(back.endpoint!.port, expandPlans([plan], "a").interfaces[0]!.listenPort);
});

Deno.test("An address that stands alone faces the other's of its family at the same place", () => {
  const said = pair({
    a: { addresses: [inet("10.4.0.1"), inet6("fd00::1"), inet("10.5.0.1")] },
    b: { addresses: [inet6("fd00::2"), inet("10.4.0.2")] },
  });
  assert.deepEqual(addresses(said, "a"), [
    "10.4.0.1 peer 10.4.0.2/32",
    "fd00::1 peer fd00::2/128",
    "10.5.0.1/32",
  ]);
  assert.deepEqual(addresses(said, "b"), ["fd00::2 peer fd00::1/128", "10.4.0.2 peer 10.4.0.1/32"]);
});

Deno.test("An address with a peer or a length of its own stands as it is said", () => {
  const said = pair({
    a: {
      addresses: [{ ...inet("10.4.0.1"), prefixlen: 24 }, {
        ...inet6("fe80::1"),
        peer: "fe80::2",
        prefixlen: 64,
      }],
    },
    b: { addresses: [inet("10.4.0.2")] },
  });
  assert.deepEqual(addresses(said, "a"), ["10.4.0.1/24", "fe80::1 peer fe80::2/64"]);
  assert.deepEqual(addresses(said, "b"), ["10.4.0.2/32"]);
});

Deno.test("Both ends of a link may have one link-local address", () => {
  const said = { addresses: [{ ...inet6("fe80::1"), prefixlen: 64 }] };
  assert.deepEqual(addresses(pair({ a: said, b: said }), "b"), ["fe80::1/64"]);
});

Deno.test("Addresses of a link are added to those of its node, or stand in their place", () => {
  const a = { addresses: [inet("10.4.0.1")] };
  const added = pair({ a, ab: { addresses: [inet("10.6.0.1")] } });
  assert.deepEqual(addresses(added, "a"), ["10.4.0.1/32", "10.6.0.1/32"]);
  const instead = pair({ a, ab: { addresses: [inet("10.6.0.1")], overrideAddresses: true } });
  assert.deepEqual(addresses(instead, "a"), ["10.6.0.1/32"]);
});

const ODD_LINKS: readonly [string, ObjectJson, string][] = [
  [
    "A link of one direction",
    declared("WireGuardNetworkPlan", "p", {
      nodes: [{ nodeName: "a", underlay: { hostname: "10.0.0.1" } }, { nodeName: "b" }],
      links: [{ fromNode: "a", toNodes: [{ nodeName: "b" }] }],
    }),
    "link a to b: b does not declare it: a link stands where both of its nodes do",
  ],
  [
    "A link to a node that the plan does not have",
    declared("WireGuardNetworkPlan", "p", {
      nodes: [{ nodeName: "a" }],
      links: [{ fromNode: "a", toNodes: [{ nodeName: "b" }] }],
    }),
    "link a to b: the plan has no node b",
  ],
  [
    "A link from a node that the plan does not have",
    declared("WireGuardNetworkPlan", "p", {
      nodes: [{ nodeName: "a" }],
      links: [{ fromNode: "b", toNodes: [{ nodeName: "a" }] }],
    }),
    "link b to a: the plan has no node b",
  ],
  [
    "A link between two nodes behind NAT",
    pair({ a: { underlay: null }, b: { underlay: null } }),
    "link a to b: neither has an underlay: nobody could speak first",
  ],
  [
    "A link whose ends have one address",
    pair({ a: { addresses: [inet("10.4.0.1")] }, ba: { addresses: [inet("10.4.0.1")] } }),
    "link a to b: both of its ends have 10.4.0.1: each would speak to itself",
  ],
  [
    "The second link of a node with one port",
    declared("WireGuardNetworkPlan", "p", {
      defaultPortRange: { start: 7, end: 7 },
      nodes: ["c", "b", "a"].map((nodeName) => ({ nodeName, underlay: { hostname: "10.0.0.1" } })),
      links: [
        { fromNode: "a", toNodes: [{ nodeName: "b" }, { nodeName: "c" }] },
        ...["b", "c"].map((fromNode) => ({ fromNode, toNodes: [{ nodeName: "a" }] })),
      ],
    }),
    "link a to b: no port is left for it in 7 to 7 of a",
  ],
];

for (const [what, json, told] of ODD_LINKS) {
  Deno.test(`${what} is none, and is told with its reason`, () => {
    const { interfaces, rejected } = expandPlans([planOf(json)], "a");
    const told0 = rejected.map(({ claim, reason }) => `${claim}: ${reason}`)[0];
    assert.equal(told0, told);
    assert.deepEqual(interfaces.map(({ to }) => to).filter((to) => told.includes(`to ${to}:`)), []);
    assert.deepEqual(expandPlans([planOf(json)], "z").rejected, []);
  });
}

Deno.test("A younger plan makes way for an older one's ports", () => {
  const narrow = { underlay: { hostname: "10.0.0.1", portRange: { start: 7, end: 8 } } };
  const older = planOf(pair({ name: "z", a: narrow }), "2020-01-01T00:00:00Z");
  const younger = planOf(pair({ name: "a", a: narrow }), "2021-01-01T00:00:00Z");
  const alone = expandPlans([older], "a").interfaces[0]!.listenPort;
  const both = expandPlans([younger, older], "a").interfaces.map((
    { plan, listenPort },
  ) => [plan.name, listenPort]);
  assert.deepEqual(both, [["z", alone], ["a", 15 - alone]]);
});

function inet(local: string): Record<string, unknown> {
  return { family: "inet", local };
}

function inet6(local: string): Record<string, unknown> {
  return { family: "inet6", local };
}

Deno.test("A port of the pod network is no link's, on either end", () => {
  const range = { defaultPortRange: { start: 100, end: 102 } };
  const plan = planOf({ ...pair({}), spec: { ...pair({}).spec, ...range } });
  for (const reserved of [[100, 101], [101, 102], [100, 102]]) {
    const [free] = [100, 101, 102].filter((port) => !reserved.includes(port));
    const [here] = expandPlans([plan], "a", reserved).interfaces;
    assert.deepEqual([here!.listenPort, here!.peer.endpoint!.port], [free, free]);
  }
});
