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
  const probes: Probe[] = [];
  try {
    for (const [from, to] of pairs) {
      for (const family of world.families) probes.push(await start(world, { from, to, family }));
    }
    await work();
  } finally {
    const told = await Promise.all(probes.map((probe) => stop(world, probe)));
    const lines = told.flatMap((line) => line ?? []);
    console.log(`${probes.length} probes, ${lines.length === 0 ? "none lost a packet" : lines.join("; ")}`);
    assert.deepEqual(lines, [], "packets were lost");
  }
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

/** What it lost, in words; undefined for nothing. */
async function stop(world: World, probe: Probe): Promise<string | undefined> {
  const { from, to, family, place, endFile, process } = probe;
  await world.startIn(place, ["touch", endFile]).ended;
  const line = await process.line("stdout", /^\{/);
  const { sent, lost } = JSON.parse(line) as Told;
  assert.ok(sent > 0, `${from} sent nothing to ${to}`);
  if (lost.length === 0) return;
  return `${from} to ${to} by ${family}: ${lost.length} of ${sent}, from ${lost[0]} to ${lost.at(-1)} ms`;
}
