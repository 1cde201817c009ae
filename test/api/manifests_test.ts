// deploy/kubernetes as a real API server takes it: each variant, over what the original's users have, and its policy
// alone, for the day when somebody permits the account more than its role does.

import assert from "node:assert/strict";
import recipes from "../../docs/pod-networks.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { PARTS, VARIANTS } from "../deploy/manifests.ts";
import { AgentAccount, NODES } from "../lab/kubernetes/agent_account.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { type Attacks, COMINGS_AND_GOINGS, patch } from "./node_attacks.ts";

const FOLDER = new URL("../../deploy/kubernetes/", import.meta.url).pathname;
const ORIGINAL = new URL("../fixtures/original/manifest.yaml", import.meta.url).pathname;
const DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets";

const lab = await Lab.create({ nodes: 1 });
const plane = await ControlPlane.create(lab);
Deno.test.afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await lab.close();
});

// A namespace of a dry run is not there for what stands in it.
await plane.mustKubectl(["create", "namespace", "wigglenet-secrets"]);

for (const variant of [...VARIANTS, ...PARTS]) {
  Deno.test(`the API server takes ${variant}`, async () => {
    const { code, stdout, stderr } = await plane.kubectl([
      ...["apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", `${FOLDER}${variant}`],
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
    if (PARTS.includes(variant)) return;
    assert.match(stdout, /^daemonset.apps\/wigglenet serverside-applied \(server dry run\)$/m);
    assert.match(stdout, /^validatingadmissionpolicybinding\S+\/wigglenet-own-annotations /m);
  });
}

const OVERLAYS = [...snippetsIn({ path: "docs/pod-networks.md", text: recipes })]
  .filter(([name]) => name.startsWith("overlay-"));

for (const [name, text] of OVERLAYS) {
  Deno.test(`the API server takes docs/pod-networks.md's ${name}, beside a checkout called wigglenet`, async () => {
    const folder = `${lab.folder}/${name}`;
    await Deno.mkdir(`${folder}/wigglenet/deploy`, { recursive: true });
    await run(["cp", "-r", FOLDER, `${folder}/wigglenet/deploy/kubernetes`]);
    await Deno.writeTextFile(`${folder}/kustomization.yaml`, text);
    const built = JSON.parse(
      await plane.mustKubectl(["apply", "--dry-run=server", "-o", "json", "-k", folder]),
    );
    const daemonSet = built.items.find(({ kind }: { kind: string }) => kind === "DaemonSet");
    const { env } = daemonSet.spec.template.spec.containers[0];
    assert.equal(env.filter(({ name }: { name: string }) => name === "FILTER_IPV6").length, 1);
    assert.equal(env.find(({ name }: { name: string }) => name === "FILTER_IPV6").value, "true");
  });
}

Deno.test("applied over the original it is an update of the same objects, and nothing of the original's pod stays", async () => {
  await plane.mustKubectl(["apply", "-f", ORIGINAL]);
  const before = await plane.admin.demand(`${DAEMON_SETS}/wigglenet`);
  assert.ok(before.spec.template.spec.volumes.some(({ name }: { name: string }) => name === "xtables-lock"));
  const told = await plane.mustKubectl(["apply", "-k", `${FOLDER}base`]);
  assert.match(told, /^daemonset.apps\/wigglenet configured$/m);
  const [after, wanted] = await Promise.all([
    plane.admin.demand(`${DAEMON_SETS}/wigglenet`),
    plane.mustKubectl(["apply", "--dry-run=client", "-o", "json", "-k", `${FOLDER}base`]),
  ]);
  assert.equal(after.metadata.uid, before.metadata.uid);
  const { items } = JSON.parse(wanted);
  const { spec } = items.find(({ kind }: { kind: string }) => kind === "DaemonSet").spec.template;
  const [container] = after.spec.template.spec.containers;
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).sort();
  assert.deepEqual(names(container.env), names(spec.containers[0].env));
  assert.deepEqual(names(container.volumeMounts), names(spec.containers[0].volumeMounts));
  assert.deepEqual(names(after.spec.template.spec.volumes), names(spec.volumes));
  assert.deepEqual(container.securityContext, spec.containers[0].securityContext);
  assert.equal(container.resources.limits, undefined);
});

const POD_PROXY = "/proxy/healthz";

/** Path below the Nodes and what is asked, with a role that permits everything. */
const ATTACKS: Attacks = {
  "another node's annotations": [
    "/n2",
    patch({ metadata: { annotations: { "wigglenet/public-key": "x" } } }),
  ],
  "a label": ["/n1", patch({ metadata: { labels: { a: "b" } } })],
  "another annotation": ["/n1", patch({ metadata: { annotations: { "wigglenet.example.com/x": "x" } } })],
  "the status subresource": ["/n1/status", patch({ status: { addresses: [] } })],
  "another annotation by the status subresource": [
    "/n1/status",
    patch({ metadata: { annotations: { "wigglenet.example.com/x": "x" } } }),
  ],
  "the kubelet by the proxy": [`/n1${POD_PROXY}`, { method: "GET" }],
  ...COMINGS_AND_GOINGS,
};

Deno.test("with every permission in the cluster the account still changes its own Node's wigglenet/* annotations only", async (t) => {
  for (const i of [1, 2]) await plane.admin.create(NODES, kubeletNode(manifestOf(i)));
  const account = await AgentAccount.of(plane);
  const subject = ["--serviceaccount=kube-system:wigglenet", "--clusterrole=cluster-admin"];
  await plane.mustKubectl(["create", "clusterrolebinding", "too-much", ...subject]);
  using agent = await plane.clientWith(await account.podToken("n1"));
  await until("the policy to hold", async () => {
    const { status } = await agent.ask(`${NODES}/n1`, patch({ metadata: { labels: { probe: null } } }));
    const { body } = await agent.ask(`${NODES}/n1?dryRun=All`, patch({ metadata: { labels: { a: "b" } } }));
    return status === 200 && body.code === 403;
  });
  for (const [what, [path, request]] of Object.entries(ATTACKS)) {
    await t.step(what, async () => {
      const { status, body } = await agent.ask(NODES + path, request);
      assert.equal(status, 403, JSON.stringify(body));
      assert.match(
        body.message,
        /ValidatingAdmissionPolicy 'wigglenet-own-annotations' .*denied request: an agent /,
      );
    });
  }
  await t.step("and this it may", async () => {
    await agent.demand(`${NODES}/n1`, patch({ metadata: { annotations: { "wigglenet/public-key": "x" } } }));
    await agent.demand(`${NODES}/n1`, patch({ metadata: { annotations: { "wigglenet/public-key": null } } }));
  });
});

Deno.test("what the policy says of a request costs the API server a part of what it may cost", async () => {
  // The limit is per expression and by size: a Node of 60 kB, five times what kubelets write, must not be refused.
  const node = kubeletNode(manifestOf(3)) as { metadata: Record<string, unknown> };
  const annotations = Object.fromEntries(
    Array.from({ length: 400 }, (_, i) => [`example.com/annotation-${i}`, "x".repeat(100)]),
  );
  await plane.admin.create(NODES, { ...node, metadata: { ...node.metadata, annotations } });
  const account = await AgentAccount.of(plane);
  using agent = await plane.clientWith(await account.podToken("n3"));
  await agent.demand(`${NODES}/n3`, patch({ metadata: { annotations: { "wigglenet/public-key": "x" } } }));
});
