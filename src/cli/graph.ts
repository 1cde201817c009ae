// `wigglenet graph`: the mesh as this node sees it, drawn.

import { desire } from "../core/desired/desire.ts";
import { NO_FACTS } from "../core/desired/host_facts.ts";
import { peerStatuses } from "../core/plan/status.ts";
import { drawGraph } from "../core/render/render_graph.ts";
import { mermaidGraph } from "../core/render/render_mermaid.ts";
import { drawnOf, linksOf, type Sketch } from "../core/render/sketch.ts";
import { readStatus, silenceOf } from "../shell/status_socket.ts";
import { parseArguments, parseSwitches } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readNodes } from "./read_nodes.ts";

const MERMAID = "mermaid";

/** Prints an SVG, or mermaid text: of the running agent, or of the Nodes that are given; 1 when there is neither. */
export async function graph(args: readonly string[]): Promise<number> {
  const areSettings = args.some((arg) => arg !== `--${MERMAID}`);
  const given = areSettings
    ? (await parseArguments(args, [MERMAID])).given
    : await parseSwitches(args, [MERMAID]);
  const sketch = areSettings ? await planned(args) : await running();
  console.log((given.has(MERMAID) ? mermaidGraph(sketch) : drawGraph(sketch)).trimEnd());
  return 0;
}

/** The mesh with its handshakes. */
async function running(): Promise<Sketch> {
  const status = await readStatus();
  if (typeof status === "object") {
    const links = linksOf(status.declared);
    return { ...status, peers: drawnOf(status.peers, status.clear), links, nowSeconds: Date.now() / 1000 };
  }
  throw new Error(`${silenceOf(status)}, or draw manifests with --node-name and --nodes`);
}

/** The mesh as it would be. */
async function planned(args: readonly string[]): Promise<Sketch> {
  const { settings: unnamed } = await parseArguments(args, [MERMAID]);
  const settings = await nameNode(unnamed);
  const { items, ofApi } = await readNodes(settings);
  const desired = desire(settings, items, { ...NO_FACTS, ...ofApi })!;
  const { cni, rejected } = desired;
  return {
    node: settings.nodeName,
    podCidrs: cni?.podCidrs ?? [],
    peers: drawnOf(peerStatuses(desired, undefined), desired.clear),
    rejected,
    nowSeconds: undefined,
  };
}
