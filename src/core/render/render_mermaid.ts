// The mesh as one node sees it, as mermaid text. Pure; whatever a Node said is escaped.

import { ageOf, COLOURS, healthOf, inNaturalOrder, prefixesOf, rejectedOf, type Sketch } from "./sketch.ts";

/** A mermaid flowchart; for documents and issues that draw it. */
export function mermaidGraph(sketch: Sketch): string {
  const { node, podCidrs, nowSeconds } = sketch;
  const peers = inNaturalOrder(sketch.peers);
  const { byNode, others } = rejectedOf(sketch);
  const ids = new Map([node, ...peers.map((peer) => peer.node)].map((name, i) => [name, `n${i}`]));
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
