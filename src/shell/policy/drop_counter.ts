// Counts what policies drop, by the counters of the kernel's table. Read when somebody asks, once for all who ask at a time.

import { type DropTotal, DropTotals, parseCounters } from "../../core/policy/drop_totals.ts";
import type { PolicyModel } from "../../core/policy/policy_model.ts";
import { TABLE } from "../../core/render/render_table.ts";
import { run } from "../command.ts";
import { unlessAbsent } from "../observe.ts";

/** A reading that is as old is as good as a new one: many ask, and each is a program. */
const FRESH_MS = 1_000;
const TIMEOUT_MS = 2_000;

/** See above. */
export class DropCounter {
  readonly #totals = new DropTotals();
  #readMs = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(private readonly model: Pick<PolicyModel, "policiesByContent">) {}

  /** As they were read last, those of most packets first. */
  all(): readonly DropTotal[] {
    return this.#totals.all();
  }

  /** All packets together. */
  get packets(): number {
    return this.#totals.packets;
  }

  /** Reads; what cannot be read stays as it was. */
  async read(): Promise<void> {
    if (performance.now() - this.#readMs < FRESH_MS) return;
    await (this.#reading ??= this.#read().finally(() => this.#reading = undefined));
  }

  async #read(): Promise<void> {
    const args = ["-j", "list", "counters", "table", "inet", TABLE];
    const json = await unlessAbsent(run({ program: "nft", args, timeoutMs: TIMEOUT_MS })).catch(() =>
      undefined
    );
    if (json !== undefined) this.#totals.take(parseCounters(json), this.model.policiesByContent());
    this.#readMs = performance.now();
  }
}
