// The most memory that a program of an agent ever had, by looking often.

import { memoryOf } from "./processor.ts";

/** Looks on until it is disposed of. */
export class ChildWatch implements Disposable {
  readonly #peaks = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(private readonly pid: number, everyMs = 10) {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** In MB; 0 when it was never seen. */
  peakMb(program: string): number {
    return this.#peaks.get(program) ?? 0;
  }

  #look(): void {
    for (const pid of childrenOf(this.pid)) {
      try {
        const name = Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
        this.#peaks.set(name, Math.max(this.peakMb(name), memoryOf(pid).peakMb));
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function childrenOf(pid: number): number[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].flatMap(({ name }) =>
      Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`).trim().split(" ").filter((it) => it !== "")
        .map(Number)
    );
  } catch {
    return [];
  }
}
