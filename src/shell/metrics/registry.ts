// The registry of prom-client, filled from src/core/metrics. Imported only with ENABLE_METRICS, and of the package only
// what is used: with its push gateway, cluster and OpenTelemetry it is seven times as large.

import process from "node:process";
import type { Counter, CounterConfiguration, Gauge, Histogram, Metric, Registry } from "prom-client";
import CounterClass from "prom-client/lib/counter.js";
import GaugeClass from "prom-client/lib/gauge.js";
import HistogramClass from "prom-client/lib/histogram.js";
import RegistryClass from "prom-client/lib/registry.js";
import { type MetricName, METRICS, type Sample } from "../../core/metrics/metrics.ts";
import { PEER_METRICS } from "../../core/metrics/peer_series.ts";
import type { Outcome } from "../apply.ts";

const BACKEND = "nftables";
const NAMES = (Object.keys(METRICS) as MetricName[]).filter((name) => !PEER_METRICS.includes(name));

type Words = CounterConfiguration<string>;

/** All metrics but those of peers. */
export class MetricsRegistry {
  readonly #registry = new (RegistryClass as unknown as new () => Registry)();
  readonly #metrics = new Map<MetricName, Metric>();
  #sampled: ReadonlySet<MetricName> = new Set(NAMES.filter((name) => METRICS[name].type === "gauge"));

  constructor() {
    const classes = { gauge: GaugeClass, counter: CounterClass, histogram: HistogramClass };
    for (const name of NAMES) {
      const { type, help, labels } = METRICS[name];
      // Buckets: the library's own, which are those of the Go client, and so of the original.
      const make = classes[type] as unknown as new (words: Words) => Metric;
      this.#metrics.set(name, new make({ name, help, labelNames: [...labels], registers: [this.#registry] }));
    }
    // A rate over a series that begins with its first failure would not show it.
    for (const status of ["success", "error"]) {
      this.count("wigglenet_firewall_sync_total", { backend: BACKEND, status }, 0);
    }
  }

  /** Processor time of this process, all threads. */
  get cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Counts what was applied. */
  applied(outcomes: readonly Outcome[], durationMs: number): void {
    this.#observe("wigglenet_apply_duration_seconds", {}, durationMs);
    for (const { step: { part }, error, durationMs } of outcomes) {
      const status = error === undefined ? "success" : "error";
      this.count("wigglenet_steps_total", { part, status });
      if (part !== "table") continue;
      this.count("wigglenet_firewall_sync_total", { backend: BACKEND, status });
      this.#observe("wigglenet_firewall_sync_duration_seconds", { backend: BACKEND }, durationMs);
    }
  }

  count(name: MetricName, labels: Sample["labels"], by = 1): void {
    (this.#metrics.get(name) as Counter).inc(labels, by);
  }

  /** What has no label would be 0 after a reset, where nothing is meant. */
  #forget(name: MetricName): void {
    const metric = this.#metrics.get(name)!;
    metric.reset();
    if (METRICS[name].labels.length === 0) (metric as Gauge).remove();
  }

  #observe(name: MetricName, labels: Sample["labels"], durationMs: number): void {
    (this.#metrics.get(name) as Histogram).observe(labels, durationMs / 1000);
  }

  /** The text of everything, with these samples in place of those of the last time. */
  async text(samples: readonly Sample[]): Promise<string> {
    for (const name of this.#sampled) this.#forget(name);
    this.#sampled = new Set(samples.map(({ name }) => name));
    for (const { name, labels, value } of samples) {
      const metric = this.#metrics.get(name)!;
      if (METRICS[name].type === "counter") (metric as Counter).inc(labels, value);
      else (metric as Gauge).set(labels, value);
    }
    return await this.#registry.metrics();
  }
}
