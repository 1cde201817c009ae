// What the agent tells of itself while it runs: metrics, health, readiness. Looks on; the loop never waits for it.

import type { DeclaredReport } from "../core/declared/status/report.ts";
import type { Waiting } from "../core/desired/desired_state.ts";
import { healthOf, readinessOf, type Verdict } from "../core/metrics/health.ts";
import { measure, type Moment } from "../core/metrics/measure.ts";
import { News } from "../core/metrics/news.ts";
import { nodesByKey, peerSeries } from "../core/metrics/peer_series.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import { statusLine } from "../core/metrics/status_line.ts";
import { type GivenSettings, isNamed, usesMetricsTls } from "../core/settings/settings.ts";
import type { Outcome } from "./apply.ts";
import { EventWriter } from "./events/event_writer.ts";
import type { Log } from "./log.ts";
import type { Answer, Asked } from "./metrics/http_listener.ts";
import type { KeptServer } from "./metrics/kept_server.ts";
import type { MetricsRegistry } from "./metrics/registry.ts";
import { NetworkCondition } from "./network_condition.ts";
import type { PolicyProgress } from "./policy/policy_progress.ts";
import type { Onlooker, Progress } from "./progress.ts";
import { relieve } from "./relieve.ts";
import type { Systemd } from "./systemd.ts";
import type { ApiClient } from "./sources/kubernetes/api_client.ts";
import type { NodeSource } from "./sources/node_source.ts";

/** What there is to tell of. */
export interface TelemetryOptions {
  readonly settings: GivenSettings;
  readonly version: string;
  readonly log: Log;
  readonly source: NodeSource<ParsedNode>;
  /** Where Events and the own Node's condition are written; undefined: the source is none that takes any. */
  readonly api: ApiClient | undefined;
  readonly progress: () => Progress;
  readonly policies?: PolicyProgress | undefined;
  /** What declared networks come to. */
  readonly declared?: () => DeclaredReport | undefined;
  /** Who started this process, and wants to hear of it. */
  readonly systemd: Systemd | undefined;
}

/** Where the manifests put the agent; a kubeconfig need not say any. */
const USUAL_NAMESPACE = "kube-system";
const TEXT = "text/plain; charset=utf-8";

/** RFC 6761: no host ever has such a name. */
const NOWHERE = "http://message.invalid/";
/** A remark that stands for longer has been seen, or is as somebody wants it. */
const NEWS_MS = 600_000;

/** Counts, answers probes, serves metrics where they are asked for. */
export class Telemetry implements Onlooker {
  readonly #options: TelemetryOptions;
  #servers: readonly KeptServer[] = [];
  #registry: MetricsRegistry | undefined;
  readonly #events: EventWriter | undefined;
  readonly #condition: NetworkCondition | undefined;
  #isReady = false;
  #passedAtMs = performance.now();
  readonly #remarks = new News(NEWS_MS);
  #turn: Promise<void> = Promise.resolve();

  constructor(options: TelemetryOptions) {
    this.#options = options;
    const { api, settings, source, log, progress } = options;
    // Nothing is refused before the own Node is known, and nothing stands.
    if (api === undefined || !isNamed(settings)) return;
    this.#condition = new NetworkCondition({ settings, api, log, progress });
    this.#events = new EventWriter({
      client: api,
      namespace: api.credentials.namespace ?? USUAL_NAMESPACE,
      own: settings.nodeName,
      rejected: () => progress().desired?.rejected ?? [],
      names: () => source.state().items.flatMap(({ node }) => node?.name ?? []),
      onWritten: (reason) => this.#registry?.count("wigglenet_events_written_total", { reason }),
      log,
    });
  }

  /** What keeps it from serving, or from saying that the network stands. */
  get waiting(): readonly Waiting[] {
    return [...this.#condition?.waiting() ?? [], ...this.#servers.flatMap(({ waiting }) => waiting)];
  }

  /** Begins to serve. The library and the server are loaded only where they are used. */
  async start(): Promise<void> {
    const { settings, log } = this.#options;
    const { isMetricsEnabled, metricsAddress, healthAddress } = settings;
    if (!isMetricsEnabled && healthAddress === "") return;
    if (isMetricsEnabled) this.#registry = new (await import("./metrics/registry.ts")).MetricsRegistry();
    const { KeptServer } = await import("./metrics/kept_server.ts");
    const tls = usesMetricsTls(settings) ? settings : undefined;
    this.#servers = [
      ...(isMetricsEnabled
        ? [
          new KeptServer({
            what: "metrics",
            address: metricsAddress,
            tls,
            log,
            answer: (asked) => this.#answer(asked),
          }),
        ]
        : []),
      ...(healthAddress === "" ? [] : [
        new KeptServer({
          what: "health",
          address: healthAddress,
          log,
          answer: (asked) => this.#probe(asked),
        }),
      ]),
    ];
    for (const server of this.#servers) await server.start();
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  passed(): void {
    this.#passedAtMs = performance.now();
    this.#events?.passed();
    this.#condition?.passed();
    this.#isReady ||= this.#options.progress().isStanding;
    this.#tellSystemd();
  }

  #tellSystemd(): void {
    const { systemd, progress, source } = this.#options;
    if (systemd === undefined) return;
    const { desired, ...now } = progress();
    const { problems } = source.state();
    const { peers = [], rejected = [] } = desired ?? {};
    const line = statusLine({ ...now, problems, rejected, peers: peers.length });
    systemd.passed({ isReady: this.#isReady, line });
  }

  applied(outcomes: readonly Outcome[], durationMs: number): void {
    this.#registry?.applied(outcomes, durationMs);
  }

  #readiness(): Verdict {
    return readinessOf({ ...this.#options.progress(), isReady: this.#isReady });
  }

  #passAgeSeconds(): number {
    return (performance.now() - this.#passedAtMs) / 1000;
  }

  #answer(asked: Asked): Answer {
    if (asked.path !== "/metrics") return this.#probe(asked);
    return { status: 200, contentType: this.#registry!.contentType, body: this.#metrics() };
  }

  #probe({ path, userAgent }: Asked): Answer {
    if (path === "/healthz") return probed(healthOf({ passAgeSeconds: this.#passAgeSeconds() }));
    if (path === "/readyz") return this.#shownBy(userAgent, this.#readiness());
    return { status: 404, contentType: TEXT, body: "here is nothing but /metrics, /healthz and /readyz\n" };
  }

  /**
   * Of a probe that succeeds kubelet shows nobody the message, except where it is redirected to another host: then it follows
   * nowhere, takes that as success, and its Event `ProbeWarning` has the text (pkg/probe/http/http.go of Kubernetes 1.36).
   * Not for ever: what somebody wants so, thousands of kubelets would tell the API of every few minutes.
   */
  #shownBy(userAgent: string, verdict: Verdict): Answer {
    const answer = probed(verdict);
    if (!userAgent.startsWith("kube-probe/")) return answer;
    const isNews = this.#remarks.isNews(verdict.hasRemarks && verdict.text, performance.now());
    return isNews ? { ...answer, status: 302, location: NOWHERE } : answer;
  }

  /**
   * Peers as the loop last read them, which it does every second (every five with 5,000 peers): for them a scrape starts no
   * program and waits for none, however many there are at once (docs/decisions/0026). Drops are read, once for all.
   */
  async *#metrics(): AsyncGenerator<string> {
    await this.#options.policies?.counted();
    const { desired, observed } = this.#options.progress();
    yield await this.#registry!.text(measure(this.#moment()));
    const peers = [...observed?.wireguard?.peers.values() ?? []];
    const times = { nowSeconds: Date.now() / 1000, nodes: nodesByKey(desired?.peers ?? []) };
    const pieces = peerSeries(peers, times);
    while (true) {
      const { done, value } = await this.#inTurn(() => pieces.next());
      if (done) return;
      yield value;
      relieve(); // not after the last piece alone: what four scrapes at once leave would add up
    }
  }

  /** One piece at a time, whoever asks, and then a pause as long as it took: half of the time is the loop's. */
  async #inTurn<T>(act: () => T): Promise<T> {
    const before = this.#turn;
    let end = () => {};
    this.#turn = new Promise((resolve) => end = resolve);
    await before;
    const startMs = performance.now();
    try {
      return act();
    } finally {
      setTimeout(end, performance.now() - startMs);
    }
  }

  #moment(): Moment {
    const { settings, version, source, progress } = this.#options;
    const { items, complete, problems } = source.state();
    const now = progress();
    const heardMs = source.liveness?.().heardMs;
    return {
      ...now,
      version,
      settings,
      rejected: now.desired?.rejected ?? items.flatMap(({ rejected }) => rejected),
      waiting: now.waiting.filter(({ isRemark }) => isRemark !== true).length,
      isReady: this.#isReady,
      passAgeSeconds: this.#passAgeSeconds(),
      failing: Object.keys(now.failing),
      source: {
        objects: items.length,
        isComplete: complete,
        problems: problems.length,
        ageSeconds: heardMs === undefined ? undefined : Math.max(0, (Date.now() - heardMs) / 1000),
      },
      policy: this.#options.policies?.moment(),
      declared: this.#options.declared?.(),
      nowSeconds: Date.now() / 1000,
      process: {
        memoryBytes: Deno.memoryUsage().rss,
        cpuSeconds: this.#registry!.cpuSeconds,
        startSeconds: performance.timeOrigin / 1000,
      },
    };
  }
}

function probed({ isGood, text }: Verdict): Answer {
  return { status: isGood ? 200 : 503, contentType: TEXT, body: `${text}\n` };
}
