// When the kernel did something, as its own monitors tell: lines with the time at which they came.

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";
import { within } from "../lab/until.ts";

interface Expectation {
  readonly isMet: (line: string) => boolean;
  readonly meet: (timeMs: number) => void;
}

const DEADLINE_MS = 30_000;

/** Programs whose lines are waited for. */
export class Sightings {
  readonly #expected = new Set<Expectation>();
  readonly #programs: Process[] = [];

  /** Starts a program that prints a line for an event; `ready` is what it says, on stderr, once it listens. */
  async follow(host: Host, argv: readonly string[], ready?: RegExp): Promise<void> {
    const program = host.start(argv, { onLine: (line, stream) => stream === "stdout" && this.#see(line) });
    this.#programs.push(program);
    if (ready !== undefined) await program.line("stderr", ready);
  }

  #see(line: string): void {
    const now = performance.now();
    for (const expectation of this.#expected) {
      if (!expectation.isMet(line)) continue;
      this.#expected.delete(expectation);
      expectation.meet(now);
    }
  }

  /** The time of `performance.now` at which the last of these was seen; only lines from now on count. */
  async allOf(expected: Readonly<Record<string, (line: string) => boolean>>): Promise<number> {
    const open = new Set(Object.keys(expected));
    const times = Object.entries(expected).map(([name, isMet]) =>
      new Promise<number>((resolve) => {
        const meet = (timeMs: number) => {
          open.delete(name);
          resolve(timeMs);
        };
        this.#expected.add({ isMet, meet });
      })
    );
    try {
      return Math.max(...await within("the kernel", DEADLINE_MS, Promise.all(times)));
    } catch (error) {
      throw new Error(`Not seen: ${[...open].join(", ")}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill("SIGTERM")));
  }
}
