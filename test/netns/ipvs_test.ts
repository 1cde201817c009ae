// Policies where kube-proxy is in IPVS mode: its interface brings our chain. What that does to packets is in test/packet/ipvs_test.ts, and
// with kube-proxy itself in test/api/kube_proxy_ipvs_test.ts.

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";

const mesh = await Mesh.create({ nodes: 2 });
const [n1] = mesh.nodes as [Node, Node];
Deno.test.afterAll(() => mesh.close());

async function table(): Promise<string> {
  return (await n1.attempt(["nft", "list", "table", "inet", "wigglenet"])).stdout;
}

Deno.test("kube-proxy's interface brings the chain at once, its end takes it, and no packet is lost", async () => {
  await n1.inSync();
  const probe = await mesh.probe(200);
  const seen = async () => `${n1.agent?.tail()}\n${await table()}`;
  const hasChain = async () => (await table()).includes("hook output");
  assert.ok(!await hasChain(), "nobody pays for what is not there");
  await n1.ip(["tuntap add kube-ipvs0 mode tun"]);
  await until("the chain", hasChain, { deadlineMs: 2_000, seen });
  await n1.inSync();
  await n1.ip(["link del kube-ipvs0"]);
  await until("no chain", async () => !await hasChain(), { deadlineMs: 5_000, seen });
  const { there: forth, back } = await probe.stop();
  assert.deepEqual([lost(forth), lost(back)], [0, 0], "packets were lost");
});
