// A stream of numbered UDP packets in one direction, to measure outages that a ping (both directions) hides.

import { type Arrival, type Gap, gapsOf } from "./gaps.ts";
import type { Host } from "./host.ts";
import type { Process } from "./process.ts";
import { until } from "./until.ts";

const PROGRAM = new URL("probe_program.ts", import.meta.url).pathname;

/** Where a probe runs. */
export interface ProbeOptions {
  readonly from: Host;
  readonly to: Host;
  /** Address of `to`. */
  readonly address: string;
  /** 1 to 1,000, default 200. */
  readonly ratePerSecond?: number;
  /** UDP port on `to`, default 9000; one for each probe to the same machine. */
  readonly port?: number;
}

/** What a probe saw. */
export interface ProbeReport {
  readonly sent: number;
  readonly received: number;
  readonly gaps: readonly Gap[];
  /** Length of the longest gap, 0 without one. */
  readonly longestGapMs: number;
}

/** A running probe. Make it with {@link Probe.start}. */
export class Probe {
  private constructor(
    private readonly sender: Process,
    private readonly receiver: Process,
    private readonly intervalMs: number,
  ) {}

  /** Starts receiver and sender; packets need not arrive yet. */
  static async start({ from, to, address, ratePerSecond = 200, port = 9000 }: ProbeOptions): Promise<Probe> {
    const argv = [Deno.execPath(), "run", "--quiet", "--no-config", "--unstable-net", "--allow-net", PROGRAM];
    const receiver = to.start([...argv, "receive", address, `${port}`]);
    await receiver.line("stdout", /^ready/);
    const sender = from.start([...argv, "send", address, `${port}`, `${ratePerSecond}`]);
    await sender.line("stdout", /^ready/);
    return new Probe(sender, receiver, 1000 / ratePerSecond);
  }

  /** Waits until a packet arrives that does so after the call. */
  async flowing(deadlineMs = 10_000): Promise<void> {
    const startMs = Date.now();
    await until("a packet of the probe to arrive", () => {
      return Number(this.receiver.stdout.at(-1)?.split(" ")[1] ?? 0) > startMs;
    }, { deadlineMs, seen: () => `${this.sender.tail()}\n${this.receiver.tail()}` });
  }

  /** Ends the probe. Gaps shorter than `minMs` (default: five intervals, at least 20 ms) are no gaps. */
  async stop(minMs = Math.max(20, 5 * this.intervalMs)): Promise<ProbeReport> {
    await this.sender.finish();
    await this.receiver.finish();
    const arrivals = JSON.parse(this.receiver.stdout.at(-1)!) as Arrival[];
    const gaps = gapsOf(arrivals, minMs);
    return {
      sent: Number(this.sender.stdout.at(-1)),
      received: new Set(arrivals.map(({ number }) => number)).size,
      gaps,
      longestGapMs: Math.max(0, ...gaps.map(({ lengthMs }) => lengthMs)),
    };
  }
}
