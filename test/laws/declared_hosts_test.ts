// Laws of declared networks on a host: whatever stood there, and in whatever order it is asked, the same comes of it, once and for all.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type DeclaredObject, nameOf } from "../../src/core/declared/declared_object.ts";
import { type DeclaredPlan, diffDeclared } from "../../src/core/declared/plan/diff_declared.ts";
import { type Wanted, wantInterfaces } from "../../src/core/declared/want/want_interfaces.ts";
import { parseDeclared } from "../../src/core/declared/parse_declared.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { OWN_KEY } from "./clusters.ts";
import { disturbance, FOREIGN, netlink, objects, readAll } from "./declared_objects.ts";
import { Killed, ModelDeclaredHost } from "./model_declared.ts";
import { Refused } from "./refused.ts";

const MOST_PASSES = 12;

function want(all: readonly DeclaredObject[]): Wanted {
  return wantInterfaces(all, { nodeName: "a", interfaceName: "wigglenet", ports: [24_601], nowMs: 0 });
}

function planFor(
  all: readonly DeclaredObject[],
  host: ModelDeclaredHost,
  steadySeconds: number,
): DeclaredPlan {
  const { interfaces, refused } = want(all);
  const names = interfaces.flatMap(({ link }) => link.kind === "wireguard" ? link.keyName : []);
  const keys = new Map(names.map((name) => [name, OWN_KEY]));
  const moment = {
    implementation: "kernel",
    keyFolder: "/k",
    keys,
    resolved: new Map(),
    steadySeconds,
  } as const;
  return diffDeclared({ interfaces, spared: refused }, host.observed(steadySeconds), moment);
}

/** Passes until one changes nothing; the plan of that one. */
function converge(all: readonly DeclaredObject[], host: ModelDeclaredHost): DeclaredPlan {
  for (let i = 0; i < MOST_PASSES; i++) {
    const plan = planFor(all, host, i);
    if (host.apply(plan.steps) === 0) return plan;
  }
  const { steps } = planFor(all, host, MOST_PASSES);
  throw new Error(`it never comes to rest: ${JSON.stringify(steps.map(({ changes }) => changes), null, 1)}`);
}

/** All that is asked for, of what is ours, and all of what is not. What nobody says stays as the kernel, or an earlier object, had it. */
function shown(host: ModelDeclaredHost, interfaces: Wanted["interfaces"]) {
  const said = new Map(interfaces.map((it) => [it.name, it]));
  return [...host.interfaces].map(([name, it]) => {
    const { mtuBytes, link } = said.get(name) ?? {};
    const { wireguard } = it;
    return {
      name,
      ...it,
      addresses: [...it.addresses].sort(),
      mtuBytes: mtuBytes === undefined && it.group !== 0 ? "any" : it.mtuBytes,
      wireguard: wireguard && {
        publicKey: wireguard.publicKey,
        port: link?.kind === "wireguard" && link.listenPort === undefined ? "any" : wireguard.port,
        peers: [...wireguard.peers].map(([key, { allowedIps }]) => [key, [...allowedIps].sort()]).sort(),
      },
    };
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What must be the same on two hosts: of ours, but of those whose object waits for something, which keep what they have. */
function settledOf(interfaces: Wanted["interfaces"], waiting: DeclaredPlan["waiting"]) {
  const waits = new Set(waiting.map(({ owner }) => nameOf(owner)));
  const kept = new Set(interfaces.filter(({ owner }) => waits.has(nameOf(owner))).map((it) => it.name));
  return (host: ModelDeclaredHost) =>
    shown(host, interfaces).filter(({ group, name }) => group !== 0 && !kept.has(name));
}

const HOLDER = declared("WireGuardInterface", "o1", {
  node: "a",
  interfaceName: "i2",
  listenPort: 5003,
  peers: [],
});
const PAIR = { node: "a", interfaceName: "theirs", type: "veth", veth: { peer: { interfaceName: "i2" } } };
/** Found on 2026-11-23: one that somebody calls a veth's end held the port of another one, for the veth waits. */
const HOLDS_A_PORT: [ObjectJson[], ObjectJson[], string[]] = [
  [HOLDER],
  [declared("NetlinkInterface", "o1", PAIR), { ...HOLDER, spec: { ...HOLDER.spec, interfaceName: "i1" } }],
  ["link set dev i2 alias NetlinkInterface/o1"],
];

Deno.test("From whatever other objects left, and somebody took apart, a host ends as from clean, and then nothing is left to do", () => {
  let count = 0;
  fc.assert(
    fc.property(objects, objects, fc.array(disturbance, { maxLength: 4 }), (before, after, damages) => {
      const host = new ModelDeclaredHost(FOREIGN);
      converge(readAll(before), host);
      for (const line of damages) damage(host, line);
      const theirs = FOREIGN.filter((name) => host.interfaces.get(name)?.group === 0);
      const foreign = JSON.stringify(theirs.map((name) => withoutMaster(host, name)));
      const wanted = readAll(after);
      const { interfaces, refused } = want(wanted);
      fc.pre(refused.length === 0); // what a refused object has stays, and is nobody else's
      const last = converge(wanted, host);
      const clean = new ModelDeclaredHost(theirs);
      const { waiting } = converge(wanted, clean);
      const settled = settledOf(interfaces, [...last.waiting, ...waiting]);
      assert.deepEqual(settled(host), settled(clean));
      assert.equal(JSON.stringify(theirs.map((name) => withoutMaster(host, name))), foreign);
      count += last.steps.length === 0 ? 1 : 0;
    }),
    { numRuns: 500, examples: [HOLDS_A_PORT] },
  );
  // What cannot be done at all (a bridge in a bridge) is tried again for ever.
  assert.ok(count > 300, `${count} of 500 came to an empty plan`);
});

/** Somebody else's interface may be a bridge's member; nothing else of it is changed. */
function withoutMaster(host: ModelDeclaredHost, name: string): unknown {
  return { ...host.interfaces.get(name), master: undefined };
}

/** By somebody who may not find what is to be damaged. */
function damage(host: ModelDeclaredHost, line: string): void {
  try {
    host.ip(line);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

/** Whether the agent was killed at the command behind so many, on its way from the one to the other. */
function isKilled(all: readonly DeclaredObject[], host: ModelDeclaredHost, commands: number): boolean {
  host.killAfter(commands);
  try {
    converge(all, host);
    return false;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return true;
  } finally {
    host.killAfter();
  }
}

Deno.test("Killed at any command an agent leaves what the next one makes the same of as from clean", () => {
  let kills = 0;
  fc.assert(
    fc.property(objects, objects, (before, after) => {
      const wanted = readAll(after);
      const { interfaces, refused } = want(wanted);
      fc.pre(refused.length === 0);
      const clean = new ModelDeclaredHost(FOREIGN);
      const { waiting } = converge(wanted, clean);
      for (let commands = 0;; commands++) {
        const host = new ModelDeclaredHost(FOREIGN);
        converge(readAll(before), host);
        if (!isKilled(wanted, host, commands)) break;
        const last = converge(wanted, host);
        const settled = settledOf(interfaces, [...last.waiting, ...waiting]);
        assert.deepEqual(settled(host), settled(clean), `killed after ${commands} commands`);
        kills++;
      }
    }),
    { numRuns: 250 },
  );
  assert.ok(kills > 1_000, `${kills} kills`);
});

Deno.test("Objects in another order make the same plan", () => {
  const pairs = objects.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }))
  );
  fc.assert(
    fc.property(pairs, ([all, other]) => {
      const planOf = (list: typeof all) => planFor(readAll(list), new ModelDeclaredHost(FOREIGN), 0);
      assert.deepEqual(planOf(other), planOf(all));
    }),
    { numRuns: 500 },
  );
});

Deno.test("Without objects nothing of ours is left, whatever there was", () => {
  fc.assert(
    fc.property(objects, fc.array(disturbance, { maxLength: 4 }), (all, damages) => {
      const host = new ModelDeclaredHost(FOREIGN);
      converge(readAll(all), host);
      for (const line of damages.filter((it) => !it.includes("alias"))) damage(host, line);
      converge([], host);
      assert.deepEqual([...host.interfaces.values()].filter(({ group }) => group !== 0), []);
    }),
    { numRuns: 300 },
  );
});

const junk = fc.tuple(
  netlink,
  fc.constantFrom("mtu", "type", "addresses", "interfaceName", "veth"),
  fc.jsonValue(),
)
  .map(([object, field, value]) => ({ ...object, spec: { ...object.spec, [field]: value } }));

Deno.test("An interface that somebody asks for later costs none that was asked for before anything", () => {
  fc.assert(
    fc.property(objects, fc.oneof(netlink, junk), (all, comer) => {
      const older = readAll(all.map((object) => dated(object, "2019")));
      const { object } = parseDeclared(
        "NetlinkInterface",
        dated({ ...comer, metadata: { name: "zz" } }, "2022"),
        "",
      );
      const [one, two] = [want(older), want(object === undefined ? older : [...older, object])];
      const owned = two.interfaces.filter(({ owner }) => owner !== object);
      assert.deepEqual(owned, one.interfaces);
      assert.deepEqual(two.rejected.filter(({ name }) => name !== "zz"), one.rejected);
    }),
    { numRuns: 500 },
  );
});

function dated<T extends { readonly metadata: { readonly name: string } }>(object: T, year: string): T {
  return { ...object, metadata: { ...object.metadata, creationTimestamp: `${year}-01-01T00:00:00Z` } };
}
