// The program as shipped, with what it loads only where a setting asks for it: metrics, expressions, kubeconfigs. And
// credentials that are replaced beneath it, in each of the three ways in which it can have them.
//
//   n1 a pod   n2 a kubeconfig with a token's file   n3 a kubeconfig with a client certificate

import assert from "node:assert/strict";
import { BUNDLED } from "../lab/agent.ts";
import { NODES } from "../lab/kubernetes/agent_account.ts";
import { makeClient } from "../lab/kubernetes/certificates.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { putFile, putKubeconfig } from "../lab/kubernetes/kubeconfig.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";

const cluster = await Cluster.create({ nodes: 3, agent: BUNDLED });
const { plane, account } = cluster;
const [n1, n2, n3] = cluster.nodes as [Node, Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

/** The longest pause between two tries, and some. */
const RETRY_MS = 60_000;
const GHOST = { name: "n9" };
const KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgOTk=";
const ROUTED = `interfaces["routed0"].filter(p, p.prefixLength() == 64)[0].subnet(80, 1)`;

function knowAll(more: readonly { readonly name: string }[] = []): Promise<void[]> {
  return Promise.all(cluster.nodes.map((node) => {
    return cluster.knows(node, [...cluster.nodes.filter((other) => other !== node), ...more], RETRY_MS);
  }));
}

/** A Node comes and goes, and all agents follow. */
async function follow(): Promise<void> {
  const { metadata, ...rest } = manifestOf(9);
  const annotations = { "wigglenet/public-key": KEY, "wigglenet/node-ips": "[]" };
  await cluster.admin.create(NODES, kubeletNode({ ...rest, metadata: { ...metadata, annotations } }));
  await knowAll([GHOST]);
  await cluster.admin.remove(`${NODES}/${GHOST.name}`);
  await knowAll();
}

async function startByKubeconfig(node: Node, user: Readonly<Record<string, string>>): Promise<void> {
  const kubeconfig = await putKubeconfig(node, plane, user);
  node.startAgent({ settings: { nodes: undefined, kubeconfig } });
}

async function putCertificate(name: string): Promise<void> {
  await makeClient(plane.folder, name, `/CN=${name}`);
  await putFile(n3, "user.key", await plane.file(`${name}.key`));
  await putFile(n3, "user.crt", await plane.file(`${name}.crt`));
}

async function permit(user: string): Promise<void> {
  const group = "rbac.authorization.k8s.io";
  await cluster.admin.create(`/apis/${group}/v1/clusterrolebindings`, {
    apiVersion: `${group}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: user },
    roleRef: { apiGroup: group, kind: "ClusterRole", name: "wigglenet" },
    subjects: [{ apiGroup: group, kind: "User", name: user }],
  });
}

Deno.test("a pod with metrics and an expression, and kubeconfigs with a token's file and a certificate: one mesh", async () => {
  for (const node of cluster.nodes) await cluster.register(node);
  await n1.ip([
    "link add routed0 type veth peer name routed1",
    "link set routed0 up",
    "address add 2001:db8:1:1234::5/64 dev routed0 nodad",
  ]);
  const expression = { "pod-cidr-source-ipv6": "expression", "pod-cidr-expression": ROUTED };
  const metrics = { "enable-metrics": "true", "metrics-bind-addr": "127.0.0.1:9091" };
  await cluster.start(n1, { settings: { ...expression, ...metrics } });
  await putFile(n2, "token", `${await account.podToken("n2")}\n`);
  await startByKubeconfig(n2, { tokenFile: "token" });
  await putCertificate("agent-n3");
  await permit("agent-n3");
  await startByKubeconfig(n3, { "client-certificate": "user.crt", "client-key": "user.key" });
  await knowAll();
  assert.match((await cluster.annotations("n1"))["wigglenet/pod-cidrs"]!, /"2001:db8:1:1234:1::\/80"/);
  const text = await n1.run(["curl", "-sS", "-m", "10", "http://127.0.0.1:9091/metrics"]);
  for (const line of ["wigglenet_in_sync 1", "wigglenet_peers_total 2"]) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
});

Deno.test("a token's file that was replaced is asked with when the token is refused, and nobody notices", async () => {
  await putFile(n2, "token", await account.nodeToken("n2"));
  await account.removePod("n2");
  await plane.kill(); // what stands now was opened with the first one
  await plane.start();
  await follow();
  assert.doesNotMatch(n2.agent!.stderr.join("\n"), /\b401\b/);
});

Deno.test("a key of another certificate, then a user without rights: both named; with the right ones all goes on", async () => {
  await n3.agent!.kill("SIGTERM");
  await putCertificate("stranger");
  await putFile(n3, "user.key", await plane.file("agent-n3.key"));
  await startByKubeconfig(n3, { "client-certificate": "user.crt", "client-key": "user.key" });
  await n3.agent!.line("stderr", /do not belong together/, 20_000);
  await putFile(n3, "user.key", await plane.file("stranger.key"));
  assert.match(await n3.agent!.line("stderr", /403/, 40_000), /"stranger" cannot list.*ClusterRole/);
  await putCertificate("agent-n3");
  await follow();
});

Deno.test("the cluster's CA is replaced: named while it is not known, and taken up in each of the three ways", async () => {
  const ca = await plane.renewAuthority();
  await Promise.all(cluster.nodes.map((node) => node.agent!.line("stderr", /not signed by the CA/, 20_000)));
  await account.mount(n1, await account.podToken("n1"), ca);
  for (const node of [n2, n3]) await putFile(node, "ca.crt", ca);
  await follow();
});
