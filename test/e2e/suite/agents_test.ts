// Agents come and go: what they made stays, and no pod notices. "No pod notices" is a hundred numbered questions a
// second between pods on one node and on two, by each family, and every one of them answered.

import assert from "node:assert/strict";
import { until } from "../../lab/until.ts";
import { withoutLoss } from "../probes.ts";
import { World } from "../world.ts";

const world = await World.standing();

Deno.test("an agent's pod is deleted and comes back, and no pod notices", async () => {
  await withoutLoss(world, async () => {
    const before = await world.agentOn(world.near);
    await world.cluster.kubectl(["-n", "kube-system", "delete", "pod", before!.metadata.name, "--wait"]);
    await until("another agent", async () => {
      const now = await world.agentOn(world.near);
      return now !== undefined && now.metadata.uid !== before!.metadata.uid;
    }, { deadlineMs: 60_000, pauseMs: 200 });
    await world.agentsInSync();
  });
});

Deno.test("an agent that is killed is started again by kubelet, and no pod notices", async () => {
  const before = await world.agentOn(world.near);
  await withoutLoss(world, async () => {
    await world.killAgent(world.near);
    await world.agentsInSync();
  });
  assert.equal((await world.agentOn(world.near))!.metadata.uid, before!.metadata.uid);
});

Deno.test("a rolling update of the agents goes through all nodes, and no pod notices", async () => {
  const uids = async () =>
    await Promise.all(world.nodes.map(async (node) => (await world.agentOn(node))!.metadata.uid));
  const before = await uids();
  await withoutLoss(world, async () => {
    await world.deployment.apply({ UPDATED: "1" });
    await world.agentsInSync();
  });
  const after = await uids();
  assert.deepEqual(after.filter((uid) => before.includes(uid)), []);
});

Deno.test("the agents are deleted and made anew, and no pod notices", async () => {
  await withoutLoss(world, async () => {
    await world.deployment.deleteAgents();
    assert.equal(await world.agentOn(world.near), undefined);
    await world.deployment.apply();
    await world.agentsInSync();
  });
});

Deno.test("no agent has logged an error", async () => {
  assert.deepEqual(await world.agentErrors(), []);
});
