// `wigglenet render`: the desired state as texts, from Nodes and settings alone.

import { desire } from "../core/desired/desire.ts";
import { NO_FACTS } from "../core/desired/host_facts.ts";
import { renderAll, type Rendered } from "../core/render/render_all.ts";
import { parseArguments } from "./arguments.ts";
import { readNodes } from "./read_nodes.ts";

/** Prints everything that `run` would put on the node; 0, or 1 when the Nodes cannot be read. */
export async function render(args: readonly string[]): Promise<number> {
  const { settings, given } = parseArguments(args, ["json"]);
  const { items, isPublished = false } = await readNodes(settings);
  const rendered = renderAll(desire(settings, items, { ...NO_FACTS, isPublished })!);
  console.log(given.has("json") ? JSON.stringify(rendered, null, 2) : textOf(rendered));
  return 0;
}

function textOf(
  { links, addresses, routes, wireguard, nft, fastpath, cni, rejected, waiting }: Rendered,
): string {
  const sections: readonly (readonly [string, string])[] = [
    ["ip link", links.map(({ name, kind, mtu }) => `${name} ${kind} mtu ${mtu}`).join("\n")],
    ["ip address", addresses.map(({ address, dev }) => `${address} dev ${dev}`).join("\n")],
    ["ip route", routes.map(({ text }) => text).join("\n")],
    ["wg addconf", wireguard],
    ["nft -f", nft],
    ["nft -f, the flowtable", fastpath ?? ""],
    ["CNI", cni ?? ""],
    ["rejected", rejected.map(({ node, claim, reason }) => `${node}: ${claim}: ${reason}`).join("\n")],
    ["waiting", waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`).join("\n")],
  ];
  return sections.filter(([, text]) => text !== "").map(([title, text]) => `## ${title}\n${text.trimEnd()}\n`)
    .join("\n");
}
