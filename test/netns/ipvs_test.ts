// Policies where kube-proxy is in IPVS mode. Its interface brings our chain; what that does to packets is in test/packet/ipvs_test.ts, and
// with IPVS itself here, on kernels that have it (Debian's, in test/vm).

import assert from "node:assert/strict";
import { HAS_IPVS } from "../lab/kernel.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { connect, type Connection, listen } from "../lab/tcp.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";

const mesh = await Mesh.create({ nodes: 2 });
const { lab } = mesh;
const [n1] = mesh.nodes as [Node, Node];
const [here, there] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());

/** Services: port 80 leads to the other node, 81 to a second pod of this one; all of them listen on 8080. */
const VIPS = { 4: "10.96.0.10", 6: "fd00:96::a" } as const;
const FAMILIES = [4, 6] as const;
const CLOSED = policyObject("closed", here.name, { policyTypes: ["Egress"] });
const OUT_TO_THERE = policyObject("out", here.name, {
  policyTypes: ["Egress"],
  egress: [{ to: [{ podSelector: { matchLabels: { app: there.name } } }], ports: [{ port: 8080 }] }],
});

async function table(): Promise<string> {
  return (await n1.attempt(["nft", "list", "table", "inet", "wigglenet"])).stdout;
}

Deno.test("kube-proxy's interface brings the chain at once, its end takes it, and no packet is lost", async () => {
  await n1.inSync();
  const probe = await mesh.probe(200);
  const seen = async () => `${n1.agent?.tail()}\n${await table()}`;
  const hasChain = async () => (await table()).includes("hook output");
  assert.ok(!await hasChain(), "nobody pays for what is not there");
  await n1.ip(["tuntap add kube-ipvs0 mode tun"]);
  await until("the chain", hasChain, { deadlineMs: 2_000, seen });
  await n1.inSync();
  await n1.ip(["link del kube-ipvs0"]);
  await until("no chain", async () => !await hasChain(), { deadlineMs: 5_000, seen });
  const { there: forth, back } = await probe.stop();
  assert.deepEqual([lost(forth), lost(back)], [0, 0], "packets were lost");
});

/** What kube-proxy tells IPVS. Addresses stand on the loopback here: which interface has them is nothing to IPVS. */
async function serve(services: readonly (readonly [port: number, to: Pod])[]): Promise<void> {
  await n1.ip(["tuntap add kube-ipvs0 mode tun"]);
  await n1.sysctl("1", ["net.ipv4.vs.conntrack"]);
  await n1.ip([`address add ${VIPS[4]}/32 dev lo`, `address add ${VIPS[6]}/128 dev lo`]);
  const lines = services.flatMap(([port, to]) =>
    FAMILIES.flatMap((family) => {
      const end = (address: string, port: number) =>
        family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
      const service = end(VIPS[family], port);
      return [`-A -t ${service} -s rr`, `-a -t ${service} -r ${end(to.address(family)!, 8080)} -m`];
    })
  );
  await n1.run(["ipvsadm", "-R"], { stdin: lines.map((line) => `${line}\n`).join("") });
}

/** Who answers at a port of the Services, in both families alike. */
async function answerAt(port: number, from: Pod | Node = here): Promise<string> {
  const connections = await Promise.all(
    FAMILIES.map((family) => connect(from, { address: VIPS[family], port, timeoutMs: 2_000 })),
  );
  const answers = connections.map((connection: Connection) =>
    connection.isOpen ? connection.greeting : connection.reason
  );
  assert.equal(new Set(answers).size, 1, `IPv4 and IPv6 differ: ${answers}`);
  return answers[0]!;
}

async function answers(port: number, wanted: string, from: Pod | Node = here): Promise<void> {
  await until(`${wanted} at port ${port}`, async () => await answerAt(port, from) === wanted, {
    deadlineMs: 10_000,
    seen: async () =>
      [
        await answerAt(port, from),
        await n1.run(["ipvsadm", "-Ln"]),
        await n1.run(["conntrack", "-L"]),
        await table(),
        n1.agent?.tail(),
      ].join("\n"),
  });
}

Deno.test(
  "what IPVS leads to pods obeys the policies (kernel with IPVS)",
  { ignore: !HAS_IPVS },
  async (t) => {
    const beside = await n1.addPod("n1-beside");
    await Promise.all([there, beside].map((pod) => listen(pod, 8080)));
    await putPods(lab, [here, there, beside]);
    await serve([[80, there], [81, beside]]);

    await t.step("without a policy all Services answer", async () => {
      await answers(80, there.name);
      await answers(81, beside.name);
    });
    await t.step("a pod that may not speak reaches none of them", async () => {
      await putFile(lab, CLOSED);
      await answers(80, "timeout");
      await answers(81, "timeout");
    });
    await t.step("an egress rule is about the pod and the port that a Service leads to", async () => {
      await putFile(lab, OUT_TO_THERE);
      await answers(80, there.name);
      assert.equal(await answerAt(81), "timeout");
    });
    await t.step("ingress of a pod of this node is asked, and its node reaches it all the same", async () => {
      for (const name of ["closed", "out"]) await removeFile(lab, "NetworkPolicy", name);
      await answers(81, beside.name);
      await putFile(lab, policyObject("silent", beside.name, { policyTypes: ["Ingress"] }));
      await answers(81, "timeout");
      await answers(81, beside.name, n1);
      assert.equal(await answerAt(80), there.name);
    });
    await t.step("without the policy it answers again", async () => {
      await removeFile(lab, "NetworkPolicy", "silent");
      await answers(81, beside.name);
    });
  },
);
