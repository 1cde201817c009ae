// Agents that keep what the API declares: keys are made on the nodes and told to each other, what stands is told in statuses, and who
// holds the Lease sums up the plan.
//
//   n1 ══ wg-n1-n2-0, over it vxlan1 ══ n2       api

import assert from "node:assert/strict";
import { backbone, bridgedDummy, byHand, others, vxlans } from "../declared/two_nodes.ts";
import { DeclaredCluster, folderOf, GROUP } from "../declared/declared_cluster.ts";
import { HAS_DUMMY } from "../lab/kernel.ts";
import { Cluster } from "../lab/kubernetes/cluster.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const LINK = "wg-n1-n2-0";

const cluster = await Cluster.create({ nodes: 2 });
const [n1, n2] = cluster.nodes as [Node, Node];
Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());
const it = new DeclaredCluster(cluster);

const MEMBERS = [n1, n2].map((node) => ({ name: node.name, hostname: node.address(4) }));
const [FIRST, SECOND] = MEMBERS as [typeof MEMBERS[0], typeof MEMBERS[0]];
const PLAN = backbone(MEMBERS);
const BY_HAND = byHand([FIRST, SECOND]);

Deno.test("without the definitions the mesh stands, and that they are missing is told once", async () => {
  await cluster.startAll();
  const told = () => n1.agent!.stderr.filter((line) => line.includes("no declared networks: ")).length;
  await until("n1 to tell it", () => told() > 0);
  assert.equal(told(), 1);
});

Deno.test("the definitions are taken up when they come, and a plan makes keys, links and addresses that answer", async () => {
  await it.define();
  await it.apply(PLAN);
  await it.answers(n1, "10.4.0.2");
  await it.answers(n2, "10.4.0.1");
  await it.answers(n1, `fe80::a:2%${LINK}`);
});

Deno.test("the plan says that it is ready, of which generation, and of each node its key, its addresses and that packets go", async () => {
  await it.says(PLAN, "True", /Done/);
  const { metadata: { generation } } = await cluster.admin.demand(`${folderOf(PLAN)}/backbone`);
  const status = await until("handshakes in the plan", async () => {
    const now = await it.statusOf(PLAN);
    return now.observedGeneration === generation &&
      // deno-lint-ignore no-explicit-any -- JSON of the API
      now.nodes.every(({ linksUp, lastHandshake }: any) => linksUp === 1 && lastHandshake !== undefined) &&
      now;
  }, { deadlineMs: 90_000, seen: async () => JSON.stringify(await it.statusOf(PLAN), null, 1) });
  const key = (await n2.run(["wg", "show", "wg-n2-n1-0", "public-key"])).trim();
  const { lastHandshake: _, ...told } = status.nodes[1];
  assert.deepEqual(told, {
    nodeName: "n2",
    endpoint: n2.address(4),
    publicKey: key,
    mtu: 1420,
    addresses: ["10.4.0.2", "fe80::a:2"],
    links: 1,
    linksUp: 1,
    message: "",
  });
  const { status: node, metadata } = await cluster.admin.demand(`${GROUP}/wireguardnodes/n2`);
  assert.equal(metadata.ownerReferences[0].kind, "Node");
  assert.deepEqual(
    node.interfaces.map((it: { interfaceName: string; state: string }) => [it.interfaceName, it.state]),
    [
      ["wg-n2-n1-0", "up"],
    ],
  );
});

Deno.test("no private key stands in any object", async () => {
  const secret = (await n2.run(["wg", "show", "wg-n2-n1-0", "private-key"])).trim();
  for (
    const plural of ["wireguardnetworkplans", "wireguardnodes", "wireguardinterfaces", "netlinkinterfaces"]
  ) {
    assert.equal(
      JSON.stringify(await cluster.admin.demand(`${GROUP}/${plural}`)).includes(secret),
      false,
      plural,
    );
  }
});

Deno.test("bridge, pair, and an Ethernet over the link, on which ff02::1 is answered by both", async () => {
  const objects = [...vxlans(["n1", "n2"]), ...others("n1")];
  await it.apply(...objects);
  for (const object of objects) await it.says(object, "True", /Done/);
  for (
    const [device, addresses] of [["vxlan1", ["fe80::1", "fe80::2"]], ["pair-a", [
      "fe80::eeee:1",
      "fe80::eeee:2",
    ]]] as const
  ) {
    await until(`both ends of ${device} to answer`, async () => {
      const { stdout } = await n1.attempt(["ping", "-c", "2", "-W", "2", `ff02::1%${device}`]);
      return addresses.every((address) => stdout.includes(`${address}%${device}`));
    }, { deadlineMs: 30_000 });
  }
});

Deno.test("a link by hand has link-local addresses that answer, once each says the other's key", async () => {
  await it.apply(...BY_HAND);
  const keyOf = async (node: Node) =>
    await until("wg1 to have a key", async () => {
      const { code, stdout } = await node.attempt(["wg", "show", "wg1", "public-key"]);
      return code === 0 && stdout.includes("=") && stdout.trim();
    }, { seen: () => it.agentsSay() });
  const objects = byHand([{ ...FIRST, publicKey: await keyOf(n1) }, {
    ...SECOND,
    publicKey: await keyOf(n2),
  }]);
  await it.apply(...objects);
  await it.answers(n1, "fe80::a:1771%wg1");
  await it.answers(n2, "fe80::1771%wg1");
  for (const object of objects) await it.says(object, "True", /Done/);
});

Deno.test("a dummy is a bridge's member; on a kernel without dummies the object says so", async () => {
  const objects = bridgedDummy("n1");
  await it.apply(...objects);
  const [ready, reason] = HAS_DUMMY ? ["True", /Done/] as const : ["False", /^Failing: .*dummy1/] as const;
  await it.says(objects[0]!, ready, reason);
  if (HAS_DUMMY) {
    await until("dummy1 to be a member of br2", async () => {
      return JSON.parse(await n1.run(["ip", "-j", "link", "show", "dev", "dummy1"]))[0].master === "br2";
    });
  }
  await it.remove(...objects);
  await it.gone(n1, "br2");
});

Deno.test("a WireGuardNode that somebody removes is back, and the link with it", async () => {
  await cluster.admin.remove(`${GROUP}/wireguardnodes/n2`);
  await until(
    "it to be back",
    async () => (await cluster.admin.ask(`${GROUP}/wireguardnodes/n2`)).status === 200,
    {
      deadlineMs: 30_000,
      seen: () => n2.agent!.tail(),
    },
  );
  await it.answers(n1, "10.4.0.2");
});

Deno.test("an agent's token writes of its own node alone, and of objects nothing but their status", async () => {
  using agent = await cluster.plane.clientWith(await cluster.account.podToken("n1"));
  const merge = (body: unknown) => ({ method: "PATCH", body, type: "application/merge-patch+json" });
  const ask = async (path: string, request: Parameters<typeof agent.ask>[1]) =>
    (await agent.ask(`${GROUP}/${path}`, request)).status;
  const status = { status: { conditions: [] } };
  assert.equal(await ask("wireguardnodes/n2", merge({ status: { plans: [] } })), 403);
  assert.equal(await ask("wireguardnodes/n2", { method: "DELETE" }), 403);
  const made = {
    apiVersion: "networking.wigglenet.dev/v1alpha1",
    kind: "WireGuardNode",
    metadata: { name: "n3" },
  };
  assert.equal(await ask("wireguardnodes", { method: "POST", body: made }), 403);
  assert.equal(await ask("netlinkinterfaces/vxlan-n2/status", merge(status)), 403);
  assert.equal(await ask("netlinkinterfaces/vxlan-n1", merge({ spec: { mtu: 1280 } })), 403);
  assert.equal(await ask("netlinkinterfaces/vxlan-n1/status", merge({})), 200);
  assert.equal(await ask("wireguardnodes/n1", merge({})), 200);
});

Deno.test("what is deleted goes from the nodes, also while an agent is away, and with the last of it what they say", async () => {
  const objects = [PLAN, ...vxlans(["n1", "n2"]), ...others("n1"), ...BY_HAND];
  await n1.run(["ip", "link", "add", "theirs", "type", "bridge"]);
  // Of a node that is away nobody waits for anything: nothing holds an object, and its agent finds by itself what is to go.
  await n1.agent!.kill();
  await it.remove(...objects);
  for (const object of objects) {
    const { status } = await cluster.admin.ask(`${folderOf(object)}/${object.metadata.name}`);
    assert.equal(status, 404, object.metadata.name);
  }
  await it.gone(n2, "wg-n2-n1-0");
  await n1.run(["ip", "link", "show", "dev", LINK]);
  await cluster.start(n1);
  for (const name of [LINK, "vxlan1", "br1", "pair-a", "wg1"]) await it.gone(n1, name);
  await it.gone(n2, "wg-n2-n1-0");
  await until("no WireGuardNode to be left", async () => {
    return (await cluster.admin.demand(`${GROUP}/wireguardnodes`)).items.length === 0;
  }, { deadlineMs: 60_000, seen: () => n1.agent!.tail() });
  await n1.run(["ip", "link", "show", "dev", "theirs"]);
});
