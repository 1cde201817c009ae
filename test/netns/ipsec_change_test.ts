// A cluster of the tunnel becomes one of IPsec, and leaves that again, node by node, while pods send to each other. On kernels that have XFRM.
//
//   n1, n2 on one network; n1-pod to n2-pod by IPv4, and back by IPv6: 50 packets a second each

import assert from "node:assert/strict";
import { HAS_XFRM } from "../lab/kernel.ts";
import type { Manifest } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { Clerk } from "./clerk.ts";
import { lost, Mesh } from "./mesh.ts";
import { saying } from "./transports.ts";

// What a node had before stands until the others can have heard of what it has.
const CHANGES = ["ipsec", "wireguard", "ipsec", "direct"] as const;
const mesh = HAS_XFRM ? await Mesh.create({ nodes: 2 }) : undefined;
const clerk = mesh && new Clerk(mesh.lab, "ipv4=ipsec,ipv6=ipsec");
Deno.test.afterAll(async () => {
  clerk?.close();
  await mesh?.close();
});

/** A Node that leaves IPsec: its nonce goes when nobody sends by it any more. */
function leaving(node: Node, transport: string): Manifest {
  return saying(clerk!.manifestOf(node), `ipv4=${transport},ipv6=${transport}`);
}

for (const transport of CHANGES) {
  const name = `to ${transport}, node by node: no packet is lost (kernel with XFRM)`;
  Deno.test(name, { ignore: mesh === undefined }, async (test) => {
    const { lab, nodes } = mesh!;
    const probe = await mesh!.probe(50);
    for (const node of nodes) {
      await node.agent!.kill("SIGTERM");
      node.startAgent({ settings: { "transport-ipv4": transport, "transport-ipv6": transport } });
      if (transport !== "ipsec") {
        await node.inSync();
        await lab.publish(leaving(node, transport));
      }
      for (const one of lab.nodes) await one.inSync();
    }
    // What stood for a while is gone, and that has cost nothing either.
    for (const node of nodes) {
      await until(`${node.name} to have ${transport} alone`, async () => {
        const links = (await node.run(["ip", "-br", "link", "show"])).split("\n").map((line) =>
          line.split(/[ @]/)[0]
        );
        return links.includes("wigglenet-ipsec") === (transport === "ipsec") &&
          links.includes("wigglenet") === (transport === "wireguard");
      }, { deadlineMs: 30_000 });
      if (transport === "ipsec") continue;
      const left = await Promise.all(["state", "policy"].map((what) => node.run(["ip", "xfrm", what])));
      assert.deepEqual(left, ["", ""]);
      await lab.publish(saying(node.manifest, `ipv4=${transport},ipv6=${transport}`));
    }
    await probe.flowing(20_000);
    const { there, back } = await probe.stop();
    await test.step(`lost ${lost(there)} of ${there.sent} and ${lost(back)} of ${back.sent}`, () => {});
    assert.deepEqual([lost(there), lost(back)], [0, 0]);
  });
}
