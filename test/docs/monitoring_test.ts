// The dashboard and the PodMonitor against the table of metrics: a name or label that nobody serves fails here, and so
// does an expression that Prometheus would not parse, as far as brackets tell.

import assert from "node:assert/strict";
import dashboard from "../../deploy/monitoring/grafana-dashboard.json" with { type: "json" };
import podMonitor from "../../deploy/monitoring/podmonitor.yaml" with { type: "text" };
import { load } from "js-yaml";
import { HISTOGRAM_SUFFIXES, type Metric, METRICS } from "../../src/core/metrics/metrics.ts";

/** Labels that Prometheus adds, or that a histogram's buckets have. */
const ADDED_LABELS: readonly string[] = ["instance", "le"];
const FUNCTIONS: ReadonlySet<string> = new Set([
  "count",
  "histogram_quantile",
  "increase",
  "max",
  "rate",
  "sum",
  "time",
  "topk",
  "vector",
]);
const KEYWORDS: ReadonlySet<string> = new Set(["by", "on", "and", "or", "group_left"]);

/** Series that the agent serves, with the labels of each. */
const SERIES: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries<Metric>(METRICS).flatMap(([name, { type, labels }]) =>
    type === "histogram"
      ? HISTOGRAM_SUFFIXES.map((suffix) => [name + suffix, labels] as const)
      : [[name, labels] as const]
  ),
);

/** What an expression names: metrics, and labels where they are matched, grouped by or joined on. */
function namesIn(expression: string): { metrics: string[]; labels: string[]; others: string[] } {
  const text = expression.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, "");
  const groups = [...text.matchAll(/\b(?:by|on|group_left) \(([^)]*)\)/g)].flatMap(([, list]) =>
    list!.split(", ")
  );
  const matchers = [...text.matchAll(/\{([^}]*)\}/g)].flatMap(([, list]) =>
    list!.match(/\w+(?=[!=]|=~|!~)/g) ?? []
  );
  const bare = text.replaceAll(/\{[^}]*\}/g, "").replaceAll(/\b(by|on|group_left) \([^)]*\)/g, "$1");
  const words = bare.match(/[A-Za-z_:]\w*/g) ?? [];
  const metrics = words.filter((word) => /^(wigglenet|process)_/.test(word));
  const others = words.filter((word) =>
    !metrics.includes(word) && !FUNCTIONS.has(word) && !KEYWORDS.has(word)
  );
  return { metrics, labels: [...groups, ...matchers], others };
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const EXPRESSIONS = (dashboard.panels as readonly Panel[]).flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target }))
);

Deno.test("the dashboard asks for series that the agent serves, and for nothing else", () => {
  assert.ok(EXPRESSIONS.length > 20);
  for (const { title, expr } of EXPRESSIONS) {
    const { metrics, others } = namesIn(expr);
    assert.ok(metrics.length > 0, `${title}: ${expr}`);
    for (const name of metrics) assert.ok(SERIES.has(name), `${title}: ${name}`);
    assert.deepEqual(others, [], `${title}: ${expr}`);
  }
  for (const { query: { query } } of dashboard.templating.list) {
    assert.ok(SERIES.has(/^label_values\((\w+), instance\)$/.exec(query)![1]!), query);
  }
});

Deno.test("the dashboard groups and matches by labels that its series have, legends included", () => {
  for (const { title, expr, legendFormat } of EXPRESSIONS) {
    const { metrics, labels } = namesIn(expr);
    const known = [...ADDED_LABELS, ...metrics.flatMap((name) => SERIES.get(name) ?? [])];
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    for (const label of [...labels, ...shown]) {
      assert.ok(known.includes(label), `${title}: ${label} in ${expr}`);
    }
  }
});

Deno.test("brackets of the dashboard's expressions close, and panels do not overlap", () => {
  for (const { title, expr } of EXPRESSIONS) {
    let depth = 0;
    for (const [bracket] of expr.matchAll(/[(){}[\]]/g)) {
      depth += "({[".includes(bracket) ? 1 : -1;
      assert.ok(depth >= 0, `${title}: ${expr}`);
    }
    assert.equal(depth, 0, `${title}: ${expr}`);
  }
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
    for (let i = x; i < x + w; i++) {
      for (let j = y; j < y + h; j++) {
        assert.ok(i < 24 && !taken.has(`${i} ${j}`), `${title} overlaps`);
        taken.add(`${i} ${j}`);
      }
    }
  }
});

Deno.test("a name that nobody serves, and a label that a series has not, are found", () => {
  const { metrics, labels, others } = namesIn(
    'sum by (node, le) (rate(wigglenet_foo_total{instance=~"$instance", a!="wigglenet_x"}[5m])) or evil(bar)',
  );
  assert.deepEqual(metrics, ["wigglenet_foo_total"]);
  assert.deepEqual(labels, ["node", "le", "instance", "a"]);
  assert.deepEqual(others, ["evil", "bar"]);
});

Deno.test("metrics are named as Prometheus wants it, and the original's are all there", () => {
  for (const [name, { labels }] of Object.entries<Metric>(METRICS)) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    for (const label of labels) assert.match(label, /^[a-z][a-z0-9_]*$/);
  }
  const originals = Object.entries<Metric>(METRICS).filter(([, { isOriginal }]) => isOriginal).map((
    [name, { type, labels }],
  ) => `${name}{${labels}} ${type}`);
  // Its internal/metrics at v0.7.0; the histogram's buckets are the Go client's default.
  assert.deepEqual(originals, [
    "wigglenet_build_info{version,firewall_backend} gauge",
    "wigglenet_firewall_sync_total{backend,status} counter",
    "wigglenet_firewall_sync_duration_seconds{backend} histogram",
    "wigglenet_pod_cidrs_total{} gauge",
    "wigglenet_peers_total{} gauge",
    "wigglenet_network_policy_rules_total{direction} gauge",
    "wigglenet_peer_last_handshake_seconds{public_key,endpoint} gauge",
    "wigglenet_peer_receive_bytes_total{public_key,endpoint} counter",
    "wigglenet_peer_transmit_bytes_total{public_key,endpoint} counter",
  ]);
});

Deno.test("the PodMonitor scrapes the path that is served, and what it shows as comments is YAML too", () => {
  const { spec } = load(podMonitor) as { spec: { podMetricsEndpoints: readonly Record<string, unknown>[] } };
  assert.deepEqual(spec.podMetricsEndpoints.map(({ path, port }) => [path, port]), [["/metrics", "metrics"]]);
  const [head, body] = podMonitor.split(/(?=apiVersion)/) as [string, string];
  assert.match(head, /^(# .*\n)+$/);
  const shown = body.replaceAll(/^( *)# (From|With) .*\n/gm, "").replaceAll(/^( *)# /gm, "$1");
  const all = load(shown) as { spec: { podMetricsEndpoints: readonly Record<string, unknown>[] } };
  const [endpoint] = all.spec.podMetricsEndpoints;
  assert.deepEqual(Object.keys(endpoint!).slice(-3), ["metricRelabelings", "scheme", "tlsConfig"]);
  const [{ regex }] = endpoint!.metricRelabelings as [{ regex: string }];
  const dropped = [...SERIES.keys()].filter((name) => new RegExp(`^(?:${regex})$`).test(name));
  assert.deepEqual(dropped, [
    "wigglenet_peer_last_handshake_seconds",
    "wigglenet_peer_receive_bytes_total",
    "wigglenet_peer_transmit_bytes_total",
    "wigglenet_peer_info",
    "wigglenet_declared_last_handshake_seconds",
  ]);
});
