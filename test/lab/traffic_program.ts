// Runs in a machine for traffic.ts: `traffic_program.ts RATE`. Sends numbered UDP packets to every target, RATE a
// second each, and notes what arrives. Takes one JSON order a line, and ends when its input closes.

import type { Arrival } from "./gaps.ts";
import { linesOf } from "./process.ts";

/** Where the packets of a flow go. */
export interface Target {
  readonly flow: string;
  readonly hostname: string;
  readonly port: number;
}

/** What the program is told to do. */
export interface Order {
  /** A socket for each flow: they do not share a buffer. */
  readonly listen?: readonly Target[];
  readonly send?: readonly Target[];
  /** Number of the last packet that was sent before: a program started anew goes on from there. */
  readonly after?: number;
  /** Asks for a line `told NUMBER JSON` with {@link Told}. */
  readonly tell?: number;
}

/** What happened. */
export interface Told {
  /** Number of the last packet sent: the same for all flows. */
  readonly sent: number;
  /** By flow, since it was last told. */
  readonly arrivals: Readonly<Record<string, readonly Arrival[]>>;
  /** Packets that this program was too slow to take: no loss of the network. */
  readonly overruns: number;
}

/** How late a packet may be sent: what a stalled program has missed it does not send in one burst. */
const LATEST_MS = 50;

const intervalMs = 1000 / Number(Deno.args[0]);
const sender = {
  4: Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }),
  6: Deno.listenDatagram({ transport: "udp", hostname: "::", port: 0 }),
};
const targets: Target[] = [];
let sent = 0;
let arrivals: Record<string, Arrival[]> = {};

/** Milliseconds since 1970 with their fraction: comparable between the processes of one machine. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function sendAll(): void {
  const packet = new Uint8Array(16);
  new DataView(packet.buffer).setUint32(0, ++sent);
  for (const { hostname, port } of targets) {
    const socket = sender[hostname.includes(":") ? 6 : 4];
    socket.send(packet, { transport: "udp", hostname, port }).catch(() => {}); // refused is lost
  }
}

function sendFor(dueMs: number): void {
  const now = performance.now();
  let nextMs = Math.max(dueMs, now - LATEST_MS);
  for (; nextMs <= now; nextMs += intervalMs) if (targets.length > 0) sendAll();
  setTimeout(() => sendFor(nextMs), nextMs - now);
}

async function receive({ flow, hostname, port }: Target): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  for await (const [data] of socket) {
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
    (arrivals[flow] ??= []).push({ number, timeMs: nowMs() });
  }
}

/** proc(5): the last field of a socket's line counts what did not fit into its buffer. */
function overruns(): number {
  const lines = ["udp", "udp6"].flatMap((name) =>
    Deno.readTextFileSync(`/proc/self/net/${name}`).trim().split("\n").slice(1)
  );
  return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-1)), 0);
}

function obey({ listen = [], send = [], after, tell }: Order): void {
  for (const target of listen) receive(target);
  targets.push(...send);
  sent = after ?? sent;
  if (tell === undefined) return;
  console.log(`told ${tell} ${JSON.stringify({ sent, arrivals, overruns: overruns() } satisfies Told)}`);
  arrivals = {};
}

if (import.meta.main) {
  sendFor(performance.now());
  for await (const line of linesOf(Deno.stdin.readable)) obey(JSON.parse(line) as Order);
  Deno.exit(0);
}
