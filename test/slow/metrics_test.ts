// Metrics and probes of a running agent, asked by curl: what Prometheus and kubelet see.

import assert from "node:assert/strict";
import { METRICS } from "../../src/core/metrics/metrics.ts";
import { BUNDLED } from "../lab/agent.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Output } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const METRICS_ON = { "enable-metrics": "true", "metrics-bind-addr": "127.0.0.1:9091" };

/** What curl prints, with the status in a line of its own behind it. */
function ask(node: Node, path: string, ...args: readonly string[]): Promise<Output> {
  const url = `http://127.0.0.1:9091${path}`;
  return node.attempt(["curl", "-sS", "-m", "10", "-w", "\n%{http_code}\n", ...args, url]);
}

async function metricsOf(node: Node): Promise<string> {
  const { stdout, stderr } = await ask(node, "/metrics");
  assert.match(stdout, /\n200\n$/, stderr);
  return stdout;
}

/** The value of a series; undefined when it is not there. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

Deno.test("metrics are served by the agent as shipped, with its own permissions", async () => {
  await using lab = await Lab.create({ nodes: 1, agent: BUNDLED });
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: METRICS_ON });
  await node.inSync();
  const text = await metricsOf(node);
  for (const name of ["wigglenet_ready", "wigglenet_in_sync"]) assert.equal(valueOf(text, name), 1, name);
  assert.ok(valueOf(text, "process_cpu_seconds_total")! > 0);
});

Deno.test("metrics name what the host has: peers as WireGuard counts them, repairs, the tunnel", async () => {
  await using lab = await Lab.create({ nodes: 2 });
  const [n1, n2] = lab.nodes as [Node, Node];
  for (const node of lab.nodes) node.startAgent({ settings: METRICS_ON });
  await Promise.all(lab.nodes.map((node) => node.inSync()));
  const [from, to] = await Promise.all(lab.nodes.map((node) => node.addPod(`${node.name}-pod`)));
  await until("pods to meet", async () => (await from!.ping(to!.address(4)!)).received === 1);
  const key = (await n2.run(["wg", "show", "wigglenet", "public-key"])).trim();
  const peer = `public_key="${key}",endpoint="${n2.address(4)}:24601"`;
  const text = await until("the agent to have seen the traffic", async () => {
    const text = await metricsOf(n1);
    return (valueOf(text, `wigglenet_peer_receive_bytes_total{${peer}}`) ?? 0) > 0 && text;
  }, { seen: () => metricsOf(n1) });
  assert.ok(valueOf(text, `wigglenet_peer_transmit_bytes_total{${peer}}`)! > 0);
  assert.ok(valueOf(text, `wigglenet_peer_last_handshake_seconds{${peer}}`)! < 60);
  assert.equal(valueOf(text, `wigglenet_peer_info{public_key="${key}",node="n2"}`), 1);
  assert.equal(valueOf(text, "wigglenet_peers_total"), 1);
  assert.equal(valueOf(text, "wigglenet_pod_cidrs_total"), 4);
  assert.equal(valueOf(text, "wigglenet_ready"), 1);
  assert.equal(valueOf(text, "wigglenet_in_sync"), 1);
  assert.equal(valueOf(text, "wigglenet_plan_changes"), 0);
  assert.ok(valueOf(text, 'wigglenet_firewall_sync_total{backend="nftables",status="success"}')! >= 1);
  assert.equal(valueOf(text, 'wigglenet_firewall_sync_total{backend="nftables",status="error"}'), 0);
  const link = JSON.parse(await n1.run(["ip", "-j", "link", "show", "wigglenet"]));
  assert.equal(valueOf(text, "wigglenet_tunnel_mtu_bytes"), link[0].mtu);
  assert.ok(valueOf(text, "process_resident_memory_bytes")! > 10e6);
  for (const name of Object.keys(METRICS)) assert.match(text, new RegExp(`^# TYPE ${name} `, "m"));

  // What is repaired together with news of the host, an address of a new pod's link, counts as that.
  await until("a repair to be counted", async () => {
    await n1.attempt(["nft", "delete", "table", "inet", "wigglenet"]);
    return valueOf(await metricsOf(n1), 'wigglenet_drift_repaired_total{kind="table"}')! >= 1;
  }, { pauseMs: 500, seen: () => metricsOf(n1) });
});

Deno.test("readyz says why not until the first complete apply, healthz is well at once, with health alone too", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  const nodes = `${lab.folder}/later.yaml`;
  node.startAgent({ settings: { "health-bind-addr": "127.0.0.1:9091", nodes } });
  const waiting = await until("an answer", async () => {
    const { code, stdout } = await ask(node, "/readyz");
    return code === 0 && /waiting for/.test(stdout) && stdout;
  }, { seen: () => node.diagnose() });
  assert.match(waiting, /^not ready: waiting for Nodes: .*\n\n503\n$/);
  assert.equal((await ask(node, "/healthz")).stdout, "ok\n\n200\n");
  assert.match((await ask(node, "/metrics")).stdout, /\n404\n$/);
  await Deno.writeTextFile(nodes, JSON.stringify(node.manifest));
  await node.inSync();
  assert.equal((await ask(node, "/readyz")).stdout, "ready\n\n200\n");
});

Deno.test("a loop that waits shows for how long, which is what health is told by", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: METRICS_ON });
  await node.inSync();
  const age = async () => valueOf(await metricsOf(node), "wigglenet_last_pass_age_seconds")!;
  await until("a pass of the last second", async () => await age() < 1.5);
  await Deno.writeTextFile(`${lab.folder}/wg`, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  await node.run(["mount", "--bind", `${lab.folder}/wg`, "/usr/bin/wg"]);
  await until("a pass that takes longer", async () => await age() > 4, { seen: () => node.agent!.tail() });
  await node.run(["umount", "/usr/bin/wg"]);
  await until("passes to go on", async () => await age() < 1.5, { deadlineMs: 40_000 });
});

Deno.test("a port that is taken is named, costs nothing else, and is served once it is free", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  const thief = node.start(["openssl", "s_server", "-accept", "127.0.0.1:9091", "-nocert", "-quiet"]);
  await until("the port to be taken", async () => (await node.run(["ss", "-Hltn"])).includes(":9091"));
  const check = await node.runAgent({ verb: "check", settings: METRICS_ON });
  assert.match(
    check.stdout,
    /^warning: TCP port 9091 is somebody else's: METRICS_BIND_ADDR=127\.0\.0\.1:9091/m,
  );
  const agent = node.startAgent({ settings: METRICS_ON });
  await node.inSync();
  const told = () => agent.stderr.find((line) => / error /.test(line)) ?? "";
  assert.match(
    told(),
    /metrics: cannot serve on 127\.0\.0\.1:9091: port 9091 is taken; ss -ltnp sport = :9091/,
  );
  const { waiting } = (await node.status())!;
  assert.deepEqual(waiting.map(({ what }) => what), ["metrics"]);
  await thief.kill("SIGKILL");
  await until("metrics to be served", async () => (await ask(node, "/healthz")).code === 0, {
    deadlineMs: 40_000,
  });
  assert.deepEqual((await node.status())!.waiting, []);
});

Deno.test("clients that are slow, many, or speak something else do not keep others from being served", async () => {
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: { ...METRICS_ON, "metrics-bind-addr": ":9091" } });
  await node.inSync();
  const junk = [
    "GET / HTTP/9.9\r\n\r\n",
    "\u0000\u0001\u0002\r\n\r\n",
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`,
  ];
  for (const text of junk) {
    await node.attempt(["curl", "-sS", "-m", "5", "telnet://127.0.0.1:9091"], { stdin: text });
    assert.match((await ask(node, "/healthz")).stdout, /200/, JSON.stringify(text.slice(0, 20)));
  }
  assert.match((await ask(node, "/metrics", "-X", "POST", "-d", "x")).stdout, /\n405\n$/);
  assert.match((await ask(node, "/../etc/passwd", "--path-as-is")).stdout, /\n404\n$/);
  // Half a request, from a hundred connections, and nobody ends them but the agent.
  // What the agent ends must not end bash.
  const slow =
    'trap "" PIPE; for i in $(seq 100); do exec {fd}<>/dev/tcp/127.0.0.1/9091; printf "GET / HTTP/1.1\\r\\nX: " >&$fd; done';
  const crowd = node.start(["bash", "-c", `${slow}; echo opened; sleep 60`]);
  await until("all to be connected", () => crowd.stdout.includes("opened"), { seen: () => crowd.tail() });
  const { stdout } = await node.attempt([
    "curl",
    "-sS",
    "-m",
    "10",
    "-g",
    "-w",
    "%{http_code}",
    "http://[::1]:9091/healthz",
  ]);
  assert.equal(stdout, "ok\n200", "somebody else is served meanwhile");
  const held = (await node.run(["ss", "-Htn", "state", "established", "sport = :9091"])).trim().split("\n");
  assert.equal(held.length, 16, "connections of one client");
  await until("all to be ended", async () => {
    return (await node.run(["ss", "-Htn", "state", "established", "sport = :9091"])).trim() === "";
  }, { deadlineMs: 30_000 });
  assert.match((await ask(node, "/healthz")).stdout, /200/);
  assert.equal(node.agent!.isRunning, true);
});
