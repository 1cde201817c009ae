// What a program printed and what was made of it, for as long as somebody has that: an audit finds what the last one found, and
// of thousands of routes that costs more to read than the kernel needs to print it.

import { type Run, runAnew } from "./command.ts";

/** The last reading of one thing. The program runs each time: nothing is remembered that could be observed. */
export class LastReading<T extends object> {
  #print: number | undefined;
  #value: WeakRef<T> | undefined;

  /** @param parse must make the same of the same text, and nobody may change it after */
  constructor(private readonly parse: (stdout: string) => T) {}

  /**
   * What the program prints now; the identical value where it is what it printed last.
   * @throws CommandError, and what parsing throws
   */
  async read(command: Run): Promise<T> {
    const last = this.#value?.deref();
    const { print, stdout } = await runAnew(command, last === undefined ? undefined : this.#print);
    if (stdout === undefined) return last!;
    const value = this.parse(stdout);
    this.#print = print;
    this.#value = new WeakRef(value);
    return value;
  }
}
