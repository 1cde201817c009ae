// Fault injection: whatever a program or a file does at any moment of the agent's work, the agent goes on, tells it, loses nothing
// of what the host had and is still wanted, does not work itself to death over it, and is where it should be once it is over.
//
// Every third moment of each cluster meets one of the troubles, other ones each time; in the layer slow each moment does. All troubles at
// all moments, which takes minutes: `deno test test/laws/faults_test.ts -- all`; those of a failure again: `-- SEED`, or `-- SEED whole`.

import assert from "node:assert/strict";
import { converge, fromClean, type HostState, stateOf } from "./model_agent.ts";
import { ModelHost } from "./model_host.ts";
import { type Fault, LOOK, type Trouble, TROUBLES } from "./model_machine.ts";
import { givenSeed, isWhole, wordsOf } from "./share.ts";
import { type Life, live, type Situation, SITUATIONS } from "./shell_agent.ts";

const IS_ALL = Deno.args.includes("all");
const SEED = givenSeed() ?? Math.floor(Math.random() * 1000);
const SHARE = isWhole() ? 1 : 3;

/** For how long all fails, where it is not one thing alone. */
const LONG_MS = 40_000;
/** Until an audit has come by. */
const ONE_MS = 45_000;
/** All that hangs, the longest wait after a failure, and an audit. */
const MANY_MS = LONG_MS + 80_000;
/** Of what is asked when all is done: what goes on is the same again. */
const AT_REST = 10;
/**
 * What an agent may ask for more than one that nothing befalls: audits, retries that wait twice as long each time, and repairs of what
 * it is told wrongly, each second until they are contested (docs/decisions/0045). One that goes in circles asks for thousands.
 */
const MORE = 150;
const MORE_EACH_SECOND = 20;
/** Who is kept from its work for longer is told why. */
const LATE_MS = 1_000;

/** How the host is when the agent starts. */
const BEGINNINGS: Readonly<Record<string, (situation: Situation) => Promise<ModelHost>>> = {
  "a bare host": () => Promise.resolve(new ModelHost()),
  "a host that has all of it": (situation) => hostOf(situation),
  "a host of another cluster": ({ wireguard }) =>
    hostOf({ ...SITUATIONS.get("cluster CIDRs and a Node without a key")!, wireguard }),
};

/** Undisturbed runs are made once. */
const known = new Map<Situation, Promise<Life>>();

function undisturbed(situation: Situation): Promise<Life> {
  const life = known.get(situation) ?? live(situation, { host: new ModelHost(), ms: ONE_MS });
  known.set(situation, life);
  return life;
}

async function hostOf(situation: Situation): Promise<ModelHost> {
  const { desired } = await undisturbed(situation);
  const host = new ModelHost();
  converge(host, { desired, observed: host.observe(desired), isReversed: false });
  return host;
}

/** What a host has that would be missed, a line each. */
function holdings({ table, routes, hostRouting, link, wireguard, cni }: HostState): Set<string> {
  const members = [...table?.sets ?? []].flatMap(([name, set]) => [...set].map((text) => `${name} ${text}`));
  const peers = [...wireguard?.peers ?? []].map(([key, { allowedIps }]) => `peer ${key} ${allowedIps}`);
  return new Set([
    ...members,
    ...routes[4],
    ...routes[6],
    ...hostRouting?.[4] ?? [],
    ...hostRouting?.[6] ?? [],
    ...peers,
    ...(table === undefined ? [] : ["table"]),
    ...(link?.isUp ? ["link", ...link.addresses] : []),
    ...(cni?.text === undefined ? [] : ["cni"]),
  ]);
}

/** What is believed until an audit shows otherwise. */
const LIES: ReadonlySet<Trouble> = new Set([
  "is cut short",
  "ends a line early",
  "does nothing and says it did",
  "says that nothing is there",
  "prints nonsense",
]);

interface Trial {
  readonly situation: Situation;
  readonly begin: (situation: Situation) => Promise<ModelHost>;
  readonly fault: Fault;
  readonly clean: Life;
}

/** What is wrong with what came of it; undefined: nothing. */
async function objectionTo({ situation, begin, fault, clean }: Trial): Promise<string | undefined> {
  const { desired, machine: { asked } } = clean;
  const host = await begin(situation);
  const wanted = fromClean(desired);
  const kept = holdings(stateOf(host, desired)).intersection(holdings(wanted));
  const losses: string[] = [];
  const onDone = (what: string) => {
    if (LOOK.test(what) || /^(write|open) /.test(what)) return;
    const missing = kept.difference(holdings(stateOf(host, desired)));
    if (missing.size > 0) losses.push(`${what}: ${[...missing].join("; ")}`);
  };
  const ms = fault.forMs === 0 ? ONE_MS : MANY_MS;
  const life = await live(situation, { host, fault, ms, onDone });
  const { machine } = life;
  if (losses.length > 0) return `lost: ${losses[0]}`;
  if (!life.progress.isInSync) return `not in sync: ${[...life.failing]}`;
  try {
    assert.deepEqual(stateOf(host, desired), wanted);
  } catch (error) {
    return `another end: ${(error as Error).message}`;
  }
  const more = machine.asked.length - asked.length * ms / ONE_MS;
  if (more > MORE + MORE_EACH_SECOND * fault.forMs / 1000) {
    return `${machine.asked.length} things were asked for, ${asked.length} without the fault`;
  }
  const isTold = machine.said.some((line) => / (warn|error) +/.test(line));
  const isLate = life.settledMs > clean.settledMs + LATE_MS;
  if (isLate && !isTold && !LIES.has(fault.trouble)) return `${life.settledMs} ms late, and nothing was told`;
}

/** The faults of one moment: one of them, another one for each moment and seed, or none where it is not its turn, or all. */
function faultsAt(first: number): Fault[] {
  if (IS_ALL) {
    return TROUBLES.flatMap((trouble) => [0, LONG_MS].map((forMs) => ({ trouble, first, forMs })));
  }
  const number = first + SEED;
  if (number % SHARE !== 0) return []; // what befalls a moment has a cycle of 40: each meets all of it in time
  const isLong = Math.floor(number / TROUBLES.length) % 4 === 0;
  return [{ trouble: TROUBLES[number % TROUBLES.length]!, first, forMs: isLong ? LONG_MS : 0 }];
}

for (const [name, situation] of SITUATIONS) {
  for (const [beginning, begin] of Object.entries(BEGINNINGS)) {
    Deno.test(`${name}, on ${beginning}: a fault at any moment costs nothing that was there, is told, and is over when it is over`, async () => {
      const clean = await live(situation, { host: await begin(situation), ms: ONE_MS });
      const { asked } = clean.machine;
      const faults = Array.from({ length: clean.settledAsked + AT_REST }, (_, first) => faultsAt(first))
        .flat();
      const objections: string[] = [];
      for (const fault of faults) {
        const trial = { situation, begin, fault, clean };
        const objection = await objectionTo(trial).catch((error) => `it ended: ${error}`);
        if (objection === undefined) continue;
        objections.push(
          `${fault.first} ${asked[fault.first]} ${fault.trouble}, for ${fault.forMs} ms: ${objection}`,
        );
      }
      const some = objections.slice(0, 20).join("\n");
      assert.equal(
        objections.length,
        0,
        `seed ${wordsOf(SEED)}, ${objections.length} of ${faults.length}:\n${some}`,
      );
    });
  }
}
