// NetworkPolicy for every cluster: what the model hands out, applied change by change, says of every flow what the text of the
// API says; and every history ends as if from clean. A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, parseAddress } from "../../src/core/net/address.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { happen, put } from "./policy_happenings.ts";
import { mayPass, type OracleFlow, type PolicyWorld } from "./policy_oracle.ts";
import { membersOnly, PolicyReplica } from "./policy_replica.ts";
import {
  flow,
  type Happening,
  happening,
  happeningOf,
  happeningWithNodes,
  type RawNamed,
  WorldBook,
} from "./policy_worlds.ts";

/** Everything in another order than it came. */
function fromClean({ pods, namespaces, policies }: PolicyWorld): PolicyModel {
  const model = new PolicyModel({ nodeName: "n1" });
  for (const object of policies.toReversed()) put(model, "policies", object as RawNamed);
  for (const object of pods.toReversed()) put(model, "pods", object as RawNamed);
  for (const object of namespaces.toReversed()) put(model, "namespaces", object as RawNamed);
  return model;
}

function judged(model: PolicyModel, { source, destination, protocol, port }: OracleFlow): boolean {
  const { verdict } = model.judge({
    source: parseAddress(source) as Address,
    destination: parseAddress(destination) as Address,
    protocol: protocol === "ICMP" ? "other" : protocol.toLowerCase() as "tcp" | "udp" | "sctp",
    port,
  });
  return verdict !== "drop";
}

function begun(beginning: readonly Happening[], nodesAreTold = false) {
  const book = new WorldBook(nodesAreTold);
  const model = new PolicyModel({ nodeName: "n1", nodesAreTold });
  const replica = new PolicyReplica();
  for (const event of beginning) {
    book.happen(event);
    happen(model, event);
  }
  replica.apply(model.takeChange());
  return { book, model, replica };
}

function withOwnAddresses(pods: readonly unknown[]): unknown[] {
  const seen = new Set<string>();
  return pods.filter((pod) => {
    const { podIPs } = (pod as { status: { podIPs: { ip: string }[] } }).status;
    const isOwn = podIPs.every(({ ip }) => !seen.has(ip));
    for (const { ip } of podIPs) seen.add(ip);
    return isOwn;
  });
}

/** Enough of everything that most of what follows meets something. */
const beginnings = fc.tuple(
  fc.array(happeningOf("namespaces"), { minLength: 3, maxLength: 6 }),
  fc.array(happeningOf("pods"), { minLength: 4, maxLength: 14 }),
  fc.array(happeningOf("policies"), { minLength: 1, maxLength: 5 }),
).map((all) => all.flat());

const withNodes = fc.tuple(beginnings, fc.array(happeningOf("nodes"), { minLength: 2, maxLength: 4 }))
  .map((all) => all.flat());

const historiesOf = (beginning: fc.Arbitrary<Happening[]>, event: fc.Arbitrary<Happening>) =>
  fc.record({
    beginning,
    events: fc.array(
      fc.record({ event, isTaken: fc.boolean(), flows: fc.array(flow, { minLength: 4, maxLength: 12 }) }),
      { minLength: 1, maxLength: 16 },
    ),
  });
const histories = historiesOf(beginnings, happening);

for (const nodesAreTold of [false, true]) {
  const where = nodesAreTold ? ", where pods are believed in their nodes' pod CIDRs" : "";
  Deno.test(`Model and changes say of every flow what the text of the API says, after every happening${where}`, () => {
    const all = nodesAreTold ? historiesOf(withNodes, happeningWithNodes) : histories;
    fc.assert(
      fc.property(all, ({ beginning, events }) => {
        const { book, model, replica } = begun(beginning, nodesAreTold);
        for (const { event, isTaken, flows } of events) {
          book.happen(event);
          happen(model, event);
          if (isTaken) replica.apply(model.takeChange());
          for (const one of flows) {
            const expected = mayPass(book.world, one, "n1");
            const text = () => JSON.stringify({ ...one, expected, world: book.world });
            if (!nodesAreTold) assert.equal(judged(model, one), expected, `model: ${text()}`);
            if (isTaken) assert.equal(replica.passes(one), expected, `changes: ${text()}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("Every history ends as if from clean, and its changes add up to the whole", () => {
  fc.assert(
    fc.property(histories, ({ beginning, events }) => {
      const { book, model, replica } = begun(beginning);
      for (const { event, isTaken } of events) {
        book.happen(event);
        happen(model, event);
        if (!isTaken) continue;
        replica.apply(model.takeChange());
        assert.deepEqual(replica.state, membersOnly(model.desired()));
        const clean = fromClean(book.world);
        assert.deepEqual(model.desired(), clean.desired());
        assert.deepEqual(model.needs(), clean.needs());
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("Pods of other nodes that nobody needs change nothing: whether they are told or not, the kernel has the same", () => {
  fc.assert(
    fc.property(histories, ({ beginning, events }) => {
      const book = new WorldBook();
      for (const event of [...beginning, ...events.map(({ event }) => event)]) book.happen(event);
      // Of two pods with one address the one that is not told may be the owner: nodes' pod CIDRs keep them apart.
      const world = { ...book.world, pods: withOwnAddresses(book.world.pods) };
      const { pods } = fromClean(world).needs();
      const isNeeded = (pod: unknown) => {
        const { metadata, spec } = pod as { metadata: { namespace: string }; spec: { nodeName: string } };
        return spec.nodeName === "n1" || pods === "all" || pods.has(metadata.namespace);
      };
      const fewer = { ...world, pods: world.pods.filter(isNeeded) };
      assert.deepEqual(fromClean(fewer).desired(), fromClean(world).desired());
    }),
    { numRuns: 300 },
  );
});
