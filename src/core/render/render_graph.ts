// The mesh as one node sees it, as a picture. Pure; whatever a Node said is escaped.

import type { Rejected } from "../nodes/node.ts";
import {
  ageOf,
  COLOURS,
  type Drawn,
  type DrawnLink,
  type Health,
  healthOf,
  inNaturalOrder,
  MEANINGS,
  prefixesOf,
  rejectedOf,
  type Sketch,
} from "./sketch.ts";

const MARGIN = 28;
const CARD = { width: 236, height: 112, gap: 14 };
const OWN = { width: 260, height: 84 };
/** Up to here the peers stand around the node, with lines; more of them in rows. */
const MOST_AROUND = 12;
const SHOWN_PREFIXES = 2;
const SHOWN_OTHERS = 40;
/** Of a line in a card, in the letters of addresses. */
const MOST_CHARACTERS = 32;
const LINE = 16;

const STYLE = `
text { font-family: "Inter", "Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; fill: #1d2733; font-size: 12px }
.mono { font-family: "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 11px }
.title { font-size: 20px; font-weight: 650 }
.name { font-size: 14px; font-weight: 650 }
.muted { fill: #5d6b7a }
.bad { fill: #b3261e }
.end { text-anchor: end }
.card { fill: #f5f7f9; stroke: #c5cdd6 }
.own { fill: #e7f0fc; stroke: #3f7fd0; stroke-width: 1.5 }
`;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where everything stands. */
interface Plan {
  readonly width: number;
  readonly height: number;
  readonly own: Point;
  readonly peers: readonly Point[];
}

const TOP = 96;

function around(count: number): Plan {
  const radius = {
    x: Math.max(330, count * 44),
    y: Math.max(170, count * 36),
  };
  const centre = { x: MARGIN + radius.x + CARD.width / 2, y: TOP + radius.y + CARD.height / 2 };
  const peers = Array.from({ length: count }, (_, i) => {
    const angle = 2 * Math.PI * i / count - Math.PI / 2;
    return {
      x: Math.round(centre.x + radius.x * Math.cos(angle) - CARD.width / 2),
      y: Math.round(centre.y + radius.y * Math.sin(angle) - CARD.height / 2),
    };
  });
  return {
    width: 2 * centre.x,
    height: centre.y + radius.y + CARD.height / 2 + MARGIN,
    own: { x: centre.x - OWN.width / 2, y: centre.y - OWN.height / 2 },
    peers,
  };
}

function inRows(count: number): Plan {
  const columns = Math.ceil(Math.sqrt(count * 0.75));
  const step = { x: CARD.width + CARD.gap, y: CARD.height + CARD.gap };
  const top = TOP + OWN.height + 2 * CARD.gap;
  return {
    width: 2 * MARGIN + columns * step.x - CARD.gap,
    height: top + Math.ceil(count / columns) * step.y + MARGIN,
    own: { x: MARGIN, y: TOP },
    peers: Array.from({ length: count }, (_, i) => ({
      x: MARGIN + (i % columns) * step.x,
      y: top + Math.floor(i / columns) * step.y,
    })),
  };
}

/** The picture as the text of an SVG file; about 700 bytes a peer. */
export function drawGraph(sketch: Sketch): string {
  const { nowSeconds } = sketch;
  const peers = inNaturalOrder(sketch.peers);
  const plan = peers.length <= MOST_AROUND ? around(peers.length) : inRows(peers.length);
  const { byNode, others } = rejectedOf(sketch);
  const kept = others.slice(0, SHOWN_OTHERS);
  const { links = [] } = sketch;
  const shown = links.slice(0, SHOWN_OTHERS);
  const below = plan.height + heightOf(shown);
  const height = below + heightOf(kept);
  const width = Math.max(plan.width, 760);
  const centre = { x: plan.own.x + OWN.width / 2, y: plan.own.y + OWN.height / 2 };
  const lines = peers.length > MOST_AROUND ? [] : peers.map((peer, i) => {
    const { x, y } = plan.peers[i]!;
    const colour = COLOURS[healthOf(peer, nowSeconds)];
    return `<line x1="${centre.x}" y1="${centre.y}" x2="${x + CARD.width / 2}" y2="${
      y + CARD.height / 2
    }" stroke="${colour}" stroke-width="2.5"/>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(`The mesh as ${sketch.node} sees it`)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text({ x: MARGIN, y: 42 }, `The mesh as ${sketch.node} sees it`, "title"),
    ...legend(sketch),
    ...lines,
    ...drawOwn(sketch, plan.own, byNode.get(sketch.node) ?? []),
    ...peers.flatMap((peer, i) =>
      drawPeer(peer, plan.peers[i]!, { nowSeconds, rejected: byNode.get(peer.node) ?? [] })
    ),
    ...drawLinks(links, { x: MARGIN, y: plan.height }, nowSeconds),
    ...drawOthers(others, { x: MARGIN, y: below }),
    "</svg>",
    "",
  ].join("\n");
}

function legend({ peers, nowSeconds, rejected }: Sketch): string[] {
  const counts = new Map<Health, number>();
  for (const peer of peers) {
    const health = healthOf(peer, nowSeconds);
    counts.set(health, (counts.get(health) ?? 0) + 1);
  }
  let x = MARGIN;
  const entry = (colour: string, content: string, classes: string) => {
    const drawn = `<rect x="${x}" y="58" width="11" height="11" rx="2" fill="${colour}"/>` +
      text({ x: x + 17, y: 68 }, content, classes);
    x += 34 + content.length * 6.4;
    return drawn;
  };
  return [
    ...[...counts].map(([health, count]) => entry(COLOURS[health], `${count} ${MEANINGS[health]}`, "muted")),
    ...(rejected.length === 0 ? [] : [entry("#b3261e", `${rejected.length} rejected claims`, "bad")]),
  ];
}

function drawOwn(
  { node, podCidrs, peers }: Sketch,
  { x, y }: Point,
  rejected: readonly Rejected[],
): string[] {
  return [
    `<rect class="own" x="${x}" y="${y}" width="${OWN.width}" height="${OWN.height}" rx="9"/>`,
    text({ x: x + 14, y: y + 24 }, shortened(node, 26), "name"),
    text({ x: x + OWN.width - 12, y: y + 24 }, `${peers.length} peers`, "muted end"),
    ...some(podCidrs, SHOWN_PREFIXES).map((prefix, i) =>
      fitted({ x: x + 14, y: y + 44 + LINE * i }, prefix, "mono")
    ),
    ...drawRejected(rejected, { x: x + 14, y: y + 76 }),
  ];
}

interface Circumstances {
  readonly nowSeconds: number | undefined;
  readonly rejected: readonly Rejected[];
}

function drawPeer(peer: Drawn, { x, y }: Point, { nowSeconds, rejected }: Circumstances): string[] {
  const colour = COLOURS[healthOf(peer, nowSeconds)];
  const stroke = rejected.length > 0 ? ' style="stroke:#b3261e"' : "";
  return [
    `<rect class="card"${stroke} x="${x}" y="${y}" width="${CARD.width}" height="${CARD.height}" rx="8"/>`,
    `<rect x="${x}" y="${y + 8}" width="4" height="${CARD.height - 16}" fill="${colour}"/>`,
    text({ x: x + 14, y: y + 22 }, shortened(peer.node, 22), "name"),
    text({ x: x + CARD.width - 10, y: y + 22 }, ageOf(peer, nowSeconds), "muted end"),
    fitted({ x: x + 14, y: y + 42 }, peer.endpoint ?? "waits for the peer to speak", "mono muted"),
    ...some(prefixesOf(peer), SHOWN_PREFIXES).map((prefix, i) =>
      fitted({ x: x + 14, y: y + 60 + LINE * i }, prefix, "mono")
    ),
    ...drawRejected(rejected, { x: x + 14, y: y + 103 }),
  ];
}

function drawRejected(rejected: readonly Rejected[], place: Point): string[] {
  const [first] = rejected;
  if (first === undefined) return [];
  const more = rejected.length === 1 ? "" : ` +${rejected.length - 1}`;
  const all = rejected.map(({ claim, reason }) => `${claim}: ${reason}`).join("\n");
  return [titled(text(place, `${shortened(first.claim, MOST_CHARACTERS - more.length)}${more}`, "bad"), all)];
}

/** What a card has no room for is told by its title. */
function fitted(place: Point, content: string, classes: string): string {
  const drawn = text(place, shortened(content, MOST_CHARACTERS), classes);
  return content.length > MOST_CHARACTERS ? titled(drawn, content) : drawn;
}

/** Shown while somebody points at it. */
function titled(drawn: string, content: string): string {
  return drawn.replace("</text>", () => `<title>${escape(content)}</title></text>`);
}

function heightOf(lines: readonly unknown[]): number {
  return lines.length === 0 ? 0 : (lines.length + 3) * LINE;
}

/** Declared links, which are beside the mesh. */
function drawLinks(links: readonly DrawnLink[], { x, y }: Point, nowSeconds: number | undefined): string[] {
  if (links.length === 0) return [];
  const left = links.length - SHOWN_OTHERS;
  return [
    text({ x, y }, "Declared links", "name"),
    ...links.slice(0, SHOWN_OTHERS).flatMap((link, i) => {
      const at = y + (i + 1) * LINE + 4;
      const { interfaceName, owner, node, endpoint } = link;
      const words = `${interfaceName} to ${node} ${endpoint ?? "(waits for it to speak)"}, ${owner} ${
        ageOf(link, nowSeconds)
      }`;
      return [
        `<rect x="${x}" y="${at - 9}" width="9" height="9" rx="2" fill="${
          COLOURS[healthOf(link, nowSeconds)]
        }"/>`,
        text({ x: x + 16, y: at }, shortened(words.trimEnd(), 140), "mono"),
      ];
    }),
    ...(left > 0
      ? [
        text(
          { x, y: y + (SHOWN_OTHERS + 1) * LINE + 4 },
          `and ${left} more that wigglenet status lists`,
          "mono",
        ),
      ]
      : []),
  ];
}

/** Of objects that are no peers. */
function drawOthers(others: readonly Rejected[], { x, y }: Point): string[] {
  if (others.length === 0) return [];
  const lines = others.slice(0, SHOWN_OTHERS).map(({ node, claim, reason }) =>
    shortened(`${node}: ${claim}: ${reason}`, 140)
  );
  const left = others.length - lines.length;
  return [
    text({ x, y }, "Kept out", "name bad"),
    ...[...lines, ...(left > 0 ? [`and ${left} more that wigglenet status lists`] : [])].map((line, i) =>
      text({ x, y: y + (i + 1) * LINE + 4 }, line, "mono bad")
    ),
  ];
}

/** The first few, and how many more there are. */
function some(texts: readonly string[], count: number): string[] {
  if (texts.length <= count) return [...texts];
  return [...texts.slice(0, count - 1), `${texts[count - 1]} +${texts.length - count}`];
}

function shortened(content: string, characters: number): string {
  return content.length <= characters ? content : `${content.slice(0, characters - 1)}…`;
}

function text({ x, y }: Point, content: string, classes: string): string {
  return `<text x="${x}" y="${y}" class="${classes}">${escape(content)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Without the characters that XML cannot hold. */
function escape(content: string): string {
  // deno-lint-ignore no-control-regex
  return content.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "�")
    .replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
