// What was measured, beside what must be reached: the table at the end of a benchmark. Pure.

import { type Interval, median, medianInterval, quantile } from "./statistics.ts";

interface Row {
  readonly what: string;
  readonly measured: string;
  readonly interval: string;
  readonly bound: string;
  readonly verdict: "" | "ok" | "MISSED";
}

/** A quantity of which there are several samples. */
export interface Measured {
  readonly what: string;
  readonly values: readonly number[];
  /** Printed behind numbers: `ms`, `×`. */
  readonly unit: string;
  readonly digits?: number;
  /** At most; without a bound it is for information only. */
  readonly bound?: number;
  /** At least, for what is measured itself. */
  readonly least?: number;
  /** At least, for the lower end of the interval. */
  readonly lowEnd?: number;
}

/** Collects rows; `holds` when no bound was missed. */
export class Verdict {
  readonly #rows: Row[] = [];

  get holds(): boolean {
    return this.#rows.every(({ verdict }) => verdict !== "MISSED");
  }

  /** The median; the bound must hold for the upper end of its 95 % interval. */
  median(measured: Measured): void {
    this.#add(measured, median(measured.values), medianInterval(measured.values));
  }

  /** A quantile; the bound must hold for it as it was measured. */
  quantile(measured: Measured, share: number): void {
    this.#add(measured, quantile(measured.values, share), undefined);
  }

  /** The only value there is. */
  single(measured: Omit<Measured, "values"> & { readonly value: number }): void {
    this.#add({ ...measured, values: [measured.value] }, measured.value, undefined);
  }

  /** All rows, aligned. */
  table(): string {
    const head: Row = {
      what: "what",
      measured: "measured",
      interval: "95 % interval",
      bound: "bound",
      verdict: "",
    };
    const rows = [head, ...this.#rows];
    const width = (column: keyof Row) => Math.max(...rows.map((row) => row[column].length));
    const [what, measured, interval, bound] = [
      width("what"),
      width("measured"),
      width("interval"),
      width("bound"),
    ];
    return rows.map((row) =>
      [
        row.what.padEnd(what),
        row.measured.padStart(measured),
        row.interval.padStart(interval),
        row.bound.padStart(bound),
        row.verdict,
      ].join("  ").trimEnd()
    ).join("\n");
  }

  #add(measured: Measured, value: number, interval: Interval | undefined): void {
    const { what, values, unit, digits = 0, bound, least, lowEnd } = measured;
    const text = (number: number) => `${number.toFixed(digits)} ${unit}`;
    const { low, high } = interval ?? { low: value, high: value };
    const isBounded = [bound, least, lowEnd].some((limit) => limit !== undefined);
    const holds = high <= (bound ?? Infinity) && value >= (least ?? -Infinity) &&
      low >= (lowEnd ?? -Infinity);
    const lower = [least, lowEnd].flatMap((limit) => limit?.toFixed(digits) ?? []);
    this.#rows.push({
      what: values.length > 1 ? `${what} (${values.length})` : what,
      measured: text(value),
      interval: interval === undefined
        ? ""
        : `${interval.low.toFixed(digits)} to ${interval.high.toFixed(digits)}`,
      bound: [
        ...(bound === undefined ? [] : [text(bound)]),
        ...(lower.length === 0 ? [] : [`>= ${lower.join(", ")}`]),
      ]
        .join("; "),
      verdict: !isBounded ? "" : holds ? "ok" : "MISSED",
    });
  }
}
