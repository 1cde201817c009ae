// Counts what an agent writes to the kernel: what the kernel tells of our table, routes and link, and the steps that the
// agent itself has counted.

import type { Process } from "../lab/process.ts";
import type { Crowd } from "./crowd.ts";

/** Looks on until it is disposed of. */
export class Writes implements AsyncDisposable {
  private constructor(
    private readonly crowd: Crowd,
    private readonly monitors: readonly Process[],
    private readonly stepsBefore: number,
  ) {}

  /** From now on. */
  static async watch(crowd: Crowd, agent: Process): Promise<Writes> {
    const { node } = crowd;
    if (!agent.isRunning) throw new Error(`The agent has ended:\n${agent.tail()}`);
    const nft = node.start(["nft", "monitor"]);
    const ip = node.start(["ip", "-o", "monitor", "route", "link", "address"]);
    return new Writes(crowd, [nft, ip], await stepsOf(crowd));
  }

  /** Events of the kernel about what is ours, and steps of the agent. */
  async count(): Promise<number> {
    const ours = this.monitors.flatMap(({ stdout }) =>
      stdout.filter((line) => /inet wigglenet\b|\bwigglenet\b|proto 146/.test(line))
    );
    for (const line of ours.slice(0, 20)) console.log(`  ${line}`);
    return ours.length + await stepsOf(this.crowd) - this.stepsBefore;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.monitors.map((monitor) => monitor.kill("SIGTERM")));
  }
}

async function stepsOf({ node }: Crowd): Promise<number> {
  const status = await node.status();
  if (status === undefined) throw new Error("The agent does not answer");
  return status.applied.steps;
}
