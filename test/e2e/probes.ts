// Traffic while something happens: a hundred numbered questions a second between pods, and what became of each.

import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { UDP } from "./pods.ts";
import { at, type Family, type Place, type PodName, type World } from "./world.ts";

const RATE = 100;
const PAIRS: readonly (readonly [PodName, PodName])[] = [["one", "far"], ["far", "one"], ["one", "two"]];

interface Probe {
  readonly from: PodName;
  readonly to: PodName;
  readonly family: Family;
  readonly place: Place;
  readonly endFile: string;
  readonly process: Process;
}

/** What a probe tells at its end. */
interface Told {
  readonly sent: number;
  readonly answered: number;
  /** Milliseconds since its start at which each lost one was sent. */
  readonly lost: readonly number[];
}

/**
 * Does the work while pods ask each other, on one node and across, in each family. Fails when one question of them all
 * was not answered, with who missed how many and when.
 */
export async function withoutLoss(
  world: World,
  work: () => Promise<void>,
  pairs: readonly (readonly [PodName, PodName])[] = PAIRS,
): Promise<void> {
  const lost = await whileProbing(
    { world, pairs, work },
    ({ sent, lost }) =>
      lost.length === 0 ? undefined : `${lost.length} of ${sent}, from ${lost[0]} to ${lost.at(-1)} ms`,
  );
  assert.deepEqual(lost, [], "packets were lost");
}

/** As {@link withoutLoss}, of pods that may not reach each other: fails when one question was answered. */
export async function withoutAnswer(
  world: World,
  work: () => Promise<void>,
  pairs: readonly (readonly [PodName, PodName])[],
): Promise<void> {
  const answered = await whileProbing(
    { world, pairs, work },
    ({ sent, answered }) => answered === 0 ? undefined : `${answered} of ${sent} answered`,
  );
  assert.deepEqual(answered, [], "packets passed");
}

interface Probing {
  readonly world: World;
  readonly pairs: readonly (readonly [PodName, PodName])[];
  readonly work: () => Promise<void>;
}

/** Returns what the probes object to, each with its pair. */
async function whileProbing(
  { world, pairs, work }: Probing,
  objection: (told: Told) => string | undefined,
): Promise<string[]> {
  const probes: Probe[] = [];
  let lines: string[] = [];
  try {
    for (const [from, to] of pairs) {
      for (const family of world.families) probes.push(await start(world, { from, to, family }));
    }
    await work();
  } finally {
    const told = await Promise.all(probes.map((probe) => stop(world, probe)));
    lines = told.flatMap((told, i) => {
      const text = objection(told);
      const { from, to, family } = probes[i]!;
      return text === undefined ? [] : [`${from} to ${to} by ${family}: ${text}`];
    });
    console.log(`${probes.length} probes, ${lines.length === 0 ? "all as they should" : lines.join("; ")}`);
  }
  return lines;
}

async function start(world: World, pair: { from: PodName; to: PodName; family: Family }): Promise<Probe> {
  const { from, to, family } = pair;
  const endFile = `/tmp/end-${crypto.randomUUID()}`;
  const target = at(await world.podAddress(to, family), UDP);
  const place = await world.placeOf(from);
  const process = world.startIn(place, ["probe", "send", target, String(RATE), endFile]);
  await process.line("stdout", /^started$/);
  return { ...pair, place, endFile, process };
}

async function stop(world: World, { from, to, place, endFile, process }: Probe): Promise<Told> {
  await world.startIn(place, ["touch", endFile]).ended;
  const told = JSON.parse(await process.line("stdout", /^\{/)) as Told;
  assert.ok(told.sent > 0, `${from} sent nothing to ${to}`);
  return told;
}
