// TRANSPORT_IPV4 and _IPV6=gre between nodes of IPv6 alone, where the kernel has it, and two nodes that change over while their pods talk.

import assert from "node:assert/strict";
import { HAS_GRE } from "../lab/kernel.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { PATIENCE, until } from "../lab/until.ts";
import { Mesh } from "./mesh.ts";
import { passesFull, saying } from "./transports.ts";

const families = { underlay: [6] } as const;
const settingsOf = (transport: string) => ({ "transport-ipv4": transport, "transport-ipv6": transport });
const sayingOf = (transport: string) => `ipv4=${transport},ipv6=${transport}`;

const manifests = [1, 2].map((i) => saying(manifestOf(i, families), sayingOf("gre")));
// A kernel without it never gives a mesh.
const mesh = HAS_GRE ? await Mesh.create({ nodes: manifests, families }, settingsOf("gre")) : undefined;
Deno.test.afterAll(() => mesh?.close());

const ignore = !HAS_GRE;
const name = "gre between nodes of IPv6 alone: both families are wrapped in that, and full packets pass";
Deno.test(name, { ignore }, async () => {
  const { nodes: [n1], pods: [from, to] } = mesh!;
  await passesFull(from as Pod, to as Pod, 1_452);
  assert.match(await n1!.run(["ip", "-d", "link", "show", "dev", "wigglenet-gre"]), /ip6gre external/);
});

// What a node had before stands for a while; back into a tunnel that nobody has made the guard comes first.
const CHANGES = [["vxlan", 0], ["gre", 0], ["wireguard", 1_000], ["gre", 0]] as const;
const INTERFACES = { vxlan: "wigglenet-vx", gre: "wigglenet-gre", wireguard: "wigglenet" } as const;

/** Waits for an interface, by no program. */
async function stands(node: Node, name: string): Promise<void> {
  await until(`${node.name} to have ${name}`, async () => {
    return (await Deno.readTextFile(`/proc/${node.pid}/net/dev`)).includes(` ${name}:`);
  }, { deadlineMs: 30_000 });
}

for (const [transport, mostMs] of CHANGES) {
  const bound = mostMs === 0
    ? "no packet is lost"
    : `flows that nobody answers are silent for ${mostMs / 1_000} s at most`;
  const name = `to ${transport}, node by node: ${bound}`;
  Deno.test(name, { ignore }, async (test) => {
    const { nodes, lab } = mesh!;
    const probe = await mesh!.probe();
    for (const node of nodes) {
      await node.agent!.kill("SIGTERM");
      node.startAgent({ settings: settingsOf(transport) });
      // Back in a tunnel the other end needs to hear it at once: asked for by `status`, that takes a second where it is emulated.
      await (transport === "wireguard" ? stands(node, INTERFACES.wireguard) : node.inSync(30_000));
      await lab.publish(saying(node.manifest, sayingOf(transport)));
    }
    for (const node of nodes) {
      await node.says(`all of it goes by ${transport}`, ({ clear = [] }) => {
        const by = clear.filter(({ route }) => route.endsWith(transport === "gre" ? "-gre" : "-vx"));
        return by.length === clear.length && by.length === (transport === "wireguard" ? 0 : 2);
      }, 30_000);
    }
    // What stood for a while is gone, and that has cost nothing either.
    for (const node of nodes) {
      await until(`${node.name} to have ${transport} alone`, async () => {
        const links = (await node.run(["ip", "-br", "link", "show"])).split("\n").map((line) =>
          line.split(/[ @]/)[0]
        );
        const standing = Object.values(INTERFACES).filter((name) => links.includes(name));
        return standing.length === 1 && standing[0] === INTERFACES[transport];
      }, { deadlineMs: 30_000 });
    }
    await probe.flowing(20_000);
    const flows = Object.values(await probe.stop());
    const gapMs = Math.max(...flows.map(({ longestGapMs }) => longestGapMs));
    const lost = flows.map(({ sent, received }) => `${sent - received} of ${sent}`).join(" and ");
    await test.step(`lost ${lost}, no flow was silent for more than ${gapMs.toFixed()} ms`, () => {});
    if (mostMs === 0) assert.deepEqual(flows.map(({ sent, received }) => sent - received), [0, 0]);
    else assert.ok(gapMs <= mostMs * PATIENCE, `silent for ${gapMs.toFixed()} ms`);
  });
}
