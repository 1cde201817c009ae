// Clusters whose nodes, or pods, have one family, by each transport: the matrix, full packets, a route that somebody deletes, a policy.
//
//   n1, n2, n3 on one network of IPv4 or of IPv6

import assert from "node:assert/strict";
import { HAS_GRE, HAS_XFRM } from "../lab/kernel.ts";
import type { Lab } from "../lab/lab.ts";
import { type Families, manifestOf } from "../lab/manifest.ts";
import type { Pod } from "../lab/pod.ts";
import { Clerk } from "../netns/clerk.ts";
import { Victim } from "../netns/drift.ts";
import { mediaOf, type Medium, passesFull, policyDecides, saying } from "../netns/transports.ts";

interface Case extends Families {
  readonly transport: string;
  readonly mtuBytes: number;
  readonly media: readonly Medium[];
  readonly ignore?: boolean;
}

const [V4, V6] = [[4], [6]] as const;
const CASES: readonly Case[] = [
  { transport: "wireguard", underlay: V6, pods: V6, mtuBytes: 1_420, media: ["wireguard"] },
  { transport: "direct", underlay: V6, pods: V6, mtuBytes: 1_500, media: ["v6"] },
  { transport: "direct", underlay: V4, pods: V4, mtuBytes: 1_500, media: ["v4"] },
  { transport: "vxlan", underlay: V6, pods: V6, mtuBytes: 1_444, media: ["vxlan"] },
  { transport: "vxlan", underlay: V4, pods: V4, mtuBytes: 1_464, media: ["vxlan"] },
  { transport: "vxlan", underlay: V6, pods: V4, mtuBytes: 1_444, media: ["vxlan"] },
  { transport: "vxlan", underlay: V4, pods: V6, mtuBytes: 1_464, media: ["vxlan"] },
  { transport: "gre", underlay: V6, pods: V6, mtuBytes: 1_452, media: ["gre"], ignore: !HAS_GRE },
  { transport: "ipsec", underlay: V6, pods: V6, mtuBytes: 1_426, media: ["esp"], ignore: !HAS_XFRM },
];

async function stands({ transport, underlay, pods, mtuBytes, media }: Case): Promise<void> {
  const said = `ipv4=${transport},ipv6=${transport}`;
  const families = { underlay: underlay!, pods: pods! };
  const nodes = [1, 2, 3].map((i) => {
    const manifest = manifestOf(i, families);
    return transport === "wireguard" ? manifest : saying(manifest, said);
  });
  let clerk: Clerk | undefined;
  const begins = (lab: Lab) => void (clerk = transport === "ipsec" ? new Clerk(lab, said) : undefined);
  const settings = { "transport-ipv4": transport, "transport-ipv6": transport };
  const victim = await Victim.create({ nodes, families }, settings, begins);
  const { mesh, node } = victim;
  try {
    for (const each of mesh.nodes) await each.inSync(30_000);
    assert.deepEqual(await mediaOf(mesh), media);
    const [from, ...others] = mesh.pods as [Pod, ...Pod[]];
    for (const to of others) await passesFull(from, to, mtuBytes);
    const [family] = families.pods;
    const [route] = (await node.run(["ip", `-${family}`, "route", "show", "proto", "146"])).split("\n")
      .filter((line) => line !== "" && !line.startsWith("unreachable"));
    const [destination, dev] = [route!.split(" ")[0]!, / dev (\S+)/.exec(route!)![1]!];
    await victim.heals({
      act: victim.on("ip", `-${family}`, "route", "del", destination, "dev", dev),
      log: /\+ route /,
    });
    await mesh.reachable();
    await policyDecides(mesh);
  } finally {
    clerk?.close();
    await mesh.close();
  }
}

for (const one of CASES) {
  const { transport, underlay, pods, ignore = false } = one;
  const title = `IPv${pods} of pods by ${transport} between nodes of IPv${underlay} alone`;
  Deno.test(`${title}: the matrix, full packets, drift, a policy`, { ignore }, () => stands(one));
}
