import assert from "node:assert/strict";
import { keyOf } from "../../../../test/cluster.ts";
import { associationOf, type End, type Nonce } from "./association.ts";
import {
  GRACE_SECONDS,
  isLively,
  OBLIGED_SECONDS,
  type ObservedAssociation,
  placeOf,
  rollOver,
  type Standing,
} from "./rollover.ts";

const [OWN, NEAR, HOSTILE] = [1, 2, 3].map(endOf) as [End, End, End];
const PAIRS = [{ own: OWN, peer: NEAR }, { own: OWN, peer: HOSTILE }];
const NOTHING: Standing = {
  associations: [],
  used: new Set(),
  retired: new Set(),
  patientSeconds: Infinity,
  wallSeconds: 1_000,
};

function endOf(n: number): End {
  return {
    publicKey: keyOf(n),
    nonce: new Uint8Array(32).fill(n).toBase64() as Nonce,
    address: `10.9.1.${n}`,
  };
}

/** Of `from`'s, as if it had ground a nonce until `spi` was that. */
function standing(from: End, to: End, spi: number): ObservedAssociation {
  const ends = { source: from.address, destination: to.address };
  return { ...ends, spi, purpose: "data", packets: 5, addedSeconds: 900, usedSeconds: 901 };
}

Deno.test("whose nonce makes numbers of somebody else's waits, alone; another one is drawn for it at most once in ten minutes", () => {
  const { spi } = associationOf(HOSTILE, OWN, "data");
  const taken = { ...NOTHING, associations: [standing(NEAR, OWN, spi)] };
  for (const patientSeconds of [0, OBLIGED_SECONDS - 1, OBLIGED_SECONDS, Infinity]) {
    const [near, hostile] = rollOver(PAIRS, { ...taken, patientSeconds }).turns;
    assert.deepEqual([hostile!.isCrowded, hostile!.added, hostile!.isSpent], [true, [], false]);
    assert.equal(hostile!.isObliged, patientSeconds >= OBLIGED_SECONDS);
    assert.deepEqual([near!.added.length, near!.isSpent, near!.isObliged], [4, false, false]);
  }
});

Deno.test("what is sent to different nodes may have one number: no Node can make it a loss", () => {
  const { spi } = associationOf(OWN, HOSTILE, "data");
  const used = new Set([placeOf({ destination: NEAR.address, spi })]);
  for (const associations of [[], [standing(OWN, NEAR, spi)]]) {
    const hostile = rollOver(PAIRS, { ...NOTHING, used, associations }).turns[1]!;
    assert.deepEqual([hostile.added.length, hostile.isSpent, hostile.isCrowded], [4, false, false]);
  }
});

Deno.test("what is over goes when the grace has passed, or at once where the clock was set back meanwhile", () => {
  const four = (["data", "greeting"] as const).flatMap((purpose) =>
    [[NEAR, OWN], [OWN, NEAR]].map(([from, to]) => ({
      ...standing(from!, to!, associationOf(from!, to!, purpose).spi),
      purpose,
    }))
  );
  const old = standing(NEAR, OWN, 4_711);
  const removedAt = (wallSeconds: number) =>
    rollOver(PAIRS.slice(0, 1), { ...NOTHING, associations: [...four, old], wallSeconds }).turns[0]!.removed
      .includes(old);
  const used = old.usedSeconds;
  assert.deepEqual(
    [used, used + GRACE_SECONDS, used + GRACE_SECONDS + 1, used - 3_600].map(removedAt),
    [false, false, true, true],
  );
});

Deno.test("counters are to be asked for often for half a minute after something was added, whatever the clock has done since", () => {
  const [old, young] = [900, 990].map((addedSeconds) => ({ ...standing(NEAR, OWN, 1), addedSeconds }));
  const isLivelyAt = (wallSeconds: number, ...associations: ObservedAssociation[]) =>
    isLively({ ...NOTHING, associations, wallSeconds });
  assert.deepEqual(
    [
      isLivelyAt(1_000),
      isLivelyAt(1_000, old!),
      isLivelyAt(1_000, old!, young!),
      isLivelyAt(1_019.9, old!, young!),
      isLivelyAt(1_020, old!, young!),
      isLivelyAt(985, old!, young!),
      isLivelyAt(-9_000, old!, young!),
    ],
    [false, false, true, true, false, true, false],
  );
});
