// Nonces are drawn at any moment, agents are killed between any two actions, views are late: no packet of a pod is sent by an
// association that the other end has not, none is installed twice, and in the end there is one for each direction.

import assert from "node:assert/strict";
import fc from "fast-check";
import { GRACE_SECONDS, MOST_GENERATIONS, OBLIGED_SECONDS } from "../../src/core/transport/ipsec/rollover.ts";
import { ModelIpsec } from "./model_ipsec.ts";

const HOSTS = 3;
/** Enough for greetings both ways, and for the grace. */
const ROUNDS = GRACE_SECONDS + 10;

function settled(): ModelIpsec {
  const model = new ModelIpsec(HOSTS);
  model.rounds(5);
  model.tick();
  assert.deepEqual(model.lost, []);
  return model;
}

const host = fc.nat(HOSTS - 1);
const ordinary = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("learn" as const), host, other: host }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pass" as const), host }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("killed" as const), host, behind: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const), host }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("publish" as const), host }) },
  {
    weight: 1,
    // Time passes, or somebody sets the clocks back.
    arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: -20, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), host, other: host }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("mend" as const) }) },
);
const disaster = fc.oneof(
  fc.record({ kind: fc.constant("reboot" as const), host }),
  fc.record({ kind: fc.constant("flush" as const), host }),
  fc.record({ kind: fc.constant("steal" as const), host, nth: fc.nat(12) }),
  fc.record({ kind: fc.constant("unmark" as const), host, nth: fc.nat(12) }),
  fc.record({ kind: fc.constant("leaves" as const), host }),
  fc.record({ kind: fc.constant("facts" as const), host, areRead: fc.boolean() }),
);
type Happening = typeof ordinary extends fc.Arbitrary<infer T> ? T : never;
type Disaster = typeof disaster extends fc.Arbitrary<infer T> ? T : never;

function happen(model: ModelIpsec, it: Happening | Disaster): void {
  const one = "host" in it ? model.hosts[it.host]! : model.hosts[0]!;
  switch (it.kind) {
    case "learn":
      return model.learn(one, model.hosts[it.other]!);
    case "pass":
      return model.pass(one);
    case "killed":
      return model.pass(one, it.behind);
    case "restart":
      return one.restart();
    case "publish":
      one.stated = one.nonce;
      return;
    case "wait":
      model.seconds += it.seconds;
      return;
    case "cut":
      model.cut.add(`${one.name} -> ${model.hosts[it.other]!.name}`);
      return;
    case "mend":
      model.cut.clear();
      return;
    case "reboot":
      one.restart();
      one.views.clear();
      one.kernel.clear();
      return model.excuse(one);
    case "flush":
      one.kernel.clear();
      return model.excuse(one);
    case "leaves":
      model.leave(one);
      return model.excuse(one);
    case "facts":
      one.areFactsRead = it.areRead;
      return;
    case "unmark":
      delete [...one.kernel.values()][it.nth]?.isMarked;
      return;
    case "steal": {
      const spi = [...one.kernel.keys()][it.nth];
      if (spi !== undefined) one.kernel.delete(spi);
      return model.excuse(one);
    }
  }
}

/** Each direction between two hosts has one association, the same at both ends, and nobody has any other. */
function assertEnds(model: ModelIpsec): void {
  model.cut.clear();
  for (const one of model.hosts) one.areFactsRead = true;
  model.seconds += OBLIGED_SECONDS;
  model.rounds(ROUNDS);
  model.excused.clear();
  model.tick();
  assert.deepEqual(model.lost, []);
  model.rounds(ROUNDS);
  for (const one of model.hosts) {
    assert.equal(one.kernel.size, 2 * (HOSTS - 1), JSON.stringify([...one.kernel.values()]));
    for (const { spi, source, destination, purpose } of one.kernel.values()) {
      assert.equal(purpose, "data");
      const other = model.hosts.find(({ end: { address } }) =>
        address !== one.end.address && (address === source || address === destination)
      )!;
      assert.ok(other.kernel.has(spi));
    }
    for (const { isGreeted, isSpent, added } of one.turns) {
      assert.deepEqual({ isGreeted, isSpent, added }, { isGreeted: false, isSpent: false, added: [] });
    }
  }
  assert.deepEqual(model.broken, []);
}

Deno.test("Hosts that have never met find to each other, also where no pod says anything", () => {
  assertEnds(new ModelIpsec(HOSTS));
});

Deno.test("Whatever nonces are drawn when, whoever hears of them late, no packet is lost and nothing is installed twice", () => {
  fc.assert(
    fc.property(fc.array(ordinary, { minLength: 20, maxLength: 150 }), fc.boolean(), (happenings, isIdle) => {
      const model = settled();
      for (const it of happenings) {
        happen(model, it);
        if (!isIdle) model.tick();
      }
      assert.deepEqual(model.lost, []);
      assertEnds(model);
    }),
    { numRuns: 100 },
  );
});

Deno.test("A host that boots anew, or that somebody takes associations from, gets others, and loses nobody else's packets", () => {
  const anything = fc.oneof({ weight: 9, arbitrary: ordinary }, { weight: 1, arbitrary: disaster });
  fc.assert(
    fc.property(fc.array(anything, { minLength: 20, maxLength: 150 }), (happenings) => {
      const model = settled();
      for (const it of happenings) {
        happen(model, it);
        model.tick();
      }
      assert.deepEqual(model.lost, []);
      assertEnds(model);
    }),
    { numRuns: 100 },
  );
});

Deno.test("A Node that says nonces of before, again and again, has nobody draw another one, and costs others nothing", () => {
  const model = settled();
  const [n1, n2, hostile] = model.hosts;
  model.rounds(ROUNDS);
  const drawn = [n1!.nonce, n2!.nonce];
  const said = [hostile!.nonce];
  for (let i = 0; i < 3; i++) {
    hostile!.restart();
    said.push(hostile!.nonce);
    model.rounds(ROUNDS);
  }
  model.excuse(hostile!);
  for (let i = 0; i < 40; i++) {
    for (const host of [n1!, n2!]) {
      host.views.set(hostile!.name, said[i % said.length]!);
      model.pass(host);
    }
    model.seconds++;
    model.tick();
  }
  assert.deepEqual([n1!.nonce, n2!.nonce], drawn);
  assert.deepEqual(model.lost, []);
  assertEnds(model);
});

Deno.test("While one agent is dead its host is sent to by what it has, and its packets are taken, however often others start", () => {
  const model = settled();
  const [, n2, dead] = model.hosts;
  for (let i = 0; i < 2 * MOST_GENERATIONS + 4; i++) {
    n2!.restart();
    n2!.stated = n2!.nonce;
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of model.hosts) {
        if (one === dead) continue;
        for (const other of model.hosts) model.learn(one, other);
        model.pass(one);
      }
      model.seconds++;
      model.tick();
    }
  }
  assert.deepEqual(model.lost, []);
  assertEnds(model);
});

Deno.test("A host that is out of all others' view for a while, and knows nothing of it, is back at once with the nonce that it has", () => {
  const model = settled();
  model.rounds(ROUNDS);
  const [n1, n2, away] = model.hosts;
  const nonces = model.hosts.map(({ nonce }) => nonce);
  for (let i = 0; i < 3; i++) {
    model.leave(away!);
    for (const one of [n1!, n2!, away!]) model.pass(one);
    model.rounds(1);
    model.tick();
  }
  assert.deepEqual(model.lost, []);
  assert.deepEqual(model.hosts.map(({ nonce }) => nonce), nonces, "and nobody draws another one");
  assertEnds(model);
});

Deno.test("A host whose associations are over with its nonce is not cut off for good: another one is drawn, once in ten minutes", () => {
  const model = settled();
  model.rounds(ROUNDS);
  const [n1, n2, away] = model.hosts;
  const drawn = [n1!.nonce, n2!.nonce];
  for (const one of [n1!, n2!]) {
    for (const it of [...one.kernel.values()]) {
      if ([it.source, it.destination].includes(away!.end.address)) one.remove(it);
    }
  }
  model.excuse(away!);
  model.tick();
  model.rounds(ROUNDS);
  assert.equal([n1!.nonce, n2!.nonce].filter((nonce, i) => nonce !== drawn[i]).length > 0, true);
  assertEnds(model);
});
