// The agent's life under traffic: it is ended, killed, replaced and started, its node is rebooted, others lay hands on
// what is its own. Packets of pairs that have no part in it are not lost: not one.
//
//   n1-pod ═══ n2-pod     100 packets a second in each direction, IPv4 and IPv6
//        ╚═ n3-pod ═╝

import assert from "node:assert/strict";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until, within } from "../lab/until.ts";
import { dyingArgv, otherBuildArgv } from "./builds.ts";
import { losing } from "./losses.ts";
import { Mesh } from "./mesh.ts";
import { differences, identityOf, readState } from "./state.ts";

const mesh = await Mesh.create({ nodes: 3 }, { "filter-ipv4": "true", "filter-ipv6": "true" });
const { lab, settings } = mesh;
const [n1, n2] = mesh.nodes as [Node, Node, Node];
const traffic = await mesh.traffic();
const losesOnly = losing(traffic);
Deno.test.afterAll(() => mesh.close());

function statesOf(nodes: readonly Node[]): Promise<string[]> {
  return Promise.all(nodes.map((node) => readState(node)));
}

async function becomes(node: Node, wanted: string): Promise<void> {
  await until(`${node.name} to be as before`, async () => await readState(node) === wanted, {
    seen: async () => `${differences(wanted, await readState(node))}\n${node.agent!.tail()}`,
  });
}

Deno.test("on a busy machine the traffic itself loses nothing", async (t) => {
  const busy = Array.from({ length: 3 }, () => n1.start(["sh", "-c", "while :; do :; done"]));
  await losesOnly(t, {}, async () => {
    const start = performance.now();
    await until("three seconds to pass", () => performance.now() - start > 3_000, { pauseMs: 100 });
  });
  for (const program of busy) await program.kill();
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`${signal} of all agents loses nothing, and the next start changes nothing`, async (t) => {
    const before = await Promise.all(mesh.nodes.map(identityOf));
    await losesOnly(t, {}, async () => {
      await mesh.killAgents(signal);
      await traffic.flowing();
      await mesh.startAgents();
    });
    for (const [i, node] of mesh.nodes.entries()) {
      assert.equal(differences(before[i]!, await identityOf(node)), "");
      const changes = node.agent!.stderr.filter((line) => / info +[-+~] |error|warn/.test(line));
      assert.deepEqual(changes, []);
    }
  });
}

Deno.test("kill -9 in the middle of a join loses nothing, and the next start ends it", async (t) => {
  const before = await statesOf(mesh.nodes);
  const joining = manifestOf(4);
  joining.metadata.annotations = { "wigglenet/public-key": "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgNDQ=" };
  const moments = ["during nft -f", "before wg set", "during ip -force -batch"];
  await losesOnly(t, {}, async () => {
    await mesh.killAgents("SIGKILL");
    for (const [i, node] of mesh.nodes.entries()) node.startAgent({ settings, argv: dyingArgv(moments[i]!) });
    // The first of them dies at its start, when it asks nft for the reference of its table.
    await Promise.all(mesh.nodes.slice(1).map((node) => node.inSync()));
    const dying = mesh.nodes.map((node) => node.agent!);
    await lab.publish(joining);
    await within("the agents to die", 10_000, Promise.all(dying.map(({ ended }) => ended)));
    await mesh.startAgents();
    for (const state of await statesOf(mesh.nodes)) assert.match(state, /10\.244\.4\.0\/24/);
    await lab.withdraw("n4");
    await Promise.all(mesh.nodes.map((node, i) => becomes(node, before[i]!)));
  });
});

Deno.test("an upgrade to a build with another table, and back, loses nothing and leaves nothing", async (t) => {
  const before = await statesOf(mesh.nodes);
  const argv = await otherBuildArgv(`${lab.folder}/other`);
  const rulesets = () => Promise.all(mesh.nodes.map((node) => node.run(["nft", "list", "ruleset"])));
  await losesOnly(t, {}, async () => {
    await mesh.killAgents("SIGTERM");
    await mesh.startAgents({ argv });
    for (const text of await rulesets()) assert.match(text, /set prefixes-v4[^]*jump seen/);
    for (const text of await rulesets()) assert.doesNotMatch(text, /pod-cidrs-v/);
    await traffic.flowing();
    await mesh.killAgents("SIGTERM");
    await mesh.startAgents();
  });
  for (const text of await rulesets()) assert.doesNotMatch(text, /prefixes-v|seen/);
  assert.deepEqual(await statesOf(mesh.nodes), before);
});

Deno.test("a foreign flush of the whole ruleset loses nothing", async (t) => {
  const before = await statesOf(mesh.nodes);
  await losesOnly(t, {}, async () => {
    for (let i = 0; i < 5; i++) {
      await Promise.all(mesh.nodes.map((node) => node.run(["nft", "flush", "ruleset"])));
      await Promise.all(mesh.nodes.map((node, i) => becomes(node, before[i]!)));
    }
  });
});

const HANDS: Readonly<Record<string, { act: () => Promise<unknown>; outageMs: number }>> = {
  "all its routes": {
    act: () =>
      Promise.all(["-4", "-6"].map((family) => n1.run(["ip", family, "route", "flush", "proto", "146"]))),
    outageMs: 1_000,
  },
  "all its peers": {
    act: async () => {
      const peers = (await n1.run(["wg", "show", "wigglenet", "peers"])).trim().split("\n");
      await n1.run(["wg", "set", "wigglenet", ...peers.flatMap((key) => ["peer", key, "remove"])]);
    },
    outageMs: 2_500,
  },
  "its interface": { act: () => n1.run(["ip", "link", "del", "wigglenet"]), outageMs: 2_500 },
};

for (const [what, { act, outageMs }] of Object.entries(HANDS)) {
  Deno.test(`somebody deletes ${what} of a node: its pairs are back soon, the others lose nothing`, async (t) => {
    const before = await readState(n1);
    await losesOnly(t, { victim: "n1", outageMs }, async () => {
      await act();
      await becomes(n1, before);
    });
  });
}

Deno.test("what was changed while no agent ran is mended by the next one", async (t) => {
  const before = await readState(n1);
  await n1.agent!.kill("SIGKILL");
  await losesOnly(t, { victim: "n1", outageMs: 10_000 }, async () => {
    await n1.run(["nft", "flush", "ruleset"]);
    await n1.ip([
      "route del 10.244.2.0/23 dev wigglenet",
      "route add 172.30.0.0/16 dev wigglenet proto 146",
      "address del 10.244.1.1/32 dev wigglenet",
      "link set wigglenet mtu 1300",
    ]);
    await n1.run(["wg", "set", "wigglenet", "peer", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE="]);
    await n1.run(["rm", n1.conflistPath]);
    n1.startAgent({ settings });
    await becomes(n1, before);
  });
});

/** Where a node sends to the others. */
async function endpointsOf(node: Node): Promise<string[]> {
  const text = await node.run(["wg", "show", "wigglenet", "endpoints"]);
  return text.trim().split("\n").map((line) => line.split("\t")[1]!);
}

Deno.test("another WG_IP_FAMILY is followed by the next start, sessions that live included, and loses nothing", async (t) => {
  for (const [family, address] of [["ipv6", /^\[fd09::\d\]:/], ["ipv4", /^10\.9\.1\.\d:/]] as const) {
    await losesOnly(t, {}, async () => {
      await mesh.killAgents("SIGTERM");
      await mesh.startAgents({ settings: { ...settings, "wg-ip-family": family } });
      await until(`all endpoints to be of ${family}`, async () => {
        return (await Promise.all(mesh.nodes.map(endpointsOf))).flat().every((text) => address.test(text));
      }, { seen: () => lab.diagnose() });
    });
  }
  await mesh.killAgents("SIGTERM");
  await mesh.startAgents();
});

Deno.test("both sides of a tunnel lose all at once, and find each other again", async () => {
  await Promise.all([n1, n2].map(async (node) => {
    await node.agent!.kill("SIGKILL");
    await node.run(["ip", "link", "del", "wigglenet"]);
  }));
  for (const node of [n1, n2]) node.startAgent({ settings });
  await traffic.flowing(20_000);
});

Deno.test("a node is rebooted: its pods are back soon, the others lose nothing", async (t) => {
  const before = await readState(mesh.nodes[2]!);
  await losesOnly(t, { victim: "n3", outageMs: 8_000 }, async () => {
    const n3 = await lab.reboot(mesh.nodes[2]!);
    n3.startAgent({ settings });
    const pod = await n3.addPod("n3-pod");
    mesh.pods[2] = pod;
    await traffic.restart("n3", pod);
    await becomes(n3, before);
  });
});
