// The agent out of the image: its root read-only and without a shell, NET_ADMIN its only capability, its nft another
// one than the machine's. The data plane of one is the other's, in both directions.

import assert from "node:assert/strict";
import { CAPABILITIES } from "../../deploy/image/confine.ts";
import { BUNDLED, IMAGED } from "../lab/agent.ts";
import { HAS_GRE } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node, Settings } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { differences, readState, withoutMoving } from "../netns/state.ts";
import { saying } from "../netns/transports.ts";

const KUBECONFIG = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{
    name: "nobody",
    cluster: { server: "https://127.0.0.1:1", "insecure-skip-tls-verify": true },
  }],
  users: [{ name: "me", user: { token: "of-me" } }],
  contexts: [{ name: "here", context: { cluster: "nobody", user: "me" } }],
  "current-context": "here",
});

async function meshOf(lab: Lab): Promise<() => Promise<unknown>> {
  const [from, to] = await Promise.all(lab.nodes.map((node) => node.addPod(`${node.name}-pod`)));
  return () =>
    Promise.all(([4, 6] as const).map((family) =>
      until(`IPv${family} to pass`, async () => {
        return (await from!.ping(to!.address(family)!, { timeoutMs: 500 })).received === 1;
      }, { seen: () => lab.diagnose() })
    ));
}

Deno.test("the image runs the agent on a read-only root with one capability, and every verb answers", async () => {
  await using lab = await Lab.create({ nodes: 2, agent: IMAGED });
  const processes = lab.nodes.map((node) => node.startAgent());
  const meet = await meshOf(lab);
  await meet();
  const [n1] = lab.nodes as [Node];
  await n1.inSync();
  const { pid } = processes[0]!;
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  assert.deepEqual(CAPABILITIES, ["net_admin"]);
  assert.match(status, /^CapPrm:\t0000000000001000$/m);
  assert.match(status, /^CapBnd:\t0000000000001000$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  for (const verb of ["status", "check", "diff", "graph"]) {
    const { code, stdout, stderr } = await n1.runAgent({ verb });
    assert.equal(code, 0, `${verb}: ${stdout}${stderr}`);
  }
  assert.match((await n1.runAgent({ verb: "install-cni" })).stdout, /^\/opt\/cni\/bin has every plugin$/m);
  assert.match((await n1.runAgent({ verb: "check", args: ["--mtu"] })).stdout, /n2/);
  const before = await readState(n1);
  const ended = await Promise.all(processes.map((process) => process.kill("SIGTERM")));
  assert.deepEqual(ended.map(({ code }) => code), [0, 0]);
  assert.deepEqual(processes.flatMap(({ stderr }) => stderr.filter((l) => / (warn|error) /.test(l))), []);
  assert.equal(differences(before, await readState(n1)), "");
  await meet();
  const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup" });
  assert.deepEqual([code, stderr], [0, ""], stdout);
});

Deno.test("what is loaded only when a setting asks for it is in the image: metrics, expressions, credentials", async () => {
  await using lab = await Lab.create({ nodes: 1, agent: IMAGED });
  const [node] = lab.nodes as [Node];
  const settings = {
    "enable-metrics": "true",
    "metrics-bind-addr": "127.0.0.1:9091",
    "pod-cidr-source-ipv6": "expression",
    "pod-cidr-expression": `cidr("fd00:7::/48").subnet(64, 7)`,
  };
  const agent = node.startAgent({ settings });
  await node.inSync();
  assert.match(await node.conflist(), /fd00:7:0:7::\/64/);
  const metrics = await node.run(["curl", "-sS", "-m", "10", "http://127.0.0.1:9091/metrics"]);
  assert.match(metrics, /^wigglenet_in_sync 1$/m);
  await agent.kill("SIGTERM");
  // To know what is wrong with this one takes the package that reads kubeconfigs.
  await Deno.writeTextFile(`${node.folder}/kubeconfig`, KUBECONFIG);
  const kubeconfig = { nodes: undefined, kubeconfig: `${node.folder}/kubeconfig` };
  const { code, stderr } = await node.runAgent({ verb: "render", settings: kubeconfig });
  assert.equal(code, 1);
  assert.match(stderr, /^wigglenet: Kubeconfig \/etc\/wigglenet\/kubeconfig says insecure-skip-tls-verify: /);
});

/** All nodes say that they take it; returns the settings. */
async function taking(lab: Lab, transport: string): Promise<Settings> {
  const taken = `ipv4=${transport},ipv6=${transport}`;
  for (const { manifest } of transport === "wireguard" ? [] : lab.nodes) {
    await lab.publish(saying(manifest, taken));
  }
  return { "transport-ipv4": transport, "transport-ipv6": transport };
}

const CHANGES = [[BUNDLED, IMAGED], [IMAGED, BUNDLED]] as const;
const CASES = ["wireguard", "vxlan", "gre"].flatMap((transport) =>
  CHANGES.map((change) => ({ transport, change }))
);

for (const { transport, change: [first, second] } of CASES) {
  const title = `by ${transport} a node goes from ${first.what} to ${second.what}`;
  const ignore = transport === "gre" && !HAS_GRE;
  Deno.test(`${title}, with another nft and ip, and nothing is changed`, { ignore }, async () => {
    await using lab = await Lab.create({ nodes: 2, agent: IMAGED });
    const settings = await taking(lab, transport);
    const start = (argv: readonly string[]) => lab.nodes.map((node) => node.startAgent({ argv, settings }));
    const before = start(first.argv);
    const meet = await meshOf(lab);
    await meet();
    const [n1] = lab.nodes as [Node];
    await n1.inSync();
    await Promise.all(before.map((process) => process.kill("SIGTERM")));
    // Handles tell a table that was made anew.
    const handles = async () =>
      withoutMoving(await n1.run(["nft", "-a", "list", "table", "inet", "wigglenet"]));
    const [state, table] = [await readState(n1), await handles()];
    const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", argv: second.argv, settings });
    assert.deepEqual([code, stderr], [0, ""], stdout);
    const after = start(second.argv);
    await n1.inSync();
    assert.equal(differences(state, await readState(n1)), "");
    assert.equal(await handles(), table);
    await meet();
    // A repair by the second of what the first had made.
    await n1.run(["nft", "flush", "chain", "inet", "wigglenet", "forward"]);
    await until(
      "the chain to be back",
      async () => await handles().then((text) => text.length >= table.length),
    );
    await lab.withdraw("n2");
    await n1.says("n2 is gone", ({ peers, clear = [] }) => peers.length + clear.length === 0);
    assert.deepEqual(after[0]!.stderr.filter((line) => / error /.test(line)), []);
  });
}

for (const [first, second] of CHANGES) {
  Deno.test(`by gre the table of ${first.what} is that of ${second.what}, also on a kernel without it`, async () => {
    await using lab = await Lab.create({ nodes: 2, agent: IMAGED });
    const settings = await taking(lab, "gre");
    const [n1] = lab.nodes as [Node];
    const process = n1.startAgent({ argv: first.argv, settings });
    await n1.says(
      "its table stands",
      ({ applied: { isInSync, failing } }) => isInSync || "overlay" in failing,
    );
    // Until it fails no longer it looks again and again, and `diff` cannot tell.
    await process.kill("SIGTERM");
    const { stdout, stderr } = await n1.runAgent({ verb: "diff", argv: second.argv, settings });
    assert.equal(stderr, "");
    assert.doesNotMatch(stdout, /^. (?:table|element) /m);
    assert.ok(HAS_GRE || stdout.includes("+ interface wigglenet-gre: gre (missing)"), stdout);
  });
}
