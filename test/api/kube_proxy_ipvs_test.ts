// Policies behind kube-proxy itself in IPVS mode, on kernels that have it (Debian's, in test/vm): kube-proxy takes Services from a real API
// server; Nodes, pods and policies come from files.

import assert from "node:assert/strict";
import { HAS_IPVS } from "../lab/kernel.ts";
import { KUBE_PROXY } from "../lab/kubernetes/binaries.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { pathOf } from "../lab/kubernetes/go_program.ts";
import { kubeletNode } from "../lab/kubernetes/kubelet_node.ts";
import { putKubeconfig } from "../lab/kubernetes/kubeconfig.ts";
import type { Family } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import type { Process } from "../lab/process.ts";
import { connect, type Connection, listen } from "../lab/tcp.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "../netns/mesh.ts";

const SERVICES = "/api/v1/namespaces/default/services";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const FAMILIES = [4, 6] as const;
const VIPS: Readonly<Record<Family, string>> = { 4: "10.96.0.10", 6: "fd00:96::a" };

/** One Service: port 80 leads to the other node, 81 to a second pod of this one; both of them listen on 8080. */
const PORTS = [{ name: "there", port: 80 }, { name: "beside", port: 81 }];

/** Egress to one pod alone. */
const onlyTo = (there: Pod) => ({
  policyTypes: ["Egress"],
  egress: [{ to: [{ podSelector: { matchLabels: { app: there.name } } }], ports: [{ port: 8080 }] }],
});

async function makeService({ admin }: ControlPlane, ends: Readonly<Record<string, Pod>>): Promise<void> {
  await admin.create(SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "both", namespace: "default" },
    spec: {
      ipFamilyPolicy: "RequireDualStack",
      clusterIP: VIPS[4],
      clusterIPs: [VIPS[4], VIPS[6]],
      ports: PORTS.map((port) => ({ ...port, targetPort: 8080 })),
    },
  });
  for (const [name, pod] of Object.entries(ends)) {
    for (const family of FAMILIES) {
      await admin.create(SLICES, {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: `${name}-${family}`,
          namespace: "default",
          labels: { "kubernetes.io/service-name": "both" },
        },
        addressType: `IPv${family}`,
        ports: [{ name, port: 8080, protocol: "TCP" }],
        endpoints: [{
          addresses: [pod.address(family)],
          nodeName: pod.node.name,
          conditions: { ready: true },
        }],
      });
    }
  }
}

async function startKubeProxy(node: Node, plane: ControlPlane): Promise<Process> {
  const kubeconfig = await putKubeconfig(node, plane, {
    "client-certificate": `${plane.folder}/admin.crt`,
    "client-key": `${plane.folder}/admin.key`,
  });
  return node.start([
    ...[pathOf(KUBE_PROXY), `--kubeconfig=${kubeconfig}`, `--hostname-override=${node.name}`],
    ...["--proxy-mode=ipvs", "--cluster-cidr=10.244.0.0/16,fd00:10:244::/48", "--v=2"],
    // Not the laboratory's to set.
    ...["--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s"],
    "--conntrack-tcp-timeout-close-wait=0s",
  ]);
}

/** Asks who answers at a port of the Service, in both families alike. */
async function answerAt(port: number, from: Pod | Node): Promise<string> {
  const connections = await Promise.all(
    FAMILIES.map((family) => connect(from, { address: VIPS[family], port, timeoutMs: 2_000 })),
  );
  const answers = connections.map((one: Connection) => one.isOpen ? one.greeting : one.reason);
  return new Set(answers).size === 1 ? answers[0]! : `IPv4 and IPv6 differ: ${answers}`;
}

/** Waits until somebody is answered so; says what was seen last. */
async function answers(
  port: number,
  wanted: string,
  { from, node, proxy }: { from: Pod | Node; node: Node; proxy: Process },
): Promise<void> {
  await until(`${wanted} at port ${port}`, async () => await answerAt(port, from) === wanted, {
    deadlineMs: 10_000,
    seen: async () => {
      const looks = [["cat", "/proc/net/ip_vs"], ["conntrack", "-L"], ["nft", "list", "ruleset"]];
      const shown = await Promise.all(looks.map(async (argv) => (await node.attempt(argv)).stdout));
      return [await answerAt(port, from), ...shown, proxy.tail(), node.agent?.tail()].join("\n");
    },
  });
}

Deno.test("what kube-proxy leads to pods by IPVS obeys the policies (kernel with IPVS)", {
  ignore: !HAS_IPVS,
}, async (t) => {
  const mesh = await Mesh.create({ nodes: 2 });
  await using lab = mesh.lab;
  const [n1] = mesh.nodes as [Node, Node];
  const [here, there] = mesh.pods as [Pod, Pod];
  const beside = await n1.addPod("n1-beside");
  await Promise.all([there, beside].map((pod) => listen(pod, 8080)));
  await putPods(lab, [here, there, beside]);
  await using plane = await ControlPlane.create(lab);
  for (const { manifest } of mesh.nodes) await plane.admin.create("/api/v1/nodes", kubeletNode(manifest));
  await makeService(plane, { there, beside });
  const shared = { node: n1, proxy: await startKubeProxy(n1, plane) };
  const asked = (port: number, wanted: string, from: Pod | Node = here) =>
    answers(port, wanted, { from, ...shared });

  await t.step("its interface brings the chain, and without a policy both ports answer", async () => {
    await asked(80, there.name);
    await asked(81, beside.name);
    const table = await n1.run(["nft", "list", "table", "inet", "wigglenet"]);
    assert.ok(table.includes("hook output"), table);
  });
  await t.step("a pod that may not speak reaches neither of them", async () => {
    await putFile(lab, policyObject("closed", here.name, { policyTypes: ["Egress"] }));
    await asked(80, "timeout");
    await asked(81, "timeout");
  });
  await t.step("an egress rule is about the pod and the port that a Service leads to", async () => {
    await putFile(lab, policyObject("out", here.name, onlyTo(there)));
    await asked(80, there.name);
    assert.equal(await answerAt(81, here), "timeout");
  });
  await t.step("ingress of a pod of this node is asked, and its node reaches it all the same", async () => {
    for (const name of ["closed", "out"]) await removeFile(lab, "NetworkPolicy", name);
    await asked(81, beside.name);
    await putFile(lab, policyObject("silent", beside.name, { policyTypes: ["Ingress"] }));
    await asked(81, "timeout");
    await asked(81, beside.name, n1);
    assert.equal(await answerAt(80, here), there.name);
  });
  await t.step("without the policy it answers again", async () => {
    await removeFile(lab, "NetworkPolicy", "silent");
    await asked(81, beside.name);
  });
});
