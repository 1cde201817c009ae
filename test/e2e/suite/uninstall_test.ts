// `kubectl delete -k` and the Job of deploy/kubernetes/cleanup.yaml: a node is what it was. And back.

import assert from "node:assert/strict";
import { until } from "../../lab/until.ts";
import { HTTP } from "../pods.ts";
import { at, World } from "../world.ts";

const world = await World.standing();
const READY_MS = 120_000;

/** All on a node that has our name or number. */
async function traces(node: string): Promise<string[]> {
  const looks = [
    ["nft", "list", "tables"],
    ["ip", "-o", "link"],
    ["ip", "-4", "-o", "route", "show", "table", "all"],
    ["ip", "-6", "-o", "route", "show", "table", "all"],
    ["find", "/etc/cni/net.d", "/run/wigglenet", "/run/wireguard", "-mindepth", "1"],
  ];
  const printed: string[] = [];
  for (const argv of looks) printed.push((await world.cluster.tryOnNode(node, argv)).stdout);
  return printed.join("\n").split("\n").filter((line) => /wigglenet|proto 146|wireguard/.test(line));
}

async function readiness(): Promise<string[]> {
  const { items } = await world.cluster.json(["get", "nodes"]);
  return items.map(({ status }: { status: { conditions: { type: string; status: string }[] } }) =>
    status.conditions.find(({ type }) => type === "Ready")!.status
  );
}

async function keyOf(node: string): Promise<string> {
  return (await world.cluster.json(["get", "node", node])).metadata.annotations["wigglenet/public-key"];
}

Deno.test("deleted and cleaned up, nothing of the agent is on any node; applied again, all is back", async () => {
  const key = await keyOf(world.near);
  assert.notDeepEqual(await traces(world.near), []);
  await world.deployment.delete();
  try {
    for (const node of world.nodes) {
      const said = await world.deployment.cleanUp(node);
      // The interface of wireguard-go has ended with it.
      for (const what of ["table inet wigglenet", "/etc/cni/net.d/10-wigglenet.conflist"]) {
        assert.ok(said.includes(`- ${what}\n`), said);
      }
      assert.deepEqual(await traces(node), []);
    }
    await until("every node to say that it has no pod network", async () => {
      return (await readiness()).every((status) => status === "False");
    }, { deadlineMs: READY_MS, pauseMs: 500 });
  } finally {
    await world.deployment.apply();
    await world.agentsInSync();
  }
  await until(
    "every node to be Ready",
    async () => (await readiness()).every((status) => status === "True"),
    {
      deadlineMs: READY_MS,
      pauseMs: 500,
    },
  );
  assert.equal(await keyOf(world.near), key);
  for (const family of world.families) {
    const far = `http://${at(await world.podAddress("far", family), HTTP)}/hostname`;
    assert.equal(await world.ask("one", far), "far");
  }
});
