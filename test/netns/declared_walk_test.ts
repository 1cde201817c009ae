// The walk-through of declared networks from a folder, by agents: the same objects as on the real API (test/api/declared_agents_test.ts).
//
//   n1 ══ wg-n1-n2-0 10.4.0.1, over it vxlan1 fe80::1 ══ n2 10.4.0.2, fe80::2        (plan backbone)
//   n1 ══ wg1 fe80::1771 ══ fe80::a:1771 wg1 n2                                      (by hand)
//   n1: br1, pair-a ── pair-b, dummy1 in br2

import assert from "node:assert/strict";
import { backbone, bridgedDummy, byHand, others, type PlanMember, vxlans } from "../declared/two_nodes.ts";
import type { ObjectJson } from "../declared/walk_through.ts";
import { HAS_DUMMY } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const lab = await Lab.create({ nodes: 2 });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const standing: ObjectJson[] = [];

/** Puts objects into the folder, in place of those of the same names. */
async function apply(...objects: readonly ObjectJson[]): Promise<void> {
  for (const object of objects) {
    const nameOf = ({ kind, metadata }: ObjectJson) => `${kind} ${metadata.name}`;
    const i = standing.findIndex((it) => nameOf(it) === nameOf(object));
    if (i < 0) standing.push(object);
    else standing[i] = object;
  }
  const file = `${lab.nodesFolder}/declared.yaml`;
  await Deno.writeTextFile(`${file}.part`, standing.map((it) => JSON.stringify(it)).join("\n---\n"));
  await Deno.rename(`${file}.part`, file);
}

const seen = async () => {
  const shown = await Promise.all(lab.nodes.map((node) => node.runAgent({ verb: "status" })));
  return shown.map(({ stdout }) => stdout).join("\n");
};

async function answers(node: Node, address: string): Promise<void> {
  await until(`${address} to answer ${node.name}`, async () => {
    return (await node.attempt(["ping", "-c", "1", "-W", "1", address])).code === 0;
  }, { seen });
}

/** Waits until all of these answer to all nodes' address. */
async function allAnswer(node: Node, device: string, addresses: readonly string[]): Promise<void> {
  await until(`${addresses.join(" and ")} to answer on ${device}`, async () => {
    const { stdout } = await node.attempt(["ping", "-c", "2", "-W", "2", `ff02::1%${device}`]);
    return addresses.every((address) => stdout.includes(`${address}%${device}`));
  }, { seen });
}

async function keyOf(node: Node, name: string): Promise<string> {
  return await until(`${name} on ${node.name} to have a key`, async () => {
    const { code, stdout } = await node.attempt(["wg", "show", name, "public-key"]);
    return code === 0 && stdout.includes("=") && stdout.trim();
  }, { seen });
}

const memberOf = (node: Node, publicKey?: string): PlanMember => ({
  name: node.name,
  hostname: node.address(4),
  publicKey,
});

/** With the keys that the nodes have made for interfaces of these names. */
async function keyed(first: string, second: string): Promise<readonly [PlanMember, PlanMember]> {
  return [memberOf(n1, await keyOf(n1, first)), memberOf(n2, await keyOf(n2, second))];
}

Deno.test("Two nodes, a plan: 10.4.0.2 answers, and so does the link-local address", async () => {
  for (const node of lab.nodes) node.startAgent();
  await apply(backbone([memberOf(n1), memberOf(n2)]));
  await apply(backbone(await keyed("wg-n1-n2-0", "wg-n2-n1-0")));
  await answers(n1, "10.4.0.2");
  await answers(n1, "fe80::a:2%wg-n1-n2-0");
});

Deno.test("An interface by hand, with the other end's link-local address as its peer", async () => {
  await apply(...byHand([memberOf(n1), memberOf(n2)]));
  await apply(...byHand(await keyed("wg1", "wg1")));
  await answers(n1, "fe80::a:1771%wg1");
  const shown = await n1.run(["ip", "address", "show", "dev", "wg1"]);
  assert.match(shown, /inet6 fe80::1771 peer fe80::a:1771\/64 scope link/);
});

Deno.test("A dummy, which a bridge has as its member; on a kernel without dummies that is said", async () => {
  await apply(...bridgedDummy("n1"));
  if (HAS_DUMMY) {
    await until("dummy1 to be a member of br2", async () => {
      const { code, stdout } = await n1.attempt(["ip", "-j", "link", "show", "dev", "dummy1"]);
      return code === 0 && JSON.parse(stdout)[0].master === "br2";
    }, { seen });
  } else {
    const told = () => n1.runAgent({ verb: "status" }).then(({ stdout }) => stdout);
    await until(
      "it to be said",
      async () => /NetlinkInterface dummy-n1: Failing: .*dummy1/.test(await told()),
      {
        seen,
      },
    );
  }
});

Deno.test("An Ethernet over the plan's link, a bridge, a pair: ff02::1 is answered by both ends", async () => {
  await apply(...vxlans(["n1", "n2"]), ...others("n1"));
  await allAnswer(n1, "vxlan1", ["fe80::1", "fe80::2"]);
  await allAnswer(n1, "pair-a", ["fe80::eeee:1", "fe80::eeee:2"]);
  assert.match(await n1.run(["ip", "-o", "address", "show", "dev", "br1"]), / 10\.8\.0\.1\/24 /);
});
