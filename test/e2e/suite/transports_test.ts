// A cluster leaves the tunnel and comes back, as a rolling update of the agents has it: IPv4 by the network of the nodes, IPv6 by VXLAN.

import assert from "node:assert/strict";
import { withoutLoss } from "../probes.ts";
import { seenOnWire, SOME } from "../wire.ts";
import { World } from "../world.ts";

const world = await World.standing();
const IN_THE_CLEAR = { TRANSPORT_IPV4: "direct-or-wireguard", TRANSPORT_IPV6: "vxlan-or-wireguard" };
const { families, transport } = world.standing;
const isDual = families.length === 2 && transport === "wireguard";

const title =
  "from the tunnel to direct and vxlan no packet is lost, none is in the tunnel then, and back all are";
if (isDual) Deno.test(title, changeOver);
else Deno.test.ignore(`${title} (this shape has one family, or another transport already)`, changeOver);

/** Strict, IPv4 drops what comes by another way than it would be answered by, for as long as two ends differ (0055). Loose is systemd's default. */
async function takeEitherWay(): Promise<void> {
  for (const node of world.nodes) {
    await world.cluster.onNode(node, ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2"]);
  }
}

async function changeOver(): Promise<void> {
  await takeEitherWay();
  try {
    await withoutLoss(world, async () => {
      await world.deployment.apply(IN_THE_CLEAR);
      await world.agentsInSync();
    });
    const ways = (await world.statusOf(world.near))!.clear ?? [];
    assert.equal(ways.length, 2 * (world.nodes.length - 1), JSON.stringify(ways));
    // The tunnel stands beside them, with its handshakes and keepalives.
    const { wireguard = 0, ...seen } = await seenOnWire(world);
    assert.deepEqual(Object.keys(seen).sort(), ["v4", "vxlan"]);
    assert.ok(wireguard < SOME && Object.values(seen).every((count) => count > SOME), JSON.stringify(seen));
  } finally {
    await world.deployment.apply();
    await world.agentsInSync();
  }
  assert.deepEqual(Object.keys(await seenOnWire(world)), ["wireguard"]);
  assert.deepEqual(await world.agentErrors(), []);
}
