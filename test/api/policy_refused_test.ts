// A policy that the API takes and nobody can enforce, from a real API to packets and back: it closes, and an Event beside it says why.

import assert from "node:assert/strict";
import { squareIngress } from "../broken_policies.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import { putObject, removeObject } from "../lab/kubernetes/policy_objects.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { podObject, policyObject } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";

// Pods need no account here: nobody runs them.
const flags = ["--disable-admission-plugins=ServiceAccount"];
const cluster = await Cluster.create({ nodes: 2 }, { flags });
const { admin } = cluster;
const [n1] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const EVENTS = "/api/v1/namespaces/default/events";
const WHY = "too many peers on too many overlapping ports: nothing is allowed to the pods that it selects";

async function lets(from: Pod, to: Pod, isOpen: boolean): Promise<void> {
  await until(`${to.name} to be ${isOpen ? "open" : "closed"} for ${from.name}`, async () => {
    const pings = ([4, 6] as const).map((family) => from.ping(to.address(family)!, { timeoutMs: 300 }));
    return (await Promise.all(pings)).every(({ received }) => received === (isOpen ? 1 : 0));
  }, { deadlineMs: 20_000, seen: () => cluster.lab.diagnose() });
}

Deno.test("a policy of 1 MB that asks for the square of its rules closes its pods, and one Event says why", async () => {
  await cluster.startAll();
  const [here, there] = await Promise.all(cluster.nodes.map((node) => node.addPod(`${node.name}-pod`)));
  for (const pod of [here!, there!]) await putObject(admin, podObject(pod));
  await lets(there!, here!, true);
  const from = [{ podSelector: { matchLabels: { app: there!.name } } }];
  await putObject(admin, policyObject("allow", here!.name, { ingress: [{ from }] }));
  await lets(there!, here!, true);
  await putObject(admin, policyObject("square", here!.name, { ingress: squareIngress() }));
  await lets(there!, here!, false);
  await lets(here!, there!, true);
  await n1.says("it refuses the policy", ({ rejected }) => {
    return rejected.some(({ node, reason }) => node === "NetworkPolicy default/square" && reason === WHY);
  });
  const messages = async () => {
    const { items } = await admin.demand(EVENTS) as {
      items: { source: { component: string }; involvedObject: { name: string }; message: string }[];
    };
    const ours = items.filter(({ source }) => source.component === "wigglenet");
    return ours.map(({ involvedObject, message }) => `${involvedObject.name} ${message}`);
  };
  // After a minute, in which the agent of a Node would have told of its own.
  await until("the Event", async () => (await messages()).length > 0, {
    deadlineMs: 120_000,
    seen: async () => `${await messages()}\n${n1.agent!.tail()}`,
  });
  assert.deepEqual(await messages(), [`square spec.ingress: ${WHY}`]);
  await removeObject(admin, "NetworkPolicy", "default/square");
  await lets(there!, here!, true);
});
