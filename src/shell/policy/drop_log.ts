// Tells of what policies drop: some lines a second, and how many packets there were in all.

import { tracedDropOf } from "../../core/observed/traced_drop.ts";
import { dropLineOf, type DropWitness } from "../../core/policy/drop_line.ts";
import type { Log } from "../log.ts";
import type { DropCounter } from "./drop_counter.ts";

/** What it needs. */
export interface DropLogOptions {
  readonly witness: DropWitness;
  readonly counter: Pick<DropCounter, "read" | "packets">;
  readonly log: Log;
}

/** The kernel tells of some a second for each content; of contents there may be hundreds. */
const LINES_A_SECOND = 20;
const SUMMARY_MS = 10_000;

/** See above. */
export class DropLog {
  #secondMs = -Infinity;
  #lines = 0;
  /** Since the last summary. */
  #told = 0;
  #counted: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: DropLogOptions) {}

  /** A line of `nft monitor` about a packet. */
  heard(line: string): void {
    const drop = tracedDropOf(line);
    if (drop === undefined) return;
    this.#summariseLater();
    if (performance.now() - this.#secondMs >= 1_000) {
      this.#secondMs = performance.now();
      this.#lines = 0;
    }
    if (++this.#lines > LINES_A_SECOND) return;
    this.#told++;
    const { message, fields } = dropLineOf(drop, this.options.witness);
    this.options.log.info(message, fields);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #summariseLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(async () => {
      await this.#summarise();
      this.#timer = undefined;
    }, SUMMARY_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** The first one has what was dropped before there was an agent, too. */
  async #summarise(): Promise<void> {
    const { counter, log } = this.options;
    await counter.read();
    const packets = counter.packets - (this.#counted ?? 0);
    this.#counted = counter.packets;
    if (packets > this.#told) log.info("policies drop more than is told", { packets, told: this.#told });
    this.#told = 0;
  }
}
