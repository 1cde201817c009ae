// What cannot be believed of policies and pods, from files to packets: isolation holds, what is broken allows nothing, status and a
// metric say why, and when it is mended nothing is told any more. Case by case: test/packet/policy_refused_test.ts.

import assert from "node:assert/strict";
import { squareIngress } from "../broken_policies.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { podObject, policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "../netns/mesh.ts";

const METRICS = { "enable-metrics": "true", "metrics-bind-addr": "127.0.0.1:9091" };
const mesh = await Mesh.create({ nodes: 2 }, METRICS);
const { lab } = mesh;
const [n1] = mesh.nodes as [Node, Node];
const [here, there] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());
await putPods(lab, mesh.pods);

const OF_THERE = { from: [{ podSelector: { matchLabels: { app: there.name } } }] };
const ALLOW = policyObject("allow", here.name, { ingress: [OF_THERE] });

/** What n1 refuses, sorted, and how many the metric says. */
async function told(): Promise<string[]> {
  const { rejected } = (await n1.status())!;
  const { stdout } = await n1.attempt(["curl", "-sS", "-m", "5", "http://127.0.0.1:9091/metrics"]);
  const count = /^wigglenet_rejected_claims\{reason="policy"\} (\d+)$/m.exec(stdout)?.[1];
  return [
    ...rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`).sort(),
    `${count} in all`,
  ];
}

async function isOpen(): Promise<boolean[]> {
  const pings = ([4, 6] as const).map((family) => there.ping(here.address(family)!, { timeoutMs: 200 }));
  return (await Promise.all(pings)).map(({ received }) => received === 1);
}

/** Both at once: what is told, and whether the pod of the other node is let in. */
async function becomes(isLetIn: boolean, refused: readonly string[]): Promise<void> {
  const wanted = JSON.stringify([...refused, `${refused.length} in all`]);
  const now = async () => [await isOpen(), await told()] as const;
  await until(`here to be ${isLetIn ? "open" : "closed"}, and ${wanted} told`, async () => {
    const [opens, said] = await now();
    return opens.every((open) => open === isLetIn) && JSON.stringify(said) === wanted;
  }, { deadlineMs: 10_000, seen: async () => JSON.stringify(await now(), null, 1) + n1.agent!.tail() });
}

const steps: Readonly<Record<string, () => Promise<void>>> = {
  "with policies that are well nothing is told": async () => {
    await putFile(lab, ALLOW);
    await becomes(true, []);
  },

  "a CIDR with nft syntax and a misspelt field allow nothing, beside a policy that does": async () => {
    const ingress = [{ from: [{ ipBlock: { cidr: "0.0.0.0/0 } accept #" } }] }, { form: [] }];
    await putFile(lab, policyObject("broken", here.name, { ingress }));
    const refused = [
      'NetworkPolicy default/broken: spec.ingress[0]: from[0]: ipBlock.cidr: "0.0.0.0/0 } accept #" is not a CIDR: the rule allows nothing',
      'NetworkPolicy default/broken: spec.ingress[1]: unknown field "form": the rule allows nothing',
    ];
    await becomes(true, refused);
    await removeFile(lab, "NetworkPolicy", "allow");
    await becomes(false, refused);
    await removeFile(lab, "NetworkPolicy", "broken");
    await becomes(true, []);
  },

  "a megabyte that asks for the square of its rules closes the pods that it selects, within seconds":
    async () => {
      await putFile(lab, policyObject("square", here.name, { ingress: [OF_THERE, ...squareIngress()] }));
      await becomes(false, [
        "NetworkPolicy default/square: spec.ingress: too many peers on too many overlapping ports: nothing is allowed to the pods that it selects",
      ]);
      assert.equal((await here.ping(there.address(4)!)).received, 1, "what it does not speak of");
      await removeFile(lab, "NetworkPolicy", "square");
      await becomes(true, []);
    },

  "a policy before its Namespace is told, and isolates nobody else": async () => {
    const early = policyObject("early", here.name, { policyTypes: ["Ingress"] });
    await putFile(lab, { ...early, metadata: { name: "early", namespace: "late" } });
    await becomes(true, [
      "NetworkPolicy late/early: metadata.namespace: the Namespace is not known: no namespaceSelector means its pods",
    ]);
    await putFile(lab, { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } });
    await becomes(true, []);
    await removeFile(lab, "NetworkPolicy", "early");
  },

  "a pod whose address is not its node's is no peer by it": async () => {
    await putFile(lab, ALLOW);
    const { spec, ...rest } = podObject(there);
    await putFile(lab, { ...rest, spec: { ...spec as object, nodeName: "n1" } });
    const cost = "it is not in a pod CIDR of node n1: no peer by it, and closed where it is not the newest";
    await becomes(
      false,
      ([4, 6] as const).map((family) =>
        `Pod default/${there.name}: status.podIPs ${there.address(family)}: ${cost}`
      ),
    );
    await putFile(lab, podObject(there));
    await becomes(true, []);
  },

  "of two pods with one address the one that started last is the peer": async () => {
    const twin = podObject(there);
    twin.metadata = { name: "twin", namespace: "default", labels: { app: "other" } };
    twin.status = { ...twin.status as object, startTime: "2026-11-22T00:00:00Z" };
    await putFile(lab, twin);
    const cost = "pod default/twin, which started later, has it: no peer by it";
    await becomes(
      false,
      ([4, 6] as const).map((family) =>
        `Pod default/${there.name}: status.podIPs ${there.address(family)}: ${cost}`
      ),
    );
    await removeFile(lab, "Pod", "twin");
    await becomes(true, []);
    await removeFile(lab, "NetworkPolicy", "allow");
  },
};

Deno.test("what cannot be believed of policies and pods lets nobody in, and is told as long as it is there", async (t) => {
  for (const [sentence, act] of Object.entries(steps)) await t.step(sentence, act);
});
