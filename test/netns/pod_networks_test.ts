// The recipes of docs/pod-networks.md, as a reader would use them: cloud-init's script runs on the node, the overlay's
// variables are the agent's.

import assert from "node:assert/strict";
import { load } from "js-yaml";
import recipes from "../../docs/pod-networks.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";

const SNIPPETS = snippetsIn({ path: "docs/pod-networks.md", text: recipes });
const ROUTED = "2001:db8:abcd:1234::1/64";
const SECOND = "2001:db8:abcd:1234:1::/80";

function yaml(name: string): unknown {
  return load(SNIPPETS.get(name)!);
}

/** The variables that an overlay gives the agent. */
function environment(name: string): Record<string, string> {
  const { patches } = yaml(name) as { patches: [{ patch: string }] };
  const { spec } = load(patches[0].patch) as {
    spec: { template: { spec: { containers: [{ env: { name: string; value: string }[] }] } } };
  };
  return Object.fromEntries(spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]));
}

/** A node with a /64 of its own on eth0, whose Node has what the controller-manager gives: IPv4. */
async function machine(lab: Lab): Promise<Node> {
  const [node] = lab.nodes as [Node];
  await node.ip([`address add ${ROUTED} dev eth0 nodad`, "address del fd09::1/64 dev eth0"]);
  return node;
}

async function rangesOf(node: Node): Promise<string[]> {
  const { plugins } = JSON.parse(await node.conflist());
  return plugins[0].ipam.ranges.flat().map(({ subnet }: { subnet: string }) => subnet);
}

Deno.test("cloud-init's script finds the second /80 of the machine's /64, and the agent takes it beside spec's IPv4", async () => {
  await using lab = await Lab.create({ nodes: 1, families: { pods: [4] } });
  const node = await machine(lab);
  const { write_files: [file], runcmd: [command] } = yaml("cloud-init") as {
    write_files: [{ path: string; permissions: string; content: string }];
    runcmd: [string[]];
  };
  assert.deepEqual([command, file.permissions], [[file.path], "0755"]);
  // The laboratory's own places for the script and for /etc/wigglenet.
  const script = `${node.folder}/pod-cidrs`;
  await Deno.writeTextFile(script, file.content.replaceAll("/etc/wigglenet", node.folder), { mode: 0o755 });
  await node.run([script]);
  const env = environment("overlay-file");
  assert.equal(env.POD_CIDR_SOURCE_PATH, "/etc/wigglenet/cidrs.txt");
  const path = env.POD_CIDR_SOURCE_PATH.replace("/etc/wigglenet", node.folder);
  assert.equal(await Deno.readTextFile(path), `${SECOND}\n`);
  node.startAgent({ env: { ...env, POD_CIDR_SOURCE_PATH: path } });
  assert.deepEqual(await rangesOf(node), [SECOND, "10.244.1.0/24"]);
});

Deno.test("the script says what is wrong on a machine without a /64, and writes nothing", async () => {
  await using lab = await Lab.create({ nodes: 1, families: { underlay: [4], pods: [4] } });
  const [node] = lab.nodes as [Node];
  const { write_files: [file] } = yaml("cloud-init") as { write_files: [{ content: string }] };
  const content = file.content.replaceAll("/etc/wigglenet", node.folder);
  const { code, stderr } = await node.attempt(["python3", "-c", content]);
  assert.deepEqual([code, stderr], [1, "eth0 has no IPv6 /64\n"]);
  assert.equal(await Deno.stat(`${node.folder}/cidrs.txt`).catch(() => undefined), undefined);
});

Deno.test("the expression gives the same /80 without a script", async () => {
  await using lab = await Lab.create({ nodes: 1, families: { pods: [4] } });
  const node = await machine(lab);
  node.startAgent({ env: environment("overlay-expression") });
  assert.deepEqual(await rangesOf(node), [SECOND, "10.244.1.0/24"]);
});

Deno.test("kubeadm's networks are what a node of the laboratory has its pod CIDRs from", async () => {
  const networks = (name: string) =>
    (yaml(name) as { networking: { podSubnet: string } }).networking.podSubnet.split(",");
  assert.deepEqual(networks("kubeadm-ipv4"), ["10.244.0.0/16"]);
  assert.deepEqual(networks("kubeadm-dual-stack"), ["10.244.0.0/16", "fd00:10:244::/56"]);
  await using lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  node.startAgent({ env: { CLUSTER_POD_CIDRS: networks("kubeadm-dual-stack").join(",") } });
  assert.deepEqual(await rangesOf(node), ["fd00:10:244:1::/64", "10.244.1.0/24"]);
});
