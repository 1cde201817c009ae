// Declared interfaces in pods of containerd, by agents with what deploy/kubernetes/declared-containers gives them: a pair between two
// pods of a node and a VXLAN over it; a pod that is replaced gets its own again, one with the host's network gets none.

import assert from "node:assert/strict";
import { declared } from "../../declared/walk_through.ts";
import { until } from "../../lab/until.ts";
import { manifests, NAMESPACE } from "../pods.ts";
import { World } from "../world.ts";

const world = await World.standing();
const KINDS = new URL("../../../deploy/kubernetes/declared", import.meta.url).pathname;

const inPod = (name: string) => ({ pod: { namespace: NAMESPACE, name } });

function netlink(name: string, spec: Record<string, unknown>): unknown {
  return declared("NetlinkInterface", name, { node: world.near, ...spec });
}

const OBJECTS = [
  netlink("pair", {
    interfaceName: "declared-a",
    type: "veth",
    container: inPod("one"),
    addresses: [{ ipcidr: "10.98.0.1/24" }, { ipcidr: "fd98::1/64" }],
    veth: {
      peer: {
        interfaceName: "declared-b",
        container: inPod("two"),
        addresses: [{ ipcidr: "10.98.0.2/24" }, { ipcidr: "fd98::2/64" }],
      },
    },
  }),
  ...[1, 2].map((i) =>
    netlink(`vx-${i}`, {
      interfaceName: "vx",
      type: "vxlan",
      container: inPod(i === 1 ? "one" : "two"),
      vxlan: {
        vni: 7,
        dev: i === 1 ? "declared-a" : "declared-b",
        local: `10.98.0.${i}`,
        group: `10.98.0.${3 - i}`,
      },
      addresses: [{ ipcidr: `10.99.0.${i}/24` }],
    })
  ),
  netlink("host", { interfaceName: "declared-h", type: "bridge", container: inPod("host-one") }),
];

async function answers(address: string): Promise<void> {
  await until(`${address} to answer pod one`, async () => {
    return (await world.inPod("one", ["ping", "-c", "1", "-W", "2", address])).code === 0;
  }, {
    deadlineMs: 60_000,
    pauseMs: 500,
    seen: async () => (await world.inAgent(world.near, ["wigglenet", "status"])).stdout,
  });
}

Deno.test("pods get declared interfaces: a pair and a VXLAN over it, again when one is replaced; the host's network gets none", async () => {
  await world.cluster.kubectl(["apply", "--server-side", "-k", KINDS]);
  try {
    await world.deployment.apply({}, "declared-containers");
    await world.agentsInSync();
    await world.cluster.apply(OBJECTS.map((object) => JSON.stringify(object)).join("\n---\n"));
    await answers("10.98.0.2");
    await answers("10.99.0.2");
    await world.cluster.kubectl(["-n", NAMESPACE, "delete", "pod", "two", "--wait"], { deadlineMs: 60_000 });
    await world.cluster.apply(manifests(world.near, world.far));
    await world.podsReady();
    await answers("10.99.0.2");
    const { status } = await world.cluster.json(["get", "netlinkinterfaces", "host"]);
    assert.match(status.conditions[0].message, /no network namespace of pod e2e\/host-one is here/);
    for (const node of world.nodes) {
      const { stdout } = await world.cluster.tryOnNode(node, ["ip", "-o", "link", "show", "group", "147"]);
      assert.equal(stdout, "", node);
    }
  } finally {
    await world.cluster.kubectl(["delete", "netlinkinterfaces", "--all", "--wait"], { deadlineMs: 60_000 });
    // What it has written down goes once it has looked, and an agent that may not look there leaves it.
    await until("the agent to have let go of the pods", async () => {
      const { stdout } = await world.cluster.tryOnNode(world.near, ["ls", "/run/wigglenet"]);
      return stdout !== "" && !stdout.includes("containers-");
    }, { deadlineMs: 60_000, pauseMs: 500 });
    assert.ok(!(await world.inPod("one", ["cat", "/proc/net/dev"])).stdout.includes("declared-a"));
    await world.cluster.kubectl(["delete", "-k", KINDS, "--wait"], { deadlineMs: 60_000 });
    await world.deployment.apply();
    await world.agentsInSync();
  }
});
