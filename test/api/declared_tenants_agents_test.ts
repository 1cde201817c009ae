// Interfaces in pods of two namespaces, by agents that hold by themselves what no admission policy holds here:
//
//   team-a   web-0: ta-left 10.70.1.1 ────── web-1: ta-right 10.70.1.2
//   team-b   web-0: tb-left 10.71.1.1 ────── web-0: tb-right

import assert from "node:assert/strict";
import { DeclaredCluster, folderOf } from "../declared/declared_cluster.ts";
import { withValue } from "../declared/bad_objects.ts";
import { makeNamespace, setUpTenants } from "../declared/tenancy.ts";
import { GRANT, inNamespace, OVERREACHING, POD_DUMMY, POD_VETH, POD_WIREGUARD } from "../declared/tenants.ts";
import { makeResults, runPod } from "../declared/run_pod.ts";
import { declared } from "../declared/walk_through.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const cluster = await Cluster.create({ nodes: 1 });
const [n1] = cluster.nodes as [Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const it = new DeclaredCluster(cluster);

const CONTAINERS = { "declared-containers": "true" };
const PAIR = declared("NetlinkInterface", "pair", {
  node: "n1",
  interfaceName: "d1",
  type: "veth",
  veth: { peer: { interfaceName: "d2" } },
});
const BINDINGS = ["wigglenet-pod-wireguard", "wigglenet-pod-netlink"];
const OF_B = inNamespace(
  declared("PodNetlinkInterface", "pair", {
    node: "n1",
    pod: "web-0",
    interfaceName: "tb-left",
    type: "veth",
    addresses: [{ ipcidr: "10.71.1.1/24" }],
    veth: { peer: { interfaceName: "tb-right" } },
  }),
  "team-b",
);

/** Names of what is declared in a pod. */
async function namesIn(netns: string): Promise<string> {
  const links = await n1.run(["ip", "netns", "exec", netns, "ip", "-j", "link", "show", "group", "147"]);
  return (JSON.parse(links) as { ifname?: string }[]).flatMap(({ ifname }) => ifname ?? []).sort().join(" ");
}

async function stands(netns: string, names: string): Promise<void> {
  let last = "";
  await until(`${netns} to have "${names}"`, async () => (last = await namesIn(netns)) === names, {
    deadlineMs: 30_000,
    seen: () => `${last}\n${it.agentsSay()}`,
  });
}

let pods: readonly [string, string];

Deno.test("a cluster without tenants' kinds is served as ever", async () => {
  await it.define();
  await cluster.startAll({ settings: CONTAINERS });
  await it.apply(PAIR);
  await it.says(PAIR, "True", /Done/);
  await makeResults(n1);
  pods = [await runPod(n1, "team-a", "web-0"), await runPod(n1, "team-a", "web-1")];
});

Deno.test("what came past the admission policies is told in its namespace, and made by nobody", async () => {
  await setUpTenants(cluster);
  for (const name of BINDINGS) {
    await cluster.admin.remove(
      `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/${name}`,
    );
  }
  for (const name of ["team-a", "team-b"]) await makeNamespace(cluster, name);
  await until("an object to come past the policies", async () => {
    return (await cluster.admin.ask(folderOf(POD_VETH), { method: "POST", body: POD_VETH })).status === 201;
  }, { deadlineMs: 30_000 });
  await it.says(POD_VETH, "False", /Rejected: .*namespace team-a may make nothing/);
  assert.equal(await namesIn(pods[0]), "");
});

Deno.test("what is granted stands in the pods that are said", async () => {
  await it.apply(GRANT);
  await it.says(POD_VETH, "True", /Done/);
  assert.deepEqual(await Promise.all(pods.map(namesIn)), ["ta-left", "ta-right"]);
  await n1.run(["ip", "netns", "exec", pods[0], "ping", "-c", "1", "-W", "5", "10.70.1.2"]);
});

Deno.test("what is more than granted is told, and made by nobody", async () => {
  // All of them at once: statuses are written in one go, and some seconds apart.
  const bad = OVERREACHING.map(({ object, reason }, i) => ({
    object: inNamespace(object, "team-a", `bad-${i}`),
    reason,
  }));
  for (const { object } of bad) await cluster.admin.create(folderOf(object), object);
  for (const { object, reason } of bad) await it.says(object, "False", reason);
  assert.deepEqual(await Promise.all(pods.map(namesIn)), ["ta-left", "ta-right"]);
  await it.remove(...bad.map(({ object }) => object));
  await it.apply(POD_WIREGUARD);
  await it.says(POD_WIREGUARD, "False", /its key is in a Secret, and this agent reads none/);
});

Deno.test("a key goes with its object: the next of that name, whoever has the namespace then, has another", async () => {
  const object = withValue(POD_WIREGUARD, "peers", []);
  const keys = async () => {
    const names = await Array.fromAsync(Deno.readDir(`${n1.folder}/declared`));
    return names.map(({ name }) => name).filter((name) => name.startsWith("tenant-team-a_link_"));
  };
  const told: string[] = [];
  for (let i = 0; i < 2; i++) {
    await it.remove(POD_WIREGUARD);
    await it.apply(object);
    let key = "";
    await until("another key to be told", async () => {
      key = (await it.statusOf(object)).publicKey ?? "";
      return key !== "" && !told.includes(key);
    }, { deadlineMs: 30_000, seen: () => `${key} of ${told}\n${it.agentsSay()}` });
    told.push(key);
    assert.equal((await keys()).length, 1);
  }
  await it.remove(POD_WIREGUARD);
  await until("its key to be gone", async () => (await keys()).length === 0, { deadlineMs: 30_000 });
});

Deno.test("what is deleted goes, whatever finalizer its owner has written there", async () => {
  const object = withValue(withValue(POD_DUMMY, "type", "bridge"), "interfaceName", "ta-br");
  const metadata = { ...object.metadata, finalizers: ["team-a.example/never"] };
  await cluster.admin.create(folderOf(object), { ...object, metadata });
  await stands(pods[0], "ta-br ta-left");
  await it.remove(object);
  await stands(pods[0], "ta-left");
  assert.notEqual((await it.read(object)).metadata.deletionTimestamp, undefined);
  await cluster.admin.patch(`${folderOf(object)}/${object.metadata.name}`, {
    metadata: { finalizers: null },
  });
});

Deno.test("an object that its owner has made as long as the API takes costs no other object its status", async () => {
  const object = inNamespace(withValue(POD_DUMMY, "interfaceName", "eth0"), "team-a", "aa-huge");
  const owner = { apiVersion: "v1", kind: "ConfigMap", uid: "5e1f0f4e-0000-4000-8000-000000000001" };
  let last = 0;
  for (let length = 1_573_000; last !== 201; length -= 200) {
    const ownerReferences = [{ ...owner, name: "a".repeat(length) }];
    const body = { ...object, metadata: { ...object.metadata, ownerReferences } };
    last = (await cluster.admin.ask(folderOf(object), { method: "POST", body })).status;
  }
  const next = inNamespace(withValue(POD_DUMMY, "interfaceName", "eth1"), "team-a", "next");
  await it.apply(next);
  await it.says(next, "False", /begins with none of team-a's/);
  assert.equal((await it.statusOf(object)).conditions, undefined);
  assert.match(n1.agent!.tail(), /to patch the status of PodNetlinkInterface team-a\/aa-huge: .*too large/);
  await it.remove(object, next);
});

Deno.test("a pod of the same name in another namespace is none of a tenant's", async () => {
  await it.apply(OF_B);
  await it.says(OF_B, "False", /no network namespace of pod team-b\/web-0 is here/);
  const own = await runPod(n1, "team-b", "web-0");
  await stands(own, "tb-left tb-right");
  assert.deepEqual(await Promise.all(pods.map(namesIn)), ["ta-left", "ta-right"]);
});

Deno.test("a grant that goes takes along what stands by it, and nothing else", async () => {
  const namespaces = (GRANT.spec["namespaces"] as object[]).slice(1);
  await cluster.admin.patch(`${folderOf(GRANT)}/${GRANT.metadata.name}`, { spec: { namespaces } });
  for (const pod of pods) await stands(pod, "");
  await it.says(POD_VETH, "False", /namespace team-a may make nothing/);
  assert.equal(await namesIn("cni-team-b-web-0"), "tb-left tb-right");
  await it.says(PAIR, "True", /Done/);
});

Deno.test("an agent that may not see tenants' objects any more leaves nothing of them", async () => {
  await n1.agent!.kill();
  await cluster.admin.remove(
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/wigglenet-tenants",
  );
  await cluster.start(n1, { settings: CONTAINERS });
  await stands("cni-team-b-web-0", "");
  await it.says(PAIR, "True", /Done/);
});
