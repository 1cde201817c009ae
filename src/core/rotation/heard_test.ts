import assert from "node:assert/strict";
import type { ObservedPeer } from "../observed/observed_state.ts";
import { hasLeft, hear, type Heard, isAnswering, isSending } from "./heard.ts";

/** One peer over time: [second, handshake stamp, bytes received, seconds between keepalives to it] of each read. */
function heardAfter(
  reads: readonly (readonly [number, number, number, number?])[],
): Heard | undefined {
  let last: ReadonlyMap<string, Heard> | undefined;
  for (const [second, handshakeSeconds, receivedBytes, keepaliveSeconds = 25] of reads) {
    const peer = { publicKey: "key", handshakeSeconds, receivedBytes, keepaliveSeconds } as ObservedPeer;
    last = hear(last, [peer], second);
  }
  return last?.get("key");
}

Deno.test("Who sends each second does so from the third second on, and until he has been silent for eight", () => {
  const reads = [0, 1, 2, 3].map((second) => [second, 9, 180 + 32 * second] as const);
  assert.deepEqual([2, 3, 4].map((count) => isSending(heardAfter(reads.slice(0, count)))), [
    false,
    false,
    true,
  ]);
  assert.deepEqual([11, 12].map((now) => isSending(heardAfter([...reads, [now, 9, 276]]))), [true, false]);
});

Deno.test("One that only receives answers, and never counts as sending: its keepalives are ten seconds apart", () => {
  const reads = [0, 5, 10, 15, 20, 25, 30].map((second) =>
    [second, 9, 180 + 32 * Math.floor(second / 10)] as const
  );
  for (let count = 1; count <= reads.length; count++) {
    assert.equal(isSending(heardAfter(reads.slice(0, count))), false);
    assert.equal(isAnswering(heardAfter(reads.slice(0, count))), count > 2);
  }
  assert.deepEqual([50, 51].map((now) => isAnswering(heardAfter([...reads, [now, 9, 276]]))), [true, false]);
});

Deno.test("Nor do handshakes, and what a forgotten peer had sent before", () => {
  assert.equal(
    isSending(heardAfter([[0, 0, 0], [1, 5, 180], [2, 6, 360], [3, 7, 540], [4, 8, 720]])),
    false,
  );
  assert.equal(
    isSending(heardAfter([[0, 9, 900], [1, 9, 932], [2, 9, 964], [3, 9, 10], [4, 9, 42]])),
    false,
  );
});

Deno.test("Sessions are renewed every two minutes: who sends, or answers, does so still; who had left is not back by that", () => {
  const sends = [0, 1, 2, 3].map((second) => [second, 9, 180 + 32 * second] as const);
  const renewed = (second: number, stamp = 12) => heardAfter([...sends, [second, stamp, 368]]);
  assert.deepEqual([4, 11, 12, 23, 24].map((second) => isSending(renewed(second))), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.deepEqual([4, 12, 23, 24].map((second) => isAnswering(renewed(second))), [true, true, true, false]);
  // What came before may have been tries of this handshake.
  assert.equal(isAnswering(renewed(4, 189)), false);
});

Deno.test("Reads that are five seconds apart will do", () => {
  const reads = [0, 5, 10, 15].map((second) => [second, 9, 180 + 32 * second] as const);
  assert.equal(isSending(heardAfter(reads)), true);
});

Deno.test("Who was not heard for six seconds has left; a first look has heard him", () => {
  assert.deepEqual([6, 7].map((now) => hasLeft(heardAfter([[0, 9, 5], [now, 9, 5]]))), [false, true]);
  assert.deepEqual([9, 10].map((now) => hasLeft(heardAfter([[0, 9, 5], [3, 9, 37], [now, 9, 37]]))), [
    false,
    true,
  ]);
  assert.equal(hasLeft(undefined), true);
});

Deno.test("Between two reads nobody has left, and nobody who sent stops", () => {
  const reads = [0, 1, 2, 3].map((second) => [second, 9, 180 + 32 * second] as const);
  assert.deepEqual([isSending(heardAfter(reads)), hasLeft(heardAfter(reads))], [true, false]);
});

Deno.test("Who is told each second that he is sent to has nothing to say, and has left no earlier than six seconds behind that", () => {
  const told = [0, 1, 2, 20].map((second) => [second, 9, 5, 1] as const);
  assert.deepEqual([26, 27].map((now) => hasLeft(heardAfter([...told, [now, 9, 5]]))), [false, true]);
});
