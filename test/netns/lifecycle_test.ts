// The data plane outlives the agent, and an agent that finds all in order touches nothing.

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";
import { differences, readState } from "./state.ts";

const mesh = await Mesh.create({ nodes: 2 }, { "filter-ipv4": "true", "filter-ipv6": "true" });
const [n1, n2] = mesh.nodes as [Node, Node];
Deno.test.afterAll(() => mesh.close());

/** What changes whenever something is written, though it be the same: handles and indices. */
async function identityOf(node: Node): Promise<string> {
  const commands = [
    ["nft", "-a", "-s", "list", "table", "inet", "wigglenet"],
    ["ip", "link", "show", "dev", "wigglenet"],
    ["wg", "show", "wigglenet", "latest-handshakes"],
    ["stat", "-L", "-c", "%i %Y %Z", node.conflistPath],
    ["stat", "-c", "%i %Y %Z", node.conflistPath],
  ];
  return (await Promise.all(commands.map((argv) => node.run(argv)))).join("---\n") + await readState(node);
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`${signal} of all agents leaves the data plane standing, and the next start changes nothing`, async () => {
    const probe = await mesh.probe(200);
    const before = await Promise.all([identityOf(n1), identityOf(n2)]);
    await Promise.all(mesh.nodes.map((node) => node.agent!.kill(signal)));
    await probe.flowing();
    for (const node of mesh.nodes) node.startAgent({ settings: mesh.settings });
    await Promise.all(mesh.nodes.map(inSync));
    for (const [i, node] of mesh.nodes.entries()) {
      assert.equal(differences(before[i]!, await identityOf(node)), "");
      const changes = node.agent!.stderr.filter((line) => / info +[-+~] |error|warn/.test(line));
      assert.deepEqual(changes, []);
    }
    await probe.flowing();
    const { there, back } = await probe.stop();
    assert.deepEqual([lost(there), lost(back)], [0, 0], "packets were lost");
  });
}

async function inSync(node: Node): Promise<void> {
  await until(`${node.name} to say that it is in sync`, async () => {
    return /: in sync$/m.test((await node.runAgent({ verb: "status" })).stdout);
  }, { seen: () => node.agent!.tail() });
}

Deno.test("what was changed while no agent ran is mended by the next one, sessions untouched", async () => {
  const before = await readState(n1);
  const handshakes = ["wg", "show", "wigglenet", "latest-handshakes"];
  const session = await n1.run(handshakes);
  await n1.agent!.kill("SIGKILL");
  await n1.run(["nft", "flush", "ruleset"]);
  await n1.ip([
    "route del 10.244.2.0/24 dev wigglenet",
    "route add 172.30.0.0/16 dev wigglenet proto 146",
    "address del 10.244.1.1/32 dev wigglenet",
    "link set wigglenet mtu 1300",
  ]);
  await n1.run(["wg", "set", "wigglenet", "peer", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE="]);
  await n1.run(["rm", n1.conflistPath]);
  n1.startAgent({ settings: mesh.settings });
  await until("n1 to be as before", async () => await readState(n1) === before, {
    seen: async () => `${differences(before, await readState(n1))}\n${n1.agent!.tail()}`,
  });
  assert.equal(await n1.run(handshakes), session);
  await mesh.reachable();
});

Deno.test("both sides of a tunnel lose all at once, and find each other again", async () => {
  await Promise.all(mesh.nodes.map(async (node) => {
    await node.agent!.kill("SIGKILL");
    await node.run(["ip", "link", "del", "wigglenet"]);
  }));
  for (const node of mesh.nodes) node.startAgent({ settings: mesh.settings });
  await mesh.reachable();
});
