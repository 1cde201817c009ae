// Nobody says which Node a host is: it is found by the machine's own ids, as the kubelet reported them.

import assert from "node:assert/strict";
import { BUNDLED } from "../lab/agent.ts";
import { Lab, type LabOptions } from "../lab/lab.ts";
import { giveIds, idsOf, reported } from "../lab/machine_ids.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const UNNAMED = { "node-name": undefined };

/** Two nodes with ids of their own, whose Nodes do not say them yet. */
async function unnamed(options: Partial<LabOptions> = {}): Promise<{ lab: Lab; n1: Node; n2: Node }> {
  const lab = await Lab.create({ nodes: 2, ...options });
  const [n1, n2] = lab.nodes as [Node, Node];
  await giveIds(n1, idsOf(1));
  await giveIds(n2, idsOf(2));
  return { lab, n1, n2 };
}

/** The Nodes with what their kubelets say. */
async function report(lab: Lab): Promise<void> {
  for (const [i, { manifest }] of lab.nodes.entries()) await lab.publish(reported(manifest, idsOf(i + 1)));
}

Deno.test("an agent without NODE_NAME waits, says for what to status and probes, and is its Node once that is there", async () => {
  const { lab, n1 } = await unnamed();
  await using _ = lab;
  const probe = (path: string) => n1.attempt(["curl", "-sS", "-m", "10", `http://127.0.0.1:9092${path}`]);
  n1.startAgent({ settings: { ...UNNAMED, "health-bind-addr": "127.0.0.1:9092" } });
  await n1.says("it looks for its Node", ({ node, waiting }) => {
    return node === "" &&
      waiting.some(({ what, why }) => what === "this host's Node" && /3d1219c7\.\.\./.test(why));
  });
  await n1.agent!.line(
    "stderr",
    /waiting for this host's Node: NODE_NAME is not set, and none of the Nodes has machine-id/,
  );
  assert.match(
    (await probe("/readyz")).stdout,
    /^not ready: waiting for this host's Node: NODE_NAME is not set/,
  );
  assert.equal((await probe("/healthz")).stdout, "ok\n");
  const status = await n1.runAgent({ verb: "status" });
  assert.match(status.stdout, /^node \(not known yet\), wigglenet .*: not in sync\n/);
  assert.match(status.stdout, /waiting: this host's Node: .*set NODE_NAME \(--node-name\)/);
  assert.equal(
    (await n1.attempt(["nft", "list", "table", "inet", "wigglenet"])).code,
    1,
    "it touched the host",
  );
  await report(lab);
  await n1.inSync();
  assert.equal((await n1.status())!.node, "n1");
  assert.deepEqual((await n1.status())!.peers.map(({ node }) => node), ["n2"]);
  await until("the probe to be served again", async () => (await probe("/readyz")).stdout === "ready\n");
});

Deno.test("while it looks, SIGTERM ends it with exit code 0", async () => {
  const { lab, n1 } = await unnamed();
  await using _ = lab;
  n1.startAgent({ settings: UNNAMED });
  await n1.agent!.line("stderr", /waiting for this host's Node/);
  assert.equal((await n1.agent!.kill("SIGTERM")).code, 0);
});

Deno.test("two Nodes of one machine are refused by all verbs, which name both and the remedy", async () => {
  const { lab, n1, n2 } = await unnamed();
  await using _ = lab;
  for (const { manifest } of lab.nodes) await lab.publish(reported(manifest, idsOf(1)));
  const line =
    /2 Nodes have machine-id 3d1219c7\.\.\. and system UUID 4c4c4544\.\.\.: n1, n2; set NODE_NAME \(--node-name\) to this host's one/;
  for (const [verb, code] of Object.entries({ run: 1, render: 1, node: 1, diff: 2 })) {
    const output = await n1.runAgent({ verb, settings: UNNAMED });
    assert.equal(output.code, code, `${verb}: ${output.stderr}`);
    assert.match(output.stderr.trim().split("\n").at(-1)!, line, verb);
  }
  const { code, stdout } = await n1.runAgent({ verb: "check", settings: UNNAMED });
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^error: nobody knows which Node this host is; ${line.source}`, "m"));
  n1.startAgent();
  await n1.inSync();
  assert.doesNotMatch((await n1.runAgent({ verb: "check", settings: UNNAMED })).stdout, /nobody knows/);
  assert.match((await n2.runAgent({ verb: "render", settings: UNNAMED })).stderr, /none of the Nodes has/);
});

Deno.test("verbs find the Node as the agent does, and an expression is told the name that was found", async () => {
  const { lab, n1, n2 } = await unnamed();
  await using _ = lab;
  await report(lab);
  const settings = {
    ...UNNAMED,
    "pod-cidr-source-ipv4": "expression",
    "pod-cidr-expression": 'node.name == "n1" ? cidr("10.77.1.0/24") : cidr("10.77.2.0/24")',
  };
  n1.startAgent({ settings });
  await n1.inSync();
  assert.equal((await n1.status())!.podCidrs.includes("10.77.1.0/24"), true);
  assert.equal((await n1.runAgent({ verb: "diff", settings })).code, 0);
  for (const verb of ["render", "node"]) {
    const { code, stdout, stderr } = await n2.runAgent({ verb, settings });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /10\.77\.2\.0\/24/, verb);
  }
  const graph = ["graph", "--mermaid", `--nodes=${lab.nodesFolder}`];
  const drawn = await n2.attempt([...n2.agentArgv({ verb: "version" }).slice(0, -1), ...graph]);
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.doesNotMatch((await n1.runAgent({ verb: "check", settings })).stdout, /nobody knows/);
});

Deno.test("a host without ids is told at once what to set, and so is a command without Nodes", async () => {
  const { lab, n1 } = await unnamed();
  await using _ = lab;
  await giveIds(n1, {});
  for (const [verb, code] of Object.entries({ run: 1, render: 1, diff: 2 })) {
    const output = await n1.runAgent({ verb, settings: UNNAMED });
    assert.equal(output.code, code, output.stderr);
    assert.match(
      output.stderr,
      /neither \/etc\/machine-id nor .*product_uuid says which machine this is; set NODE_NAME/,
    );
  }
  const { code, stderr } = await n1.runAgent({ verb: "render", settings: { ...UNNAMED, nodes: undefined } });
  assert.equal(code, 2);
  assert.match(stderr, /NODE_NAME \(--node-name\) is not set: give the name of a Node/);
});

Deno.test("the agent as shipped reads the UUID of the firmware, where there is no machine-id", async () => {
  const { lab, n1 } = await unnamed({ agent: BUNDLED });
  await using _ = lab;
  await giveIds(n1, { systemUUID: idsOf(1).systemUUID });
  await report(lab);
  n1.startAgent({ settings: UNNAMED });
  await n1.inSync();
  assert.equal((await n1.status())!.node, "n1");
  await n1.agent!.line("stderr", /looks for this host's Node by="system UUID 4c4c4544\.\.\."/);
});
