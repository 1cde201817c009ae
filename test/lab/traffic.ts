// Packets from each of several machines to each other one, all the time: whatever is done to one of them meanwhile,
// what do the others lose, and for how long is it away? One program a machine, for each start of one costs seconds on a
// slow machine.

import { type Arrival, type Gap, gapsOf } from "./gaps.ts";
import type { Host } from "./host.ts";
import type { Family } from "./manifest.ts";
import type { Process } from "./process.ts";
import type { Order, Target, Told } from "./traffic_program.ts";
import { until } from "./until.ts";

const PROGRAM = new URL("traffic_program.ts", import.meta.url).pathname;
const ARGV = [Deno.execPath(), "run", "--quiet", "--no-config", "--unstable-net", "-A", PROGRAM];
const FIRST_PORT = 9100;
const FAMILIES: readonly Family[] = [4, 6];

/** A machine that takes part. */
export interface End extends Host {
  /** Undefined: it has none of this family. */
  address(family: Family): string | undefined;
}

/** What became of the packets in one direction and family. */
export interface FlowReport {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  readonly sent: number;
  readonly lost: number;
  readonly gaps: readonly Gap[];
  /** Length of the longest gap, 0 without one. */
  readonly longestGapMs: number;
}

interface Flow {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  /** Arrivals since the last {@link Traffic.report}, and the last one before that. */
  arrivals: Arrival[];
  /** Number of the last packet that the last report was about. */
  reported: number;
}

interface Member {
  readonly name: string;
  readonly port: number;
  end: End;
  process: Process;
  /** Number of the last packet that it is known to have sent. */
  sent: number;
  overruns: number;
}

/** Running traffic between all members. Make it with {@link Traffic.start}. */
export class Traffic {
  readonly #members: Member[] = [];
  readonly #flows = new Map<string, Flow>();
  #asked = 0;

  private constructor(private readonly ratePerSecond: number) {}

  /** Starts a program on each machine and waits until every flow flows. */
  static async start(ends: ReadonlyMap<string, End>, ratePerSecond = 100): Promise<Traffic> {
    const traffic = new Traffic(ratePerSecond);
    for (const [name, end] of ends) traffic.#enter(name, end);
    await Promise.all(traffic.#members.map((member) => traffic.#instruct(member)));
    await traffic.flowing(20_000); // handshakes that cross are repeated after 5 s, and may cross again
    await traffic.report();
    return traffic;
  }

  /** Goes on with another machine in the place of one that is gone. It must have the same addresses. */
  async restart(name: string, end: End): Promise<void> {
    const member = this.#members.find((member) => member.name === name)!;
    member.end = end;
    member.process = this.#run(end);
    await this.#instruct(member);
  }

  /** Waits until each flow has a packet that arrived after the call. */
  async flowing(deadlineMs = 10_000): Promise<void> {
    const startMs = performance.timeOrigin + performance.now();
    const silent = () =>
      [...this.#flows.values()].filter(({ arrivals }) => (arrivals.at(-1)?.timeMs ?? 0) <= startMs);
    await until("every flow to flow", async () => {
      await this.#ask();
      return silent().length === 0;
    }, { deadlineMs, seen: () => `silent: ${silent().map(({ key }) => key).join(", ")}` });
  }

  /** What happened since the last report to the packets that were sent until now; what is under way is waited for. */
  async report(): Promise<readonly FlowReport[]> {
    await this.#ask();
    const sent = new Map(this.#members.map((member) => [member.name, member.sent]));
    const flows = [...this.#flows.values()];
    const isIn = ({ from, arrivals }: Flow) => (arrivals.at(-1)?.number ?? 0) >= sent.get(from)!;
    await until("the last packets to arrive", async () => {
      await this.#ask();
      return flows.every(isIn);
    }, { deadlineMs: 2_000 }).catch(() => {}); // a flow that is down: they are lost
    const slow = this.#members.filter(({ overruns }) => overruns > 0).map(({ name }) => name);
    if (slow.length > 0) {
      throw new Error(`The traffic programs of ${slow.join(", ")} were too slow to read all`);
    }
    return flows.map((flow) => reportOf(flow, sent.get(flow.from)!));
  }

  #enter(name: string, end: End): void {
    const port = FIRST_PORT + this.#members.length;
    const member: Member = { name, port, end, process: this.#run(end), sent: 0, overruns: 0 };
    for (const other of this.#members) {
      for (const [from, to] of [[member, other], [other, member]] as const) {
        for (const family of FAMILIES.filter((family) => to.end.address(family) !== undefined)) {
          const key = `${from.name} -> ${to.name} IPv${family}`;
          this.#flows.set(key, { key, from: from.name, to: to.name, family, arrivals: [], reported: 0 });
        }
      }
    }
    this.#members.push(member);
  }

  #run(end: End): Process {
    return end.start([...ARGV, `${this.ratePerSecond}`]);
  }

  #targets(flows: readonly Flow[]): Target[] {
    const named = (name: string) => this.#members.find((member) => member.name === name)!;
    return flows.map(({ key, from, to, family }) => ({
      flow: key,
      hostname: named(to).end.address(family)!,
      port: named(from).port,
    }));
  }

  async #instruct({ name, process, sent }: Member): Promise<void> {
    const flows = [...this.#flows.values()];
    await give(process, {
      listen: this.#targets(flows.filter(({ to }) => to === name)),
      send: this.#targets(flows.filter(({ from }) => from === name)),
      after: sent,
    });
  }

  /** Takes in what the programs have seen; one that was killed tells nothing. */
  async #ask(): Promise<void> {
    const tell = ++this.#asked;
    await Promise.all(
      this.#members.filter(({ process }) => process.isRunning).map(async (member) => {
        const { process } = member;
        await give(process, { tell });
        const line = await process.line("stdout", new RegExp(`^told ${tell} `));
        process.stdout.length = 0;
        const { sent, arrivals, overruns } = JSON.parse(line.replace(/^told \d+ /, "")) as Told;
        Object.assign(member, { sent, overruns });
        for (const [key, news] of Object.entries(arrivals)) this.#flows.get(key)!.arrivals.push(...news);
      }),
    );
  }
}

async function give(process: Process, order: Order): Promise<void> {
  await process.write(`${JSON.stringify(order)}\n`);
}

/** Takes what was sent until now out of the flow's arrivals. */
function reportOf(flow: Flow, sent: number): FlowReport {
  const { from, to, family, reported, arrivals } = flow;
  const numbers = new Set(arrivals.map(({ number }) => number));
  const due = Array.from({ length: sent - reported }, (_, i) => reported + 1 + i);
  const lost = due.filter((number) => !numbers.has(number)).length;
  const gaps = gapsOf(arrivals, 50);
  flow.arrivals = arrivals.filter(({ number }, i) => number > sent || i === arrivals.length - 1);
  flow.reported = sent;
  return {
    from,
    to,
    family,
    sent: sent - reported,
    lost,
    gaps,
    longestGapMs: Math.max(0, ...gaps.map(({ lengthMs }) => lengthMs)),
  };
}
