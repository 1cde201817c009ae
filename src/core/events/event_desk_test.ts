import assert from "node:assert/strict";
import type { Rejected } from "../nodes/node.ts";
import { decideEvents, type Memory, NOTHING_SEEN, toldOf } from "./event_desk.ts";
import { refusalEvent } from "./refusal_event.ts";

function conflict(node: string, claim = "address 10.0.0.1"): Rejected {
  return { node, claim, reason: "is the address of n1", kind: "conflict" };
}

const SIGHT = { own: "n1", rank: 0, isHolder: false, nowMs: 0 };
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Nodes whose agents look every five seconds, before one API server that remembers names. */
class Cluster {
  readonly #memories = new Map<string, Memory>();
  /** By name, in order: who wrote it, and when. */
  readonly written = new Map<string, { writer: string; atMs: number }>();
  refused = 0;
  leaseQuestions = 0;

  constructor(readonly agents: readonly string[], readonly holder: string | undefined) {}

  run(rejected: readonly Rejected[], fromMs: number, toMs: number): void {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 5 * SECOND) {
      for (const [rank, own] of this.agents.entries()) {
        const sight = { own, rank, isHolder: own === this.holder, nowMs, rejected };
        const { memory, due, isLeaseWanted } = decideEvents(this.#memories.get(own) ?? NOTHING_SEEN, sight);
        this.leaseQuestions += Number(isLeaseWanted);
        this.#memories.set(own, memory);
        if (due === undefined) continue;
        const isOurs = !this.written.has(due.name);
        if (isOurs) this.written.set(due.name, { writer: own, atMs: nowMs });
        else this.refused++;
        this.#memories.set(own, toldOf(memory, due, { isOurs, nowMs }));
      }
    }
  }
}

Deno.test("who loses writes at once, once, and nobody else does", () => {
  const cluster = new Cluster(["n1", "n2", "n3"], "n1");
  cluster.run([conflict("n2")], 0, MINUTE);
  assert.deepEqual([...cluster.written.values()], [{ writer: "n2", atMs: 5 * SECOND }]);
  cluster.run([conflict("n2")], MINUTE, 10 * MINUTE);
  assert.equal(cluster.written.size, 1);
  assert.equal(cluster.refused, 1, "the holder is told that it is there");
});

Deno.test("of a Node without an agent the holder of the Lease writes, a minute later, and nobody without it", () => {
  const cluster = new Cluster(["n1", "n2", "n3"], "n3");
  cluster.run([conflict("hostile")], 0, 10 * MINUTE);
  assert.deepEqual([...cluster.written.values()], [{ writer: "n3", atMs: MINUTE }]);
  const none = new Cluster(["n1", "n2", "n3"], undefined);
  none.run([conflict("hostile")], 0, 10 * MINUTE);
  assert.equal(none.written.size, 0);
});

Deno.test("of one reason there is an Event a minute, of another one beside it", () => {
  const claims = Array.from({ length: 20 }, (_, i) => conflict("hostile", `address 10.0.0.${i}`));
  const cluster = new Cluster(["n1"], "n1");
  cluster.run([...claims, { node: "hostile", claim: "Node", reason: "junk" }], 0, 11 * MINUTE);
  const times = [...cluster.written.values()].map(({ atMs }) => atMs / MINUTE);
  assert.deepEqual(times.slice(0, 2), [1, 1 + 5 / 60]);
  assert.deepEqual(times.slice(2), Array.from({ length: 10 }, (_, i) => 2 + i));
});

Deno.test("where nothing of others is to be told, nobody asks for the Lease", () => {
  const cluster = new Cluster(["n1", "n2"], undefined);
  cluster.run([], 0, 10 * MINUTE);
  cluster.run([conflict("n2")], 10 * MINUTE, 11 * MINUTE - 5 * SECOND);
  cluster.run([], 11 * MINUTE, 20 * MINUTE);
  assert.equal(cluster.leaseQuestions, 0);
});

Deno.test("the Lease is asked for in turn: the 1,000th node half an hour after the first, and not for ever", () => {
  const wants = (rank: number, ageMs: number) => {
    const rejected = [conflict("hostile")];
    const { memory } = decideEvents(NOTHING_SEEN, { ...SIGHT, rank, rejected });
    return decideEvents(memory, { ...SIGHT, rank, rejected, nowMs: ageMs }).isLeaseWanted;
  };
  assert.deepEqual([wants(0, MINUTE - 1), wants(0, MINUTE)], [false, true]);
  assert.deepEqual([wants(1_000, 30 * MINUTE), wants(1_000, 36 * MINUTE)], [false, true]);
  assert.equal(wants(0, 6 * 60 * MINUTE), false);
});

Deno.test("a claim that is refused no more is forgotten, and told anew when it comes back", () => {
  const refusal = conflict("n1");
  const first = decideEvents(NOTHING_SEEN, { ...SIGHT, rejected: [refusal] });
  assert.equal(first.due?.name, refusalEvent(refusal)!.name);
  const told = toldOf(first.memory, first.due!, { isOurs: true, nowMs: 0 });
  assert.equal(decideEvents(told, { ...SIGHT, rejected: [refusal], nowMs: 2 * MINUTE }).due, undefined);
  const { memory } = decideEvents(told, { ...SIGHT, rejected: [], nowMs: 2 * MINUTE });
  assert.equal(memory.seen.size, 0);
  assert.notEqual(decideEvents(memory, { ...SIGHT, rejected: [refusal], nowMs: 3 * MINUTE }).due, undefined);
});

Deno.test("a flood of refusals costs bounded memory, and does not hide what this node has lost", () => {
  const flood = Array.from({ length: 5_000 }, (_, i) => conflict(`hostile-${i}`));
  const { memory, due } = decideEvents(NOTHING_SEEN, { ...SIGHT, rejected: [...flood, conflict("n1")] });
  assert.equal(memory.seen.size, 1_000);
  assert.equal(due?.node, "n1");
});
