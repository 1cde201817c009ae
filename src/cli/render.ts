// `wigglenet render`: the desired state as texts, from Nodes and settings alone.

import { desire } from "../core/desired/desire.ts";
import { type HostFacts, NO_FACTS } from "../core/desired/host_facts.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import { ownMetadata } from "../core/nodes/node_parser.ts";
import { renderAll, type Rendered } from "../core/render/render_all.ts";
import type { Settings } from "../core/settings/settings.ts";
import { PodCidrExpression } from "../shell/pod_cidr_expression.ts";
import { parseArguments } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readNodes } from "./read_nodes.ts";

/** Prints everything that `run` would put on the node; 0, or 1 when the Nodes or an expression cannot be read. */
export async function render(args: readonly string[]): Promise<number> {
  const { settings: unnamed, given } = await parseArguments(args, ["json"]);
  const settings = await nameNode(unnamed);
  const { items, ofApi } = await readNodes(settings);
  const wireguard = settings.wireguardMode === "userspace" ? "userspace" : "kernel";
  const facts: HostFacts = { ...await factsFor(settings, items), ...ofApi, wireguard };
  const rendered = renderAll(desire(settings, items, facts)!);
  console.log(given.has("json") ? JSON.stringify(rendered, null, 2) : textOf(rendered));
  return 0;
}

/** Nothing is known of a host, so that only an expression which needs no interface gives something. */
async function factsFor(settings: Settings, items: readonly ParsedNode[]): Promise<HostFacts> {
  const expression = await PodCidrExpression.load(settings);
  if (expression === undefined) return NO_FACTS;
  try {
    const { prefixes } = await expression.read(
      { interfaces: new Map(), node: ownMetadata(settings, items) },
      [],
    );
    return { ...NO_FACTS, podCidrExpression: prefixes };
  } catch {
    const reason = "render knows no interfaces; on the node, `wigglenet node` shows what it gives";
    return { ...NO_FACTS, rejected: [{ node: settings.nodeName, claim: expression.name, reason }] };
  }
}

function textOf(
  { links, addresses, routes, hostRouting, wireguard, nft, fastpath, bridge, cni, rejected, waiting }:
    Rendered,
): string {
  const sections: readonly (readonly [string, string])[] = [
    ["ip link", links.map(({ name, kind, mtu }) => `${name} ${kind} mtu ${mtu}`).join("\n")],
    ["ip address", addresses.map(({ address, dev }) => `${address} dev ${dev}`).join("\n")],
    ["ip route", routes.map(({ text }) => text).join("\n")],
    ["node addresses, IPv4", (hostRouting?.[4] ?? []).join("\n")],
    ["node addresses, IPv6", (hostRouting?.[6] ?? []).join("\n")],
    ["wg addconf", wireguard],
    ["nft -f", nft],
    ["nft -f, the flowtable", fastpath ?? ""],
    ["nft -f, the bridge", bridge ?? ""],
    ["CNI", cni ?? ""],
    ["rejected", rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`).join("\n")],
    ["waiting", waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`).join("\n")],
  ];
  return sections.filter(([, text]) => text !== "").map(([title, text]) => `## ${title}\n${text.trimEnd()}\n`)
    .join("\n");
}
