// What policies do to flows that are there: those that stay allowed lose nothing, POLICY_ESTABLISHED=keep leaves the others, and no flow of
// an address's old owner serves the new one. That revoked ones end: policy_drift_test.ts.

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { podObject, policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";

const mesh = await Mesh.create({ nodes: 2 });
const { lab } = mesh;
const [n1] = mesh.nodes as [Node, Node];
const [here, there] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());

await putPods(lab, mesh.pods);

/** Lets in the other pod by UDP, and whoever on these ports of TCP. */
function policyWith(ports: readonly number[]) {
  const from = [{ podSelector: { matchLabels: { app: there.name } } }];
  return policyObject("policy", here.name, {
    policyTypes: ["Ingress"],
    ingress: [{ from, ports: [{ protocol: "UDP" }] }, { ports: ports.map((port) => ({ port })) }],
  });
}

async function table(): Promise<string> {
  return (await n1.attempt(["nft", "list", "table", "inet", "wigglenet"])).stdout;
}

const seen = async () => `${n1.agent?.tail()}\n${await table()}`;

async function lets(ports: number | string): Promise<void> {
  const hasPorts = async () => (await table()).includes(`tcp dport ${ports} return`);
  await until(`port ${ports} in the kernel`, hasPorts, { deadlineMs: 3_000, seen });
}

Deno.test("what is allowed before and after loses no packet while policies change", async () => {
  const probe = await mesh.probe(200);
  for (let port = 1_000; port < 1_008; port++) {
    await putFile(lab, policyWith([port]));
    await lets(port);
  }
  await removeFile(lab, "NetworkPolicy", "policy");
  await until("no policy", async () => !(await table()).includes("jump policy-to-v4"), {
    deadlineMs: 3_000,
    seen,
  });
  const { there: forth, back } = await probe.stop();
  assert.ok(forth.received > 100, `${forth.received} packets`);
  assert.deepEqual([lost(forth), lost(back)], [0, 0], "packets were lost");
});

/** Entries of TCP to the pod, by port. */
async function flows(): Promise<string> {
  const listed = await n1.run(["conntrack", "-L", "-p", "tcp"]);
  return [...listed.matchAll(/dport=(8[01]) src/g)].map(([, port]) => port).sort().join();
}

async function establish(ports: readonly number[]): Promise<void> {
  const [from, to] = [there.address(4), here.address(4)];
  const lines = ports.map((port) =>
    `-A -t 3600 -u SEEN_REPLY,ASSURED -s ${from} -d ${to} -r ${to} -q ${from} -p tcp --sport 4000 ` +
    `--dport ${port} --reply-port-src ${port} --reply-port-dst 4000 --state ESTABLISHED\n`
  );
  await n1.run(["conntrack", "-R", "-"], { stdin: lines.join("") });
}

Deno.test("with POLICY_ESTABLISHED=keep flows go on, but not for an address's next owner", async (t) => {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: { ...mesh.settings, "policy-established": "keep" } });
  await n1.inSync();
  await putFile(lab, policyWith([80, 81]));
  await lets("80-81");
  await establish([80, 81]);
  await t.step("a stricter policy leaves them", async () => {
    await putFile(lab, policyWith([82]));
    await lets(82);
    await n1.inSync();
    // Looking takes as long as a pass that would end them.
    for (let i = 0; i < 10; i++) assert.equal(await flows(), "80,81");
  });
  await t.step("another pod gets the address: they end", async () => {
    await removeFile(lab, "Pod", here.name);
    const next = podObject(here);
    await putFile(lab, {
      ...next,
      metadata: { name: "next", namespace: "default", labels: { app: here.name } },
    });
    await until("the flows to end", async () => await flows() === "", {
      deadlineMs: 3_000,
      seen: async () => `${await flows()}\n${n1.agent?.tail()}`,
    });
    await removeFile(lab, "Pod", "next");
    await putFile(lab, podObject(here));
  });
  await removeFile(lab, "NetworkPolicy", "policy");
});
