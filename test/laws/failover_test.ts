// Which endpoint a peer has, over time: packets flow again as soon as promised, a session that works is left alone, and
// who has nothing to send makes nobody write.

import assert from "node:assert/strict";
import fc from "fast-check";
import { desireOf, ordinaryNode } from "../cluster.ts";
import { Session, type World } from "./model_session.ts";
import { share } from "./share.ts";

const [A, B, C] = ["10.9.1.2:24601", "[fd09::2]:24601", "203.0.113.2:24601"];
const NAT = "198.51.100.9:4500";

const two = desireOf([1, 2].map(ordinaryNode));
const three = desireOf([ordinaryNode(1), { ...ordinaryNode(2), external: ["203.0.113.2"] }]);
const one = desireOf([ordinaryNode(1), { ...ordinaryNode(2), internal: ["10.9.1.2"] }]);

function world(alive: readonly string[], rest: Partial<World> = {}): World {
  return { alive: new Set(alive), unsendable: new Set(), isBusy: true, ...rest };
}

/** Writes since a second, without the first one, which makes the peer. */
const moves = ({ writes }: Session, since = 1) => writes.filter((line) => parseInt(line) >= since);

Deno.test("The first candidate answers: nothing is written after the peer was made", () => {
  const session = new Session(two, world([A])).run(1800);
  assert.deepEqual(moves(session), []);
  assert.ok(session.answered.length > 1700);
});

Deno.test("The first candidate is dead: the next one is tried within 17 seconds, each further one 17 later", () => {
  for (const [alive, limit] of [[B, 17], [C, 34]] as const) {
    const session = new Session(three, world([alive])).run(1000);
    assert.ok(session.answered[0]! <= limit, `${session.answered[0]}: ${session.writes.join("\n")}`);
    assert.deepEqual(moves(session, session.answered[0]! + 1), []);
    assert.equal(session.endpoint, alive);
  }
  const slow = new Session(two, world([B]), 5).run(1000);
  assert.ok(slow.answered[0]! <= 26, `${slow.answered[0]}: ${slow.writes.join("\n")}`);
});

Deno.test("Of one candidate nothing is ever written, dead or alive", () => {
  assert.deepEqual(moves(new Session(one, world([])).run(1800)), []);
});

Deno.test("A node that is down and to which nobody sends is tried for ninety seconds, and then nobody writes", () => {
  const session = new Session(three, world([], { isBusy: false })).run(1800);
  assert.ok(moves(session).length <= 8, session.writes.join("\n"));
  assert.deepEqual(moves(session, 130), []);
  assert.equal(session.endpoint, A);
});

Deno.test("A node that is down and to which somebody sends is tried at each candidate in turn, no faster than every eight seconds", () => {
  const session = new Session(three, world([])).run(600);
  const times = moves(session).map((line) => parseInt(line));
  assert.ok(
    times.length > 20 && times.every((time, i) => time - (times[i - 1] ?? 0) >= 8),
    session.writes.join("\n"),
  );
  session.world.alive = new Set([C]);
  const since = session.seconds;
  session.run(100);
  assert.ok(session.answered[0]! - since <= 3 * 17, `${session.answered[0]! - since}`);
});

Deno.test("A session that dies while packets are sent goes to the next candidate three minutes after its last handshake", () => {
  const session = new Session(two, world([A])).run(1000);
  session.world.alive = new Set([B]);
  const since = session.seconds;
  session.run(300);
  const [move, ...more] = moves(session, since);
  assert.match(move!, /endpoint \[fd09::2\]:24601 \(10\.9\.1\.2:24601 does not answer\)$/);
  assert.deepEqual(more, []);
  const flows = session.answered.find((second) => second > since)! - since;
  assert.ok(parseInt(move!) - since > 30 && flows <= 180 + 10, `${move}: ${flows}`);
});

Deno.test("A session that is only idle is left alone, however old its handshake", () => {
  for (const alive of [A, B]) {
    const session = new Session(two, world([alive])).run(100);
    session.world.isBusy = false;
    session.run(1800);
    assert.deepEqual(moves(session, 100), []);
    session.world.isBusy = true;
    const since = session.seconds;
    session.run(10);
    assert.deepEqual(moves(session, 100), []);
    assert.ok(session.answered.some((second) => second >= since));
  }
});

Deno.test("An idle session whose peer has moved meanwhile is found within 17 seconds", () => {
  const session = new Session(two, world([A])).run(100);
  session.world.isBusy = false;
  session.run(600);
  Object.assign(session.world, { isBusy: true, alive: new Set([B]) });
  const since = session.seconds;
  session.run(60);
  assert.ok(session.answered.find((second) => second > since)! - since <= 17, session.writes.join("\n"));
});

Deno.test("A candidate to which nothing can be sent is left again after twenty seconds", () => {
  const session = new Session(two, world([], { unsendable: new Set([B]) })).run(300);
  session.world.alive = new Set([A]);
  const since = session.seconds;
  session.run(100);
  assert.ok(session.answered[0]! - since <= 30, session.writes.join("\n"));
  session.world.isBusy = false;
  session.run(1800);
  assert.deepEqual(moves(session, since + 100), []);
});

Deno.test("A peer that is seen elsewhere keeps its place for as long as it answers, and is sent a keepalive", () => {
  for (const pollSeconds of [1, 5]) {
    const session = new Session(two, world([NAT]), pollSeconds).run(5);
    session.hears(NAT);
    session.run(600);
    assert.equal(session.endpoint, NAT);
    assert.equal(session.keepalive, 25);
    session.world.isBusy = false;
    session.run(1800);
    session.restart();
    session.run(1800);
    assert.deepEqual(moves(session, 15), [], `polled every ${pollSeconds} s`);
    assert.deepEqual([session.endpoint, session.keepalive], [NAT, 25]);
  }
});

Deno.test("A peer that was elsewhere and is silent goes back to its first candidate, and has no keepalive there", () => {
  const session = new Session(two, world([NAT])).run(5);
  session.hears(NAT);
  session.run(100);
  session.world.alive = new Set();
  const since = session.seconds;
  session.run(300);
  const [first] = moves(session, since);
  assert.match(
    first!,
    /endpoint 10\.9\.1\.2:24601, no keepalive \(198\.51\.100\.9:4500 does not answer, keepalive is 25 s\)/,
  );
  assert.ok(parseInt(first!) - since <= 200, first);
  assert.equal(session.keepalive, 0);
});

Deno.test("A peer that comes back to a candidate has no keepalive any more", () => {
  const session = new Session(two, world([NAT, B])).run(5);
  session.hears(NAT);
  session.run(60);
  session.hears(B!);
  const since = session.seconds;
  session.run(600);
  assert.deepEqual(moves(session, since).map((line) => line.replace(/^\d+ /, "")), [
    "no keepalive (keepalive is 25 s)",
  ]);
  assert.deepEqual([session.endpoint, session.keepalive], [B, 0]);
});

Deno.test("What its Node newly says first is followed at once, and not again when it turns out to be dead", () => {
  const said = (endpoint: string) => desireOf([ordinaryNode(1), { ...ordinaryNode(2), endpoint }]);
  const session = new Session(two, world([A, C])).run(100);
  session.desired = said("203.0.113.2:24601");
  session.run(2);
  assert.equal(session.endpoint, C);
  session.run(600);
  assert.equal(moves(session, 100).length, 1);
  session.desired = said("203.0.113.66:1");
  const since = session.seconds;
  session.run(1000);
  assert.ok(session.answered.find((second) => second > since)! - since <= 40, session.writes.join("\n"));
  assert.equal(moves(session, since).length, 2, session.writes.join("\n"));
  assert.equal(session.endpoint, A);
});

Deno.test("What a Node newly says moves no peer that showed its place itself", () => {
  const session = new Session(two, world([NAT])).run(5);
  session.hears(NAT);
  session.run(60);
  session.desired = desireOf([ordinaryNode(1), { ...ordinaryNode(2), endpoint: "203.0.113.2" }]);
  session.run(600);
  assert.equal(session.endpoint, NAT);
});

Deno.test("A name that is not resolved moves nobody who is where it once led to", () => {
  const named = desireOf([ordinaryNode(1), { ...ordinaryNode(2), endpoint: "gw.example.org" }]);
  const session = new Session(two, world([C])).run(5);
  session.hears(C!);
  session.run(60);
  session.world.isBusy = false;
  session.desired = { ...named };
  session.keepalive = 0;
  session.run(300);
  session.restart();
  const since = session.seconds;
  session.run(600);
  assert.deepEqual([session.endpoint, moves(session, since)], [C, []]);
});

Deno.test("Whatever dies and comes back, packets flow again once a candidate answers, and rest is rest", () => {
  const changes = fc.array(
    fc.record({
      alive: fc.subarray([A, B, C] as string[]),
      isBusy: fc.boolean(),
      isRestart: fc.boolean(),
      seconds: fc.integer({ min: 1, max: 400 }),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(
      changes,
      fc.constantFrom(A, B, C),
      fc.constantFrom(1, 2, 5),
      (history, alive, pollSeconds) => {
        const session = new Session(three, world([A]), pollSeconds);
        for (const change of history) {
          Object.assign(session.world, { alive: new Set(change.alive), isBusy: change.isBusy });
          if (change.isRestart) session.restart();
          session.run(change.seconds);
        }
        Object.assign(session.world, { alive: new Set([alive]), isBusy: true });
        const since = session.seconds;
        session.run(180 + 3 * 26);
        assert.ok(session.answered.some((second) => second >= since), session.writes.join("\n"));
        const writes = session.writes.length;
        session.run(1000);
        session.world.isBusy = false;
        session.run(1800);
        assert.deepEqual(session.writes.slice(writes), []);
      },
    ),
    { numRuns: share(300) },
  );
});
