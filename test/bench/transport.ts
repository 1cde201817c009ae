// `deno task bench:transport [--pairs N] [--rounds N] [--changes N]`: what pods get out of direct and of vxlan, against the same routes made
// by hand, on this machine's kernel; and how long 1,000 peers by vxlan take to load, and one of them to come or go.

import { parseArgs } from "node:util";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { startReaping } from "../lab/reaper.ts";
import { Mesh } from "../netns/mesh.ts";
import { saying } from "../netns/transports.ts";
import { runAlone, tell } from "./alone.ts";
import { comparePairs, PROGRAMS, RULES } from "./pairs.ts";
import { measureCrowd } from "./transport_crowd.ts";
import { Verdict } from "./verdict.ts";

const { values: options } = parseArgs({
  options: {
    pairs: { type: "string", default: "15" },
    rounds: { type: "string", default: "5" },
    changes: { type: "string", default: "50" },
  },
});
const TRANSPORTS = ["direct", "vxlan"] as const;
type Name = (typeof TRANSPORTS)[number];

const MTU: Readonly<Record<Name, number>> = { direct: 1_500, vxlan: 1_444 };

function meshBy(transport: Name): Promise<Mesh> {
  const nodes = [1, 2].map((i) => saying(manifestOf(i), `ipv4=${transport},ipv6=${transport}`));
  return Mesh.create({ nodes }, { "transport-ipv4": transport, "transport-ipv6": transport });
}

/** Lines for `ip -batch`. */
function routesTo(peer: Node, transport: Name): string[] {
  return peer.podCIDRs.map((cidr) => {
    const gateway = peer.address(cidr.includes(":") ? 6 : 4)!;
    return transport === "direct"
      ? `route replace ${cidr} via ${gateway} dev eth0`
      : `route replace ${cidr} encap ip id 146 dst ${peer.address(4)!} dev hand-vx`;
  });
}

function interfaceLines({ podCIDRs }: Node): string[] {
  const addresses = podCIDRs.map((cidr) => cidr.replace("::/64", "::1/128").replace(".0/24", ".1/32"));
  return [
    "link add dev hand-vx type vxlan external gpe dstport 24603 nolearning udp6zerocsumrx",
    `link set dev hand-vx mtu ${MTU.vxlan} up`,
    ...addresses.map((address) => `address add ${address} dev hand-vx`),
  ];
}

/** Agents make the pods' network, go without a trace, and what is typed takes their place. */
async function byHand(transport: Name): Promise<Mesh> {
  const mesh = await meshBy(transport);
  for (const node of mesh.nodes) {
    await node.agent!.kill("SIGTERM");
    const { code, stderr } = await node.runAgent({ verb: "cleanup" });
    if (code !== 0) throw new Error(`cleanup on ${node.name}: ${stderr}`);
  }
  for (const node of mesh.nodes) {
    const [peer] = mesh.nodes.filter((other) => other !== node) as [Node];
    const lines = [...transport === "vxlan" ? interfaceLines(node) : [], ...routesTo(peer, transport)];
    await node.ip(lines);
    await node.run(["nft", "-f", "-"], { stdin: RULES });
  }
  await mesh.reachable();
  return mesh;
}

async function measure(): Promise<Verdict> {
  await run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
  startReaping();
  const verdict = new Verdict();
  await measureCrowd({ rounds: Number(options.rounds), changes: Number(options.changes) }, verdict);
  for (const transport of Number(options.pairs) > 0 ? TRANSPORTS : []) {
    const meshes = { agent: await meshBy(transport), hand: await byHand(transport) };
    tell(`${transport}: both meshes stand`);
    await comparePairs(meshes, { pairs: Number(options.pairs), of: `${transport}: ` }, verdict);
    await Promise.all(Object.values(meshes).map((mesh) => mesh.close()));
  }
  return verdict;
}

await runAlone({ url: import.meta.url, measure, programs: PROGRAMS });
