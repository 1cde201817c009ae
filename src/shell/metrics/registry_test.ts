import assert from "node:assert/strict";
import { METRICS } from "../../core/metrics/metrics.ts";
import type { Step } from "../../core/plan/plan.ts";
import { MetricsRegistry } from "./registry.ts";

function outcome(part: Step["part"], durationMs: number, error?: Error) {
  return { step: { part, stage: 0, needs: [], changes: [], actions: [] }, error, durationMs };
}

/** Lines of one metric. */
function of(name: string, text: string): string[] {
  return text.split("\n").filter((line) =>
    new RegExp(`^(# (HELP|TYPE) )?${name}(_bucket|_sum|_count)?[ {]`).test(line)
  );
}

Deno.test("a sync of the table is counted and timed in the original's buckets", async () => {
  const registry = new MetricsRegistry();
  registry.applied([outcome("table", 30), outcome("cni", 1)], 31);
  registry.applied([outcome("table", 3000, new Error("nft exited 1"))], 3000);
  const text = await registry.text([]);
  assert.deepEqual(of("wigglenet_firewall_sync_total", text), [
    "# HELP wigglenet_firewall_sync_total Changes of the nftables table that were tried.",
    "# TYPE wigglenet_firewall_sync_total counter",
    'wigglenet_firewall_sync_total{backend="nftables",status="success"} 1',
    'wigglenet_firewall_sync_total{backend="nftables",status="error"} 1',
  ]);
  // prometheus.DefBuckets of client_golang, which the original uses.
  const bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
  const counts = [0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2];
  const name = "wigglenet_firewall_sync_duration_seconds";
  assert.deepEqual(of(name, text), [
    `# HELP ${name} How long changes of the nftables table took.`,
    `# TYPE ${name} histogram`,
    ...bounds.map((le, i) => `${name}_bucket{le="${le}",backend="nftables"} ${counts[i]}`),
    `${name}_sum{backend="nftables"} 3.03`,
    `${name}_count{backend="nftables"} 2`,
  ]);
  assert.deepEqual(of("wigglenet_steps_total", text).slice(2), [
    'wigglenet_steps_total{part="table",status="success"} 1',
    'wigglenet_steps_total{part="cni",status="success"} 1',
    'wigglenet_steps_total{part="table",status="error"} 1',
  ]);
  assert.deepEqual(of("wigglenet_apply_duration_seconds", text).slice(-1), [
    "wigglenet_apply_duration_seconds_count 2",
  ]);
});

Deno.test("samples are shown as they are now: what is gone is absent, counters of the agent do not add up", async () => {
  const registry = new MetricsRegistry();
  const gone = await registry.text([
    { name: "wigglenet_failing", labels: { part: "table" }, value: 1 },
    { name: "wigglenet_tunnel_mtu_bytes", labels: {}, value: 1420 },
    { name: "wigglenet_drift_repaired_total", labels: { kind: "peer" }, value: 7 },
  ]);
  assert.deepEqual(of("wigglenet_tunnel_mtu_bytes", gone).slice(2), ["wigglenet_tunnel_mtu_bytes 1420"]);
  const text = await registry.text([
    { name: "wigglenet_drift_repaired_total", labels: { kind: "peer" }, value: 8 },
  ]);
  assert.deepEqual(of("wigglenet_failing", text).slice(2), []);
  assert.deepEqual(of("wigglenet_tunnel_mtu_bytes", text).slice(2), []);
  assert.deepEqual(of("wigglenet_drift_repaired_total", text).slice(2), [
    'wigglenet_drift_repaired_total{kind="peer"} 8',
  ]);
});

Deno.test("every metric but those of peers is announced before anything has happened", async () => {
  const text = await new MetricsRegistry().text([]);
  for (const [name, { help, type }] of Object.entries(METRICS)) {
    if (name.startsWith("wigglenet_peer_")) continue;
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
});
