// The mesh as one node sees it, as mermaid text. Pure; whatever a Node said is escaped.

import { ageOf, COLOURS, healthOf, inNaturalOrder, prefixesOf, rejectedOf, type Sketch } from "./sketch.ts";

/** A mermaid flowchart; for documents and issues that draw it. */
export function mermaidGraph(sketch: Sketch): string {
  const { node, podCidrs, nowSeconds, links = [] } = sketch;
  const peers = inNaturalOrder(sketch.peers);
  const { byNode, others } = rejectedOf(sketch);
  const names = new Set([node, ...peers.map((peer) => peer.node), ...links.map((link) => link.node)]);
  const ids = new Map([...names].map((name, i) => [name, `n${i}`]));
  const drawn = new Set([node, ...peers.map((peer) => peer.node)]);
  const classes = Object.entries(COLOURS).map(([health, colour]) => `classDef ${health} stroke:${colour}`);
  const claims = [...[...byNode].flatMap(([, list]) => list), ...others];
  return [
    "graph LR",
    `n0[${label([node, ...podCidrs])}]`,
    ...peers.flatMap((peer) => {
      const id = ids.get(peer.node)!;
      const tunnel = [peer.endpoint ?? "waits for the peer to speak", ageOf(peer, nowSeconds)];
      return [
        `n0 -- ${label(tunnel.filter((words) => words !== ""))} --- ${id}[${
          label([peer.node, ...prefixesOf(peer)])
        }]`,
        `class ${id} ${healthOf(peer, nowSeconds)}`,
      ];
    }),
    ...[...names].filter((name) => !drawn.has(name)).map((name) => `${ids.get(name)}[${label([name])}]`),
    ...links.map((link) => {
      const words = [link.interfaceName, link.owner, ageOf(link, nowSeconds)].filter((it) => it !== "");
      return `n0 ===|${label(words)}| ${ids.get(link.node)}`;
    }),
    ...claims.map(({ node, claim, reason }, i) => {
      const id = ids.get(node);
      return `${id === undefined ? "" : `${id} -.- `}r${i}[${
        label([...(id === undefined ? [node] : []), claim, reason])
      }]:::rejected`;
    }),
    ...classes,
    "classDef rejected stroke:#b3261e,color:#b3261e",
    "",
  ].join("\n  ").trimEnd() + "\n";
}

function label(lines: readonly string[]): string {
  const escaped = lines.map((line) =>
    line.replace(/[#"<>&`\p{Cc}]/gu, (character) => `#${character.charCodeAt(0)};`)
  );
  return `"${escaped.join("<br/>")}"`;
}
