// What kubelets write of their Nodes again and again, and no agent has any use for.

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";

const PROGRAM = new URL("heartbeats_program.ts", import.meta.url).pathname;
const READING_MS = 120_000;

/** The kubelets of a crowd. Make them with {@link Heartbeats.of}; they end with the machine of the control plane. */
export class Heartbeats {
  private constructor(private readonly program: Process) {}

  /** Those of so many members, whose Nodes are there already. */
  static async of(host: Host, members: number): Promise<Heartbeats> {
    const argv = [Deno.execPath(), "run", "--quiet", "--cached-only", "-A", PROGRAM, `${members}`];
    const program = host.start(argv);
    await program.line("stdout", /^ready$/, READING_MS);
    return new Heartbeats(program);
  }

  /** Nodes say that they are alive, so often a second for so long. Returns how many did. */
  async beat(perSecond: number, durationMs: number): Promise<number> {
    this.program.stdout.length = 0;
    await this.program.write(`${perSecond} ${durationMs}\n`);
    const line = await this.program.line("stdout", /^sent \d+$/, 2 * durationMs + 10_000);
    return Number(line.slice("sent ".length));
  }
}
