// Nodes of one cluster with different transports, each family with another one, and nodes that are away while the others change.
//
//   n1, n2, n3, n4 on one network, one of each: what two have in common they use, all else goes by the tunnel

import assert from "node:assert/strict";
import { manifestOf } from "../lab/manifest.ts";
import type { Node, Settings } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "../netns/mesh.ts";
import { mediaOf, type Medium, passesFull, policyDecides, saying } from "../netns/transports.ts";

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };

/** Of both families, or of IPv4 and IPv6. */
function settingsOf(v4: string, v6 = v4): Settings {
  return { ...FILTERED, "transport-ipv4": v4, "transport-ipv6": v6 };
}

const stated = (i: number, v4: string, v6 = v4) => saying(manifestOf(i), `ipv4=${v4},ipv6=${v6}`);

Deno.test("one cluster of vxlan, vxlan-or-wireguard, wireguard and direct: all reach each other, nothing is bare, policies decide, and it is told", async () => {
  const names = ["vxlan", "vxlan-or-wireguard", "wireguard", "direct"];
  const nodes = names.map((name, i) => stated(i + 1, name));
  const mesh = await Mesh.create({ nodes }, (node) => settingsOf(names[Number(node.name.slice(1)) - 1]!));
  try {
    for (const node of mesh.nodes) await node.inSync();
    assert.deepEqual(await mediaOf(mesh), ["vxlan", "wireguard"]);
    const ways = await Promise.all(mesh.nodes.map(async (node) => {
      const { clear = [], waiting } = (await node.status())!;
      assert.deepEqual(waiting.filter(({ isTrouble }) => isTrouble), []);
      const said = waiting.filter(({ what }) => what.startsWith("IPv4 transport of ")).map(({ what }) =>
        what
      );
      return [clear.filter(({ family }) => family === 4).map(({ node }) => node), ...said];
    }));
    assert.deepEqual(ways, [
      [["n2"], "IPv4 transport of n3, n4"],
      [["n1"], "IPv4 transport of n3, n4"],
      [[], "IPv4 transport of n1, n2, n4"],
      [[], "IPv4 transport of n1, n2, n3"],
    ]);
    // n2's pod comes to n1's by vxlan, n3's by the tunnel.
    await policyDecides(mesh);
  } finally {
    await mesh.close();
  }
});

const SPLITS: readonly (readonly [v4: string, v6: string, mtuBytes: number, media: readonly Medium[]])[] = [
  ["vxlan", "wireguard", 1_420, ["vxlan", "wireguard"]],
  ["wireguard", "direct", 1_420, ["v6", "wireguard"]],
  ["direct", "vxlan", 1_444, ["v4", "vxlan"]],
];

for (const [v4, v6, mtuBytes, media] of SPLITS) {
  Deno.test(`IPv4 by ${v4} and IPv6 by ${v6}: each by its own, full packets pass, policies decide in both, diff has nothing to do`, async () => {
    const nodes = [1, 2, 3].map((i) => stated(i, v4, v6));
    const mesh = await Mesh.create({ nodes }, settingsOf(v4, v6));
    try {
      for (const node of mesh.nodes) await node.inSync();
      assert.deepEqual(await mediaOf(mesh), media);
      const [from, ...others] = mesh.pods as [Pod, ...Pod[]];
      for (const to of others) await passesFull(from, to, mtuBytes);
      await policyDecides(mesh);
      const [n1] = mesh.nodes as [Node];
      const { code, stdout, stderr } = await n1.runAgent({ verb: "diff", settings: mesh.settings });
      assert.equal(code, 0, stdout + stderr);
    } finally {
      await mesh.close();
    }
  });
}

/** Gives nodes another transport as an update does, one after the other. */
async function change(mesh: Mesh, nodes: readonly Node[], transport: string): Promise<void> {
  for (const node of nodes) {
    await node.agent!.kill("SIGTERM");
    node.startAgent({ settings: settingsOf(transport) });
    await node.inSync(20_000);
    await mesh.lab.publish(saying(node.manifest, `ipv4=${transport},ipv6=${transport}`));
  }
}

Deno.test("a node without an agent, and one that is off, while the others change: those lose nothing, and it comes along when it is back", async () => {
  const mesh = await Mesh.create({ nodes: 3 }, FILTERED);
  try {
    const { lab } = mesh;
    const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
    const traffic = await mesh.traffic();
    const lost = async (of: RegExp) => {
      const flows = await traffic.report();
      return flows.filter(({ from, to, lost }) => lost > 0 && of.test(`${from} ${to}`));
    };
    await n3.agent!.kill("SIGKILL");
    await change(mesh, [n1, n2], "vxlan");
    await traffic.flowing(20_000);
    assert.deepEqual(await lost(/./), [], "its tunnel stands, and its agent was of no need");
    assert.deepEqual(await mediaOf(mesh), ["vxlan", "wireguard"]);
    await change(mesh, [n3], "vxlan");
    await until("nobody to be sent to by the tunnel", async () => (await mediaOf(mesh)).join() === "vxlan", {
      deadlineMs: 20_000,
    });
    assert.deepEqual(await lost(/./), []);
    await n3.close();
    await change(mesh, [n1, n2], "direct");
    for (const node of [n1, n2]) {
      await node.says(
        "it reaches the other",
        ({ clear = [] }) => clear.length === 2 && clear.every(({ route }) => route.startsWith("via ")),
      );
    }
    assert.deepEqual(await lost(/n[12] n[12]/), []);
    const back = await lab.reboot(n3);
    back.startAgent({ settings: settingsOf("direct") });
    await lab.publish(saying(back.manifest, "ipv4=direct,ipv6=direct"));
    mesh.pods[2] = await back.addPod("n3-again");
    await mesh.reachable();
    await until("all to be bare", async () => (await mediaOf(mesh)).join() === "v4,v6", {
      deadlineMs: 20_000,
    });
  } finally {
    await mesh.close();
  }
});

Deno.test("by vxlan: Nodes with an address in others' pod CIDR, of another Node, translated, or none: named, and the others unaffected", async () => {
  const nodes = [1, 2].map((i) => stated(i, "vxlan"));
  const mesh = await Mesh.create({ nodes }, settingsOf("vxlan"));
  try {
    const [n1, n2] = mesh.nodes as [Node, Node];
    const routesOf = (node: Node) => node.run(["ip", "route", "show", "proto", "146"]);
    const before = (await routesOf(n1)).split("\n").filter((line) => line.startsWith("10.244.2.0/24"));
    const bad: Readonly<Record<number, readonly [type: string, address: string]>> = {
      5: ["InternalIP", "10.244.2.7"],
      6: ["InternalIP", "10.9.1.2"],
      7: ["ExternalIP", "203.0.113.7"],
      8: ["Hostname", "n8"],
    };
    for (const [i, [type, address]] of Object.entries(bad)) {
      await mesh.lab.publish({ ...stated(Number(i), "vxlan"), status: { addresses: [{ type, address }] } });
    }
    for (const family of [4, 6]) {
      await n1.says(
        "to these there is no way",
        ({ waiting }) =>
          waiting.some(({ what, why, isTrouble }) =>
            isTrouble && what === `IPv${family} to n5, n7, n8` && why.includes("a node needs an InternalIP")
          ),
      );
      await n2.says(
        "nor to who has its own address",
        ({ waiting }) =>
          waiting.some(({ what, isTrouble }) => isTrouble && what === `IPv${family} to n5, n6, n7, n8`),
      );
    }
    const routes = (await routesOf(n1)).split("\n");
    assert.deepEqual(routes.filter((line) => line.startsWith("10.244.2.0/24")), before);
    assert.match(
      routes.join("\n"),
      /^10\.244\.6\.0\/24 .*dst 10\.9\.1\.2 /m,
      "its own pods' packets alone are led there",
    );
    for (const i of [5, 7, 8]) {
      assert.doesNotMatch(routes.join("\n"), new RegExp(`^10\\.244\\.${i}\\.0/24 `, "m"));
    }
    await mesh.reachable();
    assert.deepEqual(await mediaOf(mesh), ["vxlan"]);
    for (const i of Object.keys(bad)) await mesh.lab.withdraw(`n${i}`);
    await n1.says("nothing of them is left", ({ waiting }) => waiting.length === 0);
  } finally {
    await mesh.close();
  }
});
