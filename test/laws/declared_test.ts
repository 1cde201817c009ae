// Laws of declared networks: what all nodes compute of the same plans fits together, and what comes moves nothing that is there.

import assert from "node:assert/strict";
import fc from "fast-check";
import { expandPlans, type PlanInterface } from "../../src/core/declared/expand/expand_plans.ts";
import type { NetworkPlan } from "../../src/core/declared/declared_object.ts";
import { NO_INTERFACES } from "../../src/core/declared/observed/observed_interfaces.ts";
import { diffDeclared } from "../../src/core/declared/plan/diff_declared.ts";
import { nodeStatus } from "../../src/core/declared/status/node_status.ts";
import { reportOf } from "../../src/core/declared/status/report.ts";
import { wantInterfaces } from "../../src/core/declared/want/want_interfaces.ts";
import { MOMENT } from "../declared/moment.ts";
import type { ObjectJson } from "../declared/walk_through.ts";
import { NODE_NAMES, plan, plans, read } from "./declared_plans.ts";

/** Of all nodes, by `PLAN FROM TO`. */
function allInterfaces(objects: readonly unknown[]): Map<string, PlanInterface> {
  const known = read(objects);
  return new Map(
    NODE_NAMES.flatMap((from) =>
      expandPlans(known, from).interfaces.map((it) => [`${it.plan.name} ${from} ${it.to}`, it] as const)
    ),
  );
}

/** Without the plan that it is of. */
function shown({ plan: _, ...rest }: PlanInterface): Omit<PlanInterface, "plan"> {
  return rest;
}

const shuffled = plans.chain((all) =>
  fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }))
);

Deno.test("Plans in another order, with their links in another order, expand alike", () => {
  fc.assert(
    fc.property(shuffled, ([all, other]) => {
      const turned = other.map(({ spec, ...rest }) => ({
        ...rest,
        spec: { ...spec, links: turn(spec.links).map((link) => ({ ...link, toNodes: turn(link.toNodes) })) },
      }));
      const [known, turnedKnown] = [read(all), read(turned)];
      for (const name of NODE_NAMES) {
        const [one, two] = [expandPlans(known, name), expandPlans(turnedKnown, name)];
        assert.deepEqual(two.interfaces.map(shown), one.interfaces.map(shown));
        const told = ({ rejected }: typeof one) => rejected.map((it) => JSON.stringify(it)).sort();
        assert.deepEqual(told(two), told(one));
      }
    }),
    { numRuns: 300 },
  );
});

// deno-lint-ignore no-explicit-any -- JSON
function turn(list: any): any[] {
  return [...list].reverse();
}

Deno.test("Both ends of a link agree: each is there with the other, sends where it listens, and faces its addresses", () => {
  let links = 0;
  fc.assert(
    fc.property(plans, (all) => {
      const interfaces = allInterfaces(all);
      for (const [key, here] of interfaces) {
        const [name, from, to] = key.split(" ");
        const there = interfaces.get(`${name} ${to} ${from}`);
        assert.ok(there, `${key} has no other end`);
        if (here.peer.endpoint !== undefined) assert.equal(here.peer.endpoint.port, there.listenPort);
        assert.ok(here.peer.endpoint !== undefined || there.peer.endpoint !== undefined);
        assert.equal(here.peer.keepaliveSeconds > 0, there.peer.endpoint === undefined);
        for (const { text } of here.addresses) {
          const [local, peer] = text.split(" peer ");
          if (peer === undefined) continue;
          const back = `${peer.split("/")[0]} peer ${local}/${peer.split("/")[1]}`;
          assert.ok(there.addresses.some((address) => address.text === back), `${text} faces nothing`);
        }
        links++;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(links > 500, `only ${links} ends were seen`);
});

Deno.test("A node that is appended changes no port, name or address between the others", () => {
  fc.assert(
    fc.property(plan, fc.boolean(), (object, isNat) => {
      const { spec } = object as unknown as { spec: { nodes: Record<string, unknown>[]; links: LinkJson[] } };
      const isNew = ({ nodeName }: { nodeName?: unknown }) => nodeName === NODE_NAMES[0];
      const before = {
        ...object,
        spec: {
          ...spec,
          nodes: [{ nodeName: "z" }, ...spec.nodes.filter((it) => !isNew(it))],
          links: spec.links.filter(({ fromNode }) => fromNode !== NODE_NAMES[0]),
        },
      };
      const grown = { nodeName: NODE_NAMES[0], underlay: isNat ? null : { hostname: "10.0.0.9" } };
      const after = { ...before, spec: { ...spec, nodes: [...before.spec.nodes, grown] } };
      const [one, two] = [allInterfaces([before]), allInterfaces([after])];
      for (const [key, was] of one) assert.deepEqual(shown(two.get(key)!), shown(was), key);
    }),
    { numRuns: 300 },
  );
});

interface LinkJson {
  readonly fromNode: string;
}

Deno.test("No two interfaces of a node share a port, whatever plans there are", () => {
  fc.assert(
    fc.property(plans, (all) => {
      const known = read(all);
      for (const name of NODE_NAMES) {
        const { interfaces } = expandPlans(known, name);
        const ports = interfaces.map(({ listenPort }) => listenPort);
        assert.equal(new Set(ports).size, ports.length, `${name}: ${ports}`);
        for (const it of known) {
          const names = interfaces.filter(({ plan }) => plan.name === it.name).map((own) =>
            own.interfaceName
          );
          assert.equal(new Set(names).size, names.length, `${name}: ${names}`);
          assert.ok(names.every((text) => /^[a-z0-9-]{1,15}$/.test(text)));
        }
      }
    }),
    { numRuns: 300 },
  );
});

const hostile = fc.oneof(
  plan.map((object): unknown => ({ ...object, metadata: { name: "zz" } })),
  fc.tuple(plan, fc.constantFrom("nodes", "links", "defaultPortRange"), fc.jsonValue()).map(
    ([object, field, junk]) => ({ ...object, spec: { ...(object as ObjectJson).spec, [field]: junk } }),
  ),
  fc.jsonValue(),
);

Deno.test("A plan that comes, readable or not, changes nothing of those that are older", () => {
  fc.assert(
    fc.property(plans, hostile, (all, comer) => {
      const dated = all.map((object) => ({
        ...object,
        metadata: { ...object.metadata, creationTimestamp: "2019-01-01T00:00:00Z" },
      }));
      const young = typeof comer === "object" && comer !== null
        ? { ...comer, metadata: { name: "zz", creationTimestamp: "2022-01-01T00:00:00Z" } }
        : comer;
      const [one, two] = [allInterfaces(dated), allInterfaces([young, ...dated])];
      for (const [key, was] of one) assert.deepEqual(shown(two.get(key)!), shown(was), key);
    }),
    { numRuns: 300 },
  );
});

Deno.test("A full mesh of 200 nodes expands within two seconds", () => {
  const names = Array.from({ length: 200 }, (_, i) => `node-${i}`);
  const mesh = read([{
    metadata: { name: "mesh" },
    spec: {
      nodes: names.map((nodeName, i) => ({ nodeName, underlay: { hostname: `10.9.1.${i + 1}` } })),
      links: names.map((fromNode) => ({
        fromNode,
        toNodes: names.filter((name) => name !== fromNode).map((nodeName) => ({ nodeName })),
      })),
    },
  }]);
  const start = performance.now();
  const { interfaces, rejected } = expandPlans(mesh, "node-77");
  const ms = performance.now() - start;
  assert.deepEqual([interfaces.length, rejected], [199, []]);
  const startAll = performance.now();
  const status = JSON.stringify(statusOf(mesh, "node-77"));
  const msAll = performance.now() - startAll;
  const size = `${Math.round(status.length / 1024)} KB`;
  console.log(
    `a mesh of 200: expanded in ${Math.round(ms)} ms, all of a pass in ${
      Math.round(msAll)
    } ms, one status of ${size}`,
  );
  assert.ok(ms < 2000 && msAll < 2000, `${ms} ms, ${msAll} ms`);
  assert.ok(status.length < 1_000_000, size);
});

/** The one object that a node writes of itself, before anything of it stands: with every reason in it that there is. */
function statusOf(plans: readonly NetworkPlan[], nodeName: string): unknown {
  const wanted = wantInterfaces(plans, { nodeName, interfaceName: "wigglenet", ports: [], nowMs: 0 });
  const plan = diffDeclared({ interfaces: wanted.interfaces, spared: [] }, NO_INTERFACES, MOMENT);
  const sight = {
    nodeName,
    objects: plans,
    unread: [],
    wanted,
    plan,
    failing: {},
    observed: NO_INTERFACES,
    moment: MOMENT,
  };
  return nodeStatus(reportOf(sight), 0);
}
