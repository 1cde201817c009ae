// A soak: Nodes, Pods and policies come and go, and somebody changes what is ours, all at once, for
// as long as one likes, under probes. The agents as shipped must not grow, hold on to files or programs, or lose what they should not.
//
//   n1-pod ═══ n2-pod     n1 is meddled with: its flows may be out as long as bench:drift says
//        ╚═ n3-pod ═╝     n2 and n3 lose nothing

import { BUNDLED } from "../lab/agent.ts";
import type { Node } from "../lab/node.ts";
import type { Traffic } from "../lab/traffic.ts";
import { until } from "../lab/until.ts";
import { POLL_MS, Victim } from "../netns/drift.ts";
import { networkDrifts, polledDrifts, restDrifts, tableDrifts, trafficDrifts } from "../netns/injections.ts";
import { differences, readState } from "../netns/state.ts";
import { tell } from "./alone.ts";
import { Churn } from "./churn.ts";
import { type Holding, holdingOf, memoryOf } from "./processor.ts";
import { slopeOf } from "./statistics.ts";
import { randomOf } from "./random.ts";
import { Verdict } from "./verdict.ts";

/** Until then an agent learns what there is. */
const WARM_MS = 120_000;
/** Of less than that a slope says nothing. */
const LEAST_SLOPE_MS = 180_000;
const SLOPE_MB_A_MINUTE = 0.5;
const SAMPLE_MS = 5_000;
const REPORT_MS = 20_000;
/** Each is mended before the next one: what two cost together is in bench:drift. */
const DRIFT_MS = 4_000;
/** Of a handshake that meets a restart of the interface; see bench:drift for each kind by itself. */
const OUTAGE_MS = POLL_MS + 500;

/** How long, and which. */
export interface SoakOptions {
  readonly durationMs: number;
  readonly seed: number;
}

interface Parts {
  readonly victim: Victim;
  readonly traffic: Traffic;
  readonly churn: Churn;
}

interface Sample {
  readonly minutes: number;
  readonly megabytes: readonly number[];
}

/** One soak. */
class Soak {
  readonly #startMs = performance.now();
  readonly #samples: Sample[] = [];
  readonly #random: () => number;
  readonly #lost = { others: 0, sent: 0, outageMs: 0 };
  #drifts = 0;

  constructor(readonly parts: Parts, readonly options: SoakOptions) {
    this.#random = randomOf(options.seed);
  }

  get #isOver(): boolean {
    return performance.now() - this.#startMs >= this.options.durationMs;
  }

  get nodes(): readonly Node[] {
    return this.parts.victim.mesh.nodes;
  }

  /** All at once, until the time is over. */
  async run(): Promise<void> {
    const every = async (ms: number, act: () => Promise<void>) => {
      while (!this.#isOver) {
        const nextMs = performance.now() + ms;
        await act();
        await pause(nextMs - performance.now());
      }
    };
    await Promise.all([
      every(100, () => this.parts.churn.step()),
      every(DRIFT_MS, () => this.#meddle()),
      every(SAMPLE_MS, () => this.#sample()),
      every(REPORT_MS, () => this.#report()),
    ]);
    await this.#report();
  }

  async #meddle(): Promise<void> {
    const groups = [tableDrifts, networkDrifts, trafficDrifts, polledDrifts, restDrifts];
    const all = Object.values(
      Object.assign({}, ...groups.map((of) => of(this.parts.victim))) as ReturnType<typeof tableDrifts>,
    );
    this.#drifts++;
    // What it changes may be gone by another hand that was quicker.
    await all[Math.floor(this.#random() * all.length)]!.act().catch(() => {});
  }

  #sample(): Promise<void> {
    const megabytes = this.nodes.map(({ agent }) => memoryOf(agent!.pid).nowMb);
    this.#samples.push({ minutes: (performance.now() - this.#startMs) / 60_000, megabytes });
    return Promise.resolve();
  }

  async #report(): Promise<void> {
    for (const { from, to, sent, lost, longestGapMs } of await this.parts.traffic.report()) {
      if (from === "n1" || to === "n1") this.#lost.outageMs = Math.max(this.#lost.outageMs, longestGapMs);
      else {
        this.#lost.others += lost;
        this.#lost.sent += sent;
      }
    }
    const megabytes = this.#samples.at(-1)?.megabytes.map((mb) => mb.toFixed(1)).join(", ");
    tell(
      `${this.parts.churn.count} objects, ${this.#drifts} changes of what is ours; agents have ${megabytes} MB; n2 and n3 lost ` +
        `${this.#lost.others} of ${this.#lost.sent}, n1 was out for ${this.#lost.outageMs.toFixed()} ms at most`,
    );
  }

  judge(verdict: Verdict): void {
    verdict.single({
      what: "objects that came, changed or went",
      value: this.parts.churn.count,
      unit: "",
      least: 1,
    });
    verdict.single({ what: "changes of what is ours", value: this.#drifts, unit: "", least: 1 });
    verdict.single({
      what: "packets that n2 and n3 lost of each other",
      value: this.#lost.others,
      unit: "",
      bound: 0,
    });
    verdict.single({
      what: "longest outage of n1",
      value: this.#lost.outageMs,
      unit: "ms",
      bound: OUTAGE_MS,
    });
    const warm = this.#samples.filter(({ minutes }) => minutes * 60_000 >= WARM_MS);
    const isLong = this.options.durationMs - WARM_MS >= LEAST_SLOPE_MS;
    for (const [i, { name }] of this.nodes.entries()) {
      const points = (isLong ? warm : this.#samples).map(({ minutes, megabytes }) =>
        [minutes, megabytes[i]!] as const
      );
      verdict.single({
        what: `${name}: memory, slope${isLong ? " after two minutes" : ", too short to be judged"}`,
        value: slopeOf(points),
        unit: "MB/min",
        digits: 2,
        ...(isLong ? { bound: SLOPE_MB_A_MINUTE } : {}),
      });
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** What an agent holds when it has nothing to do; a look of its own comes and goes meanwhile. */
async function atRest(node: Node): Promise<Holding> {
  const looks: Holding[] = [];
  for (let i = 0; i < 20; i++) {
    looks.push(holdingOf(node.agent!.pid));
    await pause(97);
  }
  return {
    handles: Math.min(...looks.map(({ handles }) => handles)),
    children: Math.min(...looks.map(({ children }) => children)),
  };
}

/** Soaks a mesh of three nodes; what must hold is in the verdict. Throws where something does not become as it was. */
export async function soak(options: SoakOptions): Promise<Verdict> {
  const verdict = new Verdict();
  tell(`seed ${options.seed}, ${options.durationMs / 60_000} minutes`);
  const victim = await Victim.create({ nodes: 3, agent: BUNDLED });
  const { lab, nodes } = victim.mesh;
  const churn = await Churn.begin(victim.mesh, randomOf(options.seed + 1));
  const traffic = await victim.mesh.traffic();
  await Promise.all(nodes.map((node) => node.inSync()));
  const before = await Promise.all(
    nodes.map(async (node) => ({ held: await atRest(node), state: await readState(node) })),
  );
  const run = new Soak({ victim, traffic, churn }, options);
  await run.run();
  tell("all of it goes");
  await churn.end();
  for (const [i, node] of nodes.entries()) {
    const { held, state } = before[i]!;
    await until(`${node.name} to be as before`, async () => await readState(node) === state, {
      deadlineMs: 60_000,
      seen: async () => `${differences(state, await readState(node))}\n${node.agent!.tail()}`,
    });
    await node.inSync(30_000);
    const now = await atRest(node);
    verdict.single({
      what: `${node.name}: handles at the end less those at the start, which were ${held.handles}`,
      value: Math.abs(now.handles - held.handles),
      unit: "",
      bound: 0,
    });
    verdict.single({
      what: `${node.name}: programs at the end less those at the start, which were ${held.children}`,
      value: Math.abs(now.children - held.children),
      unit: "",
      bound: 0,
    });
  }
  run.judge(verdict);
  await lab.close();
  return verdict;
}
