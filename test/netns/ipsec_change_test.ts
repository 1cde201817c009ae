// A cluster of the tunnel becomes one of IPsec, and goes back, node by node, while pods send to each other. On kernels that have XFRM.
//
//   n1, n2 on one network; n1-pod to n2-pod by IPv4, and back by IPv6: 50 packets a second each

import assert from "node:assert/strict";
import { HAS_XFRM } from "../lab/kernel.ts";
import { PATIENCE } from "../lab/until.ts";
import { Clerk } from "./clerk.ts";
import { lost, Mesh } from "./mesh.ts";

/** What the other end has not heard of yet is lost: a read of the folder, and a greeting. */
const OUTAGE_MS = 3_000;
const mesh = HAS_XFRM ? await Mesh.create({ nodes: 2 }) : undefined;
const clerk = mesh && new Clerk(mesh.lab, "ipv4=ipsec,ipv6=ipsec");
Deno.test.afterAll(async () => {
  clerk?.close();
  await mesh?.close();
});

for (const transport of ["ipsec", "wireguard"]) {
  const name =
    `to ${transport}, node by node: packets are lost for ${OUTAGE_MS} ms at most (kernel with XFRM)`;
  Deno.test(name, { ignore: mesh === undefined }, async (test) => {
    const { lab, nodes } = mesh!;
    const probe = await mesh!.probe(50);
    for (const node of nodes) {
      await node.agent!.kill("SIGTERM");
      node.startAgent({ settings: { "transport-ipv4": transport, "transport-ipv6": transport } });
      if (transport === "wireguard") await lab.publish(node.manifest);
      for (const one of lab.nodes) await one.inSync();
    }
    await probe.flowing(20_000);
    const { there, back } = await probe.stop();
    const gaps = [there, back].map(({ longestGapMs }) => longestGapMs);
    await test.step(`lost ${lost(there)} of ${there.sent} and ${lost(back)} of ${back.sent}`, () => {});
    assert.ok(Math.max(...gaps) <= OUTAGE_MS * PATIENCE, `silent for ${gaps.join(" and ")} ms`);
    const link = await nodes[0]!.attempt(["ip", "link", "show", "dev", "wigglenet-ipsec"]);
    assert.equal(link.code === 0, transport === "ipsec");
  });
}
