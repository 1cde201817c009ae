// When elements of sets and maps of the agent's table come and go, as nft's monitor tells it.

import type { Host } from "../lab/host.ts";

const ELEMENT = /^(add|delete) element inet wigglenet ([\w.-]+) \{ (\S+)/;
/** Longer than anything that is measured may take. */
export const DEADLINE_MS = 10_000;

/** Of one machine, from {@link Elements.follow} on. */
export class Elements {
  /** What is waited for: `add p4 10.1.2.3`. */
  readonly #expected = new Map<string, (timeMs: number) => void>();

  private constructor() {}

  static follow(host: Host): Elements {
    const elements = new Elements();
    host.start(["nft", "monitor"], {
      onLine: (line, stream) => stream === "stdout" && elements.#heard(line),
    });
    return elements;
  }

  /**
   * The time of `performance.now` at which an element comes or goes.
   * @param sets the first of the sets with such names counts; peer sets by their first two letters
   * @returns Infinity after {@link DEADLINE_MS}: it did not
   */
  soon(verb: "add" | "delete", sets: string, member: string): Promise<number> {
    return soonOr(Infinity, (resolve) => this.#expected.set(`${verb} ${sets} ${member}`, resolve));
  }

  #heard(line: string): void {
    const [, verb, set, member] = ELEMENT.exec(line) ?? [];
    if (verb === undefined) return;
    const key = `${verb} ${set!.startsWith("policy-") ? set : set!.slice(0, 2)} ${member}`;
    this.#expected.get(key)?.(performance.now());
    this.#expected.delete(key);
  }
}

/** What `begin` resolves with, or something else after {@link DEADLINE_MS}. */
export function soonOr<T>(late: T, begin: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(late), DEADLINE_MS);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
