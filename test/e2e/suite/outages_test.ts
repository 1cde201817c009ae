// What a cluster goes through: its API server is away for a minute, a Node is deleted and its machine comes back.

import assert from "node:assert/strict";
import { until } from "../../lab/until.ts";
import { HTTP } from "../pods.ts";
import { withoutLoss } from "../probes.ts";
import { at, reachedBy, World } from "../world.ts";

const world = await World.standing();
const MANIFEST = "kube-apiserver.yaml";
const AWAY_MS = 60_000;
// kubelet looks for changed manifests every 20 seconds; the server takes another 15 to end.
const PATIENCE_MS = 120_000;

async function answers(): Promise<boolean> {
  const { code } = await world.cluster.tryKubectl(["get", "--raw", "/readyz", "--request-timeout=2s"]);
  return code === 0;
}

/** Waits until the agent of a node hears the API server: half a minute after it can at most, for so far apart are its tries. */
async function hearsAgain(node: string): Promise<void> {
  const address = await world.cluster.json(["get", "service", "kubernetes"]);
  const url = `https://${at(address.spec.clusterIP, 443)}/version`;
  // kube-proxy hears of it first, in its own time.
  await until(`the Service of the API to answer on ${node}`, async () => {
    const { code } = await world.cluster.tryOnNode(node, ["curl", "-gsko", "/dev/null", "-m", "2", url]);
    return code === 0;
  }, { deadlineMs: PATIENCE_MS, pauseMs: 500 });
  const backMs = Date.now();
  await until(`the agent on ${node} to hear it again`, async () => {
    const heardMs = (await world.statusOf(node))?.source.heardMs;
    return heardMs !== undefined && heardMs > backMs;
  }, { deadlineMs: 45_000, pauseMs: 500 });
}

Deno.test("the API server is away for a minute, and neither a pod nor an agent falls", async () => {
  const [plane] = world.nodes;
  const move = (from: string, to: string) => world.cluster.onNode(plane, ["mv", `${from}/${MANIFEST}`, to]);
  const [manifests, aside] = ["/etc/kubernetes/manifests", "/etc/kubernetes"];
  const restarts = async () => {
    const pods = await Promise.all(world.nodes.map((node) => world.agentOn(node)));
    return pods.map((pod) => [pod!.metadata.uid, pod!.status.containerStatuses[0]!.restartCount]);
  };
  const before = await restarts();
  await withoutLoss(world, async () => {
    await move(manifests, aside);
    try {
      await until("the API server to end", async () => !await answers(), {
        deadlineMs: PATIENCE_MS,
        pauseMs: 1000,
      });
      const goneMs = performance.now();
      await until("a minute without it", () => performance.now() - goneMs > AWAY_MS, {
        deadlineMs: 2 * AWAY_MS,
        pauseMs: 1000,
      });
      assert.equal(await answers(), false);
    } finally {
      await move(aside, manifests);
    }
    await until("the API server to be back", answers, { deadlineMs: PATIENCE_MS, pauseMs: 1000 });
    for (const node of world.nodes) await hearsAgain(node);
    await world.agentsInSync();
  });
  assert.deepEqual(await restarts(), before);
});

Deno.test("a Node that is deleted leaves the mesh, and joins it again; no other pod notices", async () => {
  const knows = async (node: string) => {
    const status = await world.statusOf(node);
    return status === undefined ? [] : [...reachedBy(status)];
  };
  await withoutLoss(world, async () => {
    await world.cluster.kubectl(["delete", "node", world.far, "--wait"]);
    try {
      await until(`${world.near} to forget it`, async () => !(await knows(world.near)).includes(world.far), {
        deadlineMs: 30_000,
        pauseMs: 200,
      });
    } finally {
      // kubelet makes its Node when it starts.
      await world.cluster.onNode(world.far, ["systemctl", "restart", "kubelet"]);
    }
    const isThere = async () => (await world.cluster.tryKubectl(["get", "node", world.far])).code === 0;
    await until("its Node", isThere, { deadlineMs: 60_000, pauseMs: 500 });
    await world.deployment.label();
    // The pod CIDRs that it gets may be others: what had addresses there is made anew.
    const there = ["delete", "pods", "-A", "--field-selector", `spec.nodeName=${world.far}`, "--wait"];
    await world.cluster.kubectl(there, { deadlineMs: PATIENCE_MS });
    await world.agentsInSync();
  }, [["one", "two"]]);
  assert.ok((await knows(world.near)).includes(world.far));
  await world.makePods();
  for (const family of world.families) {
    const far = `http://${at(await world.podAddress("far", family), HTTP)}/hostname`;
    assert.equal(await world.ask("one", far), "far");
    const one = `http://${at(await world.podAddress("one", family), HTTP)}/hostname`;
    assert.equal(await world.ask("far", one), "one");
  }
});

Deno.test("no agent has logged an error that is not of the API server's absence", async () => {
  const errors = await world.agentErrors();
  assert.deepEqual(errors.filter((line) => !/API|connect|watch/i.test(line)), []);
});
