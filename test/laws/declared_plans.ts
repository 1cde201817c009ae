// Random plans: a few nodes in a few plans over narrow ranges of ports, with links of one direction, unknown nodes, NAT, and
// plans that nobody can read.

import fc from "fast-check";
import type { NetworkPlan } from "../../src/core/declared/declared_object.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";

/** Some are too long for an interface's name, some have dots. */
export const NODE_NAMES = ["a", "b", "c", "lax1", "node-4.example.org", "a-long-name", "a-long-name-2"];

const address = fc.oneof(
  fc.record({ family: fc.constant("inet"), local: fc.nat({ max: 9 }).map((i) => `10.4.0.${i + 1}`) }),
  fc.record({
    family: fc.constant("inet6"),
    local: fc.nat({ max: 9 }).map((i) => `fd00:4::${i + 1}`),
    prefixlen: fc.constantFrom(64, 128),
  }),
  fc.record({ family: fc.constant("inet6"), local: fc.nat({ max: 9 }).map((i) => `fe80::${i + 1}`) }),
);

const range = fc.record({ start: fc.constantFrom(100, 102), size: fc.integer({ min: 2, max: 40 }) })
  .map(({ start, size }) => ({ start, end: start + size }));

const underlay = fc.option(
  fc.record({ hostname: fc.constantFrom("10.0.0.1", "gw.example.org"), portRange: fc.option(range) }),
  { freq: 4 },
);

const node = fc.record({
  nodeName: fc.constantFrom(...NODE_NAMES),
  underlay,
  addresses: fc.array(address, { maxLength: 4 }),
});

const end = fc.record({
  nodeName: fc.constantFrom(...NODE_NAMES),
  addresses: fc.array(address, { maxLength: 2 }),
  overrideAddresses: fc.boolean(),
});

const toNodes = fc.uniqueArray(end, { selector: ({ nodeName }) => nodeName, maxLength: NODE_NAMES.length });

/** One that the schema takes. */
export const plan = fc.record({
  name: fc.constantFrom("p1", "p2", "p3", "p4"),
  createdYear: fc.constantFrom(undefined, "2020", "2021"),
  nodes: fc.uniqueArray(node, { selector: ({ nodeName }) => nodeName, minLength: 1 }),
  links: fc.uniqueArray(fc.record({ fromNode: fc.constantFrom(...NODE_NAMES), toNodes }), {
    selector: ({ fromNode }) => fromNode,
    maxLength: NODE_NAMES.length,
    minLength: 3,
  }),
  defaultPortRange: range,
}).map(({ name, createdYear, links, ...spec }): ObjectJson => {
  const apart = links.map(({ fromNode, toNodes }) => ({
    fromNode,
    toNodes: toNodes.filter(({ nodeName }) => nodeName !== fromNode),
  }));
  const object = declared("WireGuardNetworkPlan", name, { ...spec, links: apart });
  if (createdYear === undefined) return object;
  const metadata = { name, creationTimestamp: `${createdYear}-01-01T00:00:00Z` };
  return { ...object, metadata };
});

/** Each name once. */
export const plans = fc.uniqueArray(plan, { selector: ({ metadata }) => metadata.name, maxLength: 4 });

/** Those that can be read. */
export function read(objects: readonly unknown[]): NetworkPlan[] {
  return objects.flatMap((json) => {
    const { object } = parseDeclared("WireGuardNetworkPlan", json, "a.yaml");
    return object === undefined ? [] : object as NetworkPlan;
  });
}
