// `deno task bench:drift [--rounds N] [--seed N]`: somebody changes what is ours, each kind once a round, in random order, while 1,000
// numbered packets a second go each way between pods of two nodes. Measured is for how long none arrived, in each direction: the
// victim's pod sends IPv4, the other answers nothing and sends IPv6. At the end of a round three things are done at once.

import { parseArgs } from "node:util";
import { type Drift, EVENT_MS, POLL_MS, Victim } from "../netns/drift.ts";
import {
  type Drifts,
  fileDrifts,
  networkDrifts,
  polledDrifts,
  restDrifts,
  tableDrifts,
  trafficDrifts,
} from "../netns/injections.ts";
import { runAlone, tell } from "./alone.ts";
import { randomOf } from "./random.ts";
import { Verdict } from "./verdict.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});
const ROUNDS = Number(options.rounds);
const RATE = 1_000;
/** Shorter silences are the probes' own. */
const LEAST_MS = 5;
/** It is measured how long that takes: nobody gives up at the bound. */
const PATIENCE_MS = 20_000;
const AT_ONCE = 3;
/** The issue's: peers and the interface itself have longer than what events tell of. */
const SLOW = /interface is (deleted|given another name)/;

interface Outage {
  readonly thereMs: number;
  readonly backMs: number;
  readonly lost: number;
  /** Until the host was as before. */
  readonly healedMs: number;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, rank: random() })).sort((a, b) => a.rank - b.rank).map(({ item }) =>
    item
  );
}

async function outageOf(victim: Victim, drift: Drift): Promise<Outage> {
  const probe = await victim.mesh.probe(RATE);
  let startMs = 0;
  const act = async () => {
    startMs = performance.now();
    await drift.act();
  };
  await victim.heals({ ...drift, act, withinMs: PATIENCE_MS });
  const healedMs = performance.now() - startMs;
  await probe.flowing(PATIENCE_MS);
  const { there, back } = await probe.stop(LEAST_MS);
  const lost = [there, back].reduce((sum, { sent, received }) => sum + Math.max(0, sent - received), 0);
  return { thereMs: there.longestGapMs, backMs: back.longestGapMs, lost, healedMs };
}

/** What is of different parts of the host at once. */
function together(drifts: readonly Drift[]): Drift {
  return { act: () => Promise.all(drifts.map(({ act }) => act())), log: /./ };
}

async function measure(): Promise<Verdict> {
  const random = randomOf(Number(options.seed));
  tell(`seed ${options.seed}, ${ROUNDS} rounds`);
  const victim = await Victim.create();
  const groups = [tableDrifts, networkDrifts, trafficDrifts, polledDrifts, restDrifts, fileDrifts].map((of) =>
    of(victim)
  );
  const all: Drifts = Object.assign({}, ...groups);
  const outages = new Map<string, Outage[]>();
  const note = async (what: string, drift: Drift) => {
    outages.set(what, [...outages.get(what) ?? [], await outageOf(victim, drift)]);
  };
  for (let round = 1; round <= ROUNDS; round++) {
    await note("nothing", { act: () => Promise.resolve(), log: /./ });
    for (const [what, drift] of shuffled(Object.entries(all), random)) await note(what, drift);
    const [table, network, , polled] = groups.map((group) => shuffled(Object.values(group), random)[0]!);
    await note(`${AT_ONCE} of them at once`, together([table!, network!, polled!]));
    tell(`round ${round} of ${ROUNDS}`);
  }
  await victim.mesh.close();
  return judged(all, outages);
}

function judged(all: Drifts, outages: ReadonlyMap<string, readonly Outage[]>): Verdict {
  const verdict = new Verdict();
  for (const [what, list] of outages) {
    const bound = what === "nothing"
      ? undefined
      : SLOW.test(what) || !(what in all)
      ? POLL_MS
      : all[what]!.withinMs ?? EVENT_MS;
    const rest = { unit: "ms", ...(bound === undefined ? {} : { bound }) };
    verdict.quantile(
      { what: `${what}, there, worst`, values: list.map(({ thereMs }) => thereMs), ...rest },
      1,
    );
    verdict.quantile({ what: `${what}, back, worst`, values: list.map(({ backMs }) => backMs), ...rest }, 1);
    verdict.quantile({
      what: `${what}, as before, worst`,
      values: list.map(({ healedMs }) => healedMs),
      unit: "ms",
    }, 1);
    const lost = list.reduce((sum, { lost }) => sum + lost, 0);
    verdict.single({ what: `${what}, packets lost of all`, value: lost, unit: "" });
  }
  return verdict;
}

await runAlone({ url: import.meta.url, measure });
