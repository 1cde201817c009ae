// Nodes behind NATs leave IPsec for the tunnel, one after the other, while pods send to each other: what stood goes on in UDP until all have
// heard of it. On kernels that have XFRM.

import assert from "node:assert/strict";
import { HAS_XFRM } from "../lab/kernel.ts";
import { until } from "../lab/until.ts";
import { settled } from "./associations.ts";
import { NatMesh } from "./ipsec_nat_mesh.ts";
import { lost } from "./mesh.ts";
import { saying } from "./transports.ts";

const TUNNEL = "ipv4=wireguard,ipv6=wireguard";
const nat = await NatMesh.create();
Deno.test.afterAll(() => nat?.close());

const name = "ipsec in udp: to wireguard, node by node: no packet is lost (kernel with XFRM)";
Deno.test(name, { ignore: !HAS_XFRM }, async (test) => {
  const { mesh, clerk } = nat!;
  await settled(mesh);
  const probe = await mesh.probe(50);
  for (const node of mesh.nodes) {
    await node.agent!.kill("SIGTERM");
    node.startAgent({ settings: { "transport-ipv4": "wireguard", "transport-ipv6": "wireguard" } });
    await node.inSync();
    await mesh.lab.publish(saying(clerk.manifestOf(node), TUNNEL));
    for (const one of mesh.nodes) await one.inSync();
  }
  for (const node of mesh.nodes) {
    await until(`${node.name} to have the tunnel alone`, async () => {
      const links = await node.run(["ip", "-br", "link", "show"]);
      const routing = await node.run(["ip", "rule", "show"]);
      return !/^wigglenet-(?:ipsec|udp)\b/m.test(links) && !routing.includes("lookup 146");
    }, { deadlineMs: 30_000 });
    assert.equal(await node.run(["ip", "xfrm", "policy"]), "");
  }
  await probe.flowing(20_000);
  const { there, back } = await probe.stop();
  await test.step(`lost ${lost(there)} of ${there.sent} and ${lost(back)} of ${back.sent}`, () => {});
  assert.deepEqual([lost(there), lost(back)], [0, 0]);
});
