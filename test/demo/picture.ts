// Draws the mesh as one SVG: nodes with their pods, the tunnels between them, who was kept out, what was
// measured. Pure; text is set in fonts that every viewer has, with room for wider ones.

import type { Mesh, NodeSketch, TripSketch, TunnelSketch } from "./mesh.ts";
import type { Family } from "../lab/manifest.ts";

interface Point {
  readonly x: number;
  readonly y: number;
}

const WIDTH = 1384;
const CARD = { width: 312, height: 206 };
const CORNERS: readonly Point[] = [{ x: 310, y: 112 }, { x: 40, y: 452 }, { x: 580, y: 452 }];
const OUTSIDER = { x: 704, y: 128, width: 188, height: 92 };
const LABEL = { width: 184, height: 64 };
const CENTRE: Point = { x: 466, y: 474 };
const MATRIX: Point = { x: 1008, y: 150 };
const CELL = { width: 56, height: 30 };
const RESULTS_TOP = 716;
const LINE = 25;

const STYLE = `
text { font-family: "Inter", "Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; fill: #1d2733; font-size: 13px }
.mono { font-family: "JetBrains Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 12px }
.narrow { font-size: 11.5px }
.title { font-size: 25px; font-weight: 650; letter-spacing: -0.2px }
.heading { font-size: 15px; font-weight: 650 }
.name { font-size: 18px; font-weight: 650 }
.small { font-size: 11.5px }
.muted { fill: #5d6b7a }
.good { fill: #0b6b50 }
.bad { fill: #b3261e }
.middle { text-anchor: middle }
.end { text-anchor: end }
.card { fill: #f5f7f9; stroke: #c5cdd6 }
.pod { fill: #e7f0fc; stroke: #a9c6ea }
.label { fill: #ffffff; stroke: #a6cfc1 }
.tunnel { stroke: #12906c; stroke-width: 3; fill: none }
.rule { stroke: #d9dfe5 }
.allowed { stroke: #12906c; stroke-width: 1.6; fill: none; stroke-dasharray: 5 4 }
.refused { stroke: #c9352b; stroke-width: 1.6; fill: none; stroke-dasharray: 5 4 }
`;

/** The picture as the text of an SVG file. */
export function draw(mesh: Mesh): string {
  const height = RESULTS_TOP + 44 + mesh.done.length * LINE + 26;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>The mesh of the Wigglenet demo</title>`,
    `<desc>Three nodes joined by WireGuard tunnels, their pods, and what the demo measured.</desc>`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${height}" rx="14" fill="#ffffff"/>`,
    text({ x: 40, y: 54 }, "A mesh of three nodes and six pods", "title"),
    text({ x: 40, y: 78 }, summaryOf(mesh), "muted"),
    ...mesh.tunnels.map((tunnel) => drawTunnel(mesh, tunnel)),
    drawCrossing(mesh),
    drawOutsider(mesh),
    ...mesh.nodes.map((node, i) => drawNode(node, CORNERS[i]!)),
    ...mesh.tunnels.map((tunnel) => drawTunnelLabel(mesh, tunnel)),
    ...drawTrips(mesh),
    ...drawResults(mesh),
    `</svg>`,
    ``,
  ].join("\n");
}

function summaryOf({ trips, crossing }: Mesh): string {
  return `Every pod reached every other over IPv4 and IPv6 (${trips.length} directed pairs). ` +
    `On the underlay: ${crossing.wireGuard} WireGuard packets, ${crossing.readable} readable.`;
}

function drawNode(node: NodeSketch, { x, y }: Point): string {
  const podWidth = (CARD.width - 40) / 2;
  return [
    `<rect class="card" x="${x}" y="${y}" width="${CARD.width}" height="${CARD.height}" rx="10"/>`,
    text({ x: x + 16, y: y + 30 }, node.name, "name"),
    text({ x: x + CARD.width - 16, y: y + 29 }, `key ${node.publicKey.slice(0, 8)}…`, "mono muted end"),
    ...row({ x: x + 16, y: y + 56 }, "node", node.addresses.join(", ")),
    ...node.podCIDRs.flatMap((prefix, i) =>
      row({ x: x + 16, y: y + 78 + 18 * i }, i === 0 ? "pods" : "", prefix)
    ),
    ...node.pods.flatMap((pod, i) => {
      const left = x + 16 + i * (podWidth + 8);
      return [
        `<rect class="pod" x="${left}" y="${y + 116}" width="${podWidth}" height="76" rx="7"/>`,
        text({ x: left + 9, y: y + 135 }, pod.name, "heading"),
        ...(pod.hostPort === undefined
          ? []
          : [text({ x: left + podWidth - 8, y: y + 134 }, `port ${pod.hostPort}`, "small muted end")]),
        ...pod.addresses.map((address, j) =>
          text({ x: left + 9, y: y + 157 + 19 * j }, address, "mono narrow")
        ),
      ];
    }),
  ].join("\n");
}

function row({ x, y }: Point, label: string, value: string): string[] {
  return [text({ x, y }, label, "small muted"), text({ x: x + 42, y }, value, "mono")];
}

/** Where a tunnel touches the two cards: the middle of the sides that face each other. */
function endsOf(mesh: Mesh, tunnel: TunnelSketch): [Point, Point] {
  const [a, b] = tunnel.between.map((name) => mesh.nodes.findIndex((node) => node.name === name)) as [
    number,
    number,
  ];
  const [from, to] = [CORNERS[a]!, CORNERS[b]!];
  if (from.y === to.y) {
    const y = from.y + CARD.height / 2;
    return [{ x: from.x + CARD.width, y }, { x: to.x, y }];
  }
  const side = to.x < from.x ? 0.28 : 0.72;
  return [{ x: from.x + CARD.width * side, y: from.y + CARD.height }, { x: to.x + CARD.width / 2, y: to.y }];
}

function drawTunnel(mesh: Mesh, tunnel: TunnelSketch): string {
  const [from, to] = endsOf(mesh, tunnel);
  return `<line class="tunnel" x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}"/>`;
}

function drawTunnelLabel(mesh: Mesh, tunnel: TunnelSketch): string {
  const [from, to] = endsOf(mesh, tunnel);
  const below = from.y === to.y ? LABEL.height / 2 + 12 : 0;
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + below };
  const [a, b] = tunnel.endpoints.map((endpoint) => endpoint.replace(/:\d+$/, ""));
  const { width, height } = LABEL;
  return [
    `<rect class="label" x="${middle.x - width / 2}" y="${
      middle.y - height / 2
    }" width="${width}" height="${height}" rx="8"/>`,
    text({ x: middle.x, y: middle.y - 12 }, `${a} ⇄ ${b}`, "mono middle"),
    text(
      { x: middle.x, y: middle.y + 6 },
      `handshake ${tunnel.handshakeSecondsAgo} s ago`,
      "small muted middle",
    ),
    text(
      { x: middle.x, y: middle.y + 22 },
      `${(tunnel.bytes / 1000).toFixed(1)} kB both ways`,
      "small muted middle",
    ),
  ].join("\n");
}

function drawCrossing({ crossing, tunnels }: Mesh): string {
  const { x, y } = CENTRE;
  const port = tunnels[0]?.endpoints[0].split(":").at(-1);
  return [
    text({ x, y }, `crossed the underlay, UDP ${port}`, "small muted middle"),
    text({ x, y: y + 23 }, `${crossing.wireGuard} WireGuard packets`, "heading good middle"),
    text({ x, y: y + 44 }, `${crossing.readable} readable from pods`, "heading middle"),
  ].join("\n");
}

/** The outsider, with a line that ends before the filter and one that goes through the port mapping. */
function drawOutsider(mesh: Mesh): string {
  const { x, y, width, height } = OUTSIDER;
  const [right, bottom, target] = [x + width, y + height, CORNERS[2]!.y];
  const port = mesh.nodes.at(-1)?.pods.at(-1)?.hostPort;
  const cross = { x: right - 72, y: target - 22 };
  return [
    `<rect class="card" x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>`,
    text({ x: x + 14, y: y + 26 }, "outsider", "heading"),
    text({ x: x + 14, y: y + 47 }, mesh.outsider, "mono small"),
    text({ x: x + 14, y: y + 76 }, "to a pod", "small bad"),
    text({ x: right - 14, y: y + 76 }, `to port ${port}`, "small good end"),
    `<line class="refused" x1="${cross.x}" y1="${bottom}" x2="${cross.x}" y2="${cross.y}"/>`,
    `<path class="tunnel" style="stroke:#c9352b" d="M${cross.x - 7} ${cross.y - 7}l14 14m0 -14l-14 14"/>`,
    `<line class="allowed" x1="${right - 24}" y1="${bottom}" x2="${right - 24}" y2="${target}"/>`,
  ].join("\n");
}

function drawTrips({ trips, nodes }: Mesh): string[] {
  const names = nodes.flatMap(({ pods }) => pods.map(({ name }) => name));
  const below = names.length * CELL.height + 74;
  const legend = { x: MATRIX.x - 50, y: MATRIX.y + below + names.length * CELL.height + 28 };
  const matrices = ([4, 6] as const).flatMap((family, i) => {
    const ofFamily = trips.filter((trip) => trip.family === family);
    return drawMatrix({ names, family, trips: ofFamily }, { x: MATRIX.x, y: MATRIX.y + i * below });
  });
  return [
    ...matrices,
    text(legend, "From row to column and back.", "small muted"),
    text({ x: legend.x, y: legend.y + 17 }, "Green: through a tunnel. Blue: on one node.", "small muted"),
  ];
}

interface Matrix {
  readonly names: readonly string[];
  readonly family: Family;
  readonly trips: readonly TripSketch[];
}

function drawMatrix({ names, family, trips }: Matrix, { x, y }: Point): string[] {
  const slowest = Math.max(...trips.map(({ ms }) => ms));
  const centre = (i: number) => x + (i + 0.5) * CELL.width;
  return [
    text({ x: x - 50, y: y - 28 }, `Round trips over IPv${family}, milliseconds`, "heading"),
    ...names.map((name, i) => text({ x: centre(i), y: y - 7 }, name, "small muted middle")),
    ...names.map((name, j) => text({ x: x - 10, y: y + (j + 0.64) * CELL.height }, name, "small muted end")),
    ...trips.flatMap(({ from, to, ms, isLocal }) => {
      const [i, j] = [names.indexOf(to), names.indexOf(from)];
      const [left, top] = [x + i * CELL.width, y + j * CELL.height];
      const size = `width="${CELL.width - 3}" height="${CELL.height - 3}" rx="4"`;
      const opacity = (0.12 + 0.5 * ms / slowest).toFixed(2);
      const fill = isLocal ? "#3f7fd0" : "#12906c";
      return [
        `<rect x="${left + 1.5}" y="${top + 1.5}" ${size} fill="${fill}" fill-opacity="${opacity}"/>`,
        text({ x: centre(i), y: top + 19.5 }, ms.toFixed(2), "mono middle"),
      ];
    }),
  ];
}

function drawResults({ done }: Mesh): string[] {
  const y = RESULTS_TOP;
  return [
    text({ x: 40, y }, "What was done, and what came of it", "heading"),
    ...done.flatMap(({ title, result, seconds }, i) => {
      const base = y + 30 + i * LINE;
      return [
        `<line class="rule" x1="40" y1="${base - 17}" x2="${WIDTH - 40}" y2="${base - 17}"/>`,
        text({ x: 40, y: base }, title),
        text({ x: 370, y: base }, `${seconds.toFixed(1)} s`, "mono muted end"),
        text({ x: 390, y: base }, result),
      ];
    }),
  ];
}

function text({ x, y }: Point, content: string, classes = ""): string {
  const escaped = content.replace(/[&<>]/g, (c) => c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;");
  return `<text x="${x}" y="${y}"${classes === "" ? "" : ` class="${classes}"`}>${escaped}</text>`;
}
