// Does a peer answer? A packet to its pod network makes WireGuard shake hands where there is no session.

import { firstAddress, parsePrefix } from "../core/net/prefix.ts";
import { refused } from "../core/net/refusal.ts";
import { SESSION_SECONDS } from "../core/observed/follow_peer.ts";
import type { PeerStatus } from "../core/plan/status.ts";
import { run } from "./command.ts";
import { sleep } from "./sleep.ts";

/** RFC 863; a session needs no more. */
const DISCARD_PORT = 9;
/** A large mesh is not woken up as a whole. */
const ASKED_PEERS = 8;
const ANSWER_MS = 3_000;
const POLL_MS = 100;

/** What came of it. */
export interface PeerAnswers {
  readonly silent: readonly PeerStatus[];
  readonly asked: number;
}

/** Asks peers that have no session, some of them, and says who did not answer. Of the others one is as good as asked. */
export async function probePeers(interfaceName: string, peers: readonly PeerStatus[]): Promise<PeerAnswers> {
  const reachable = peers.filter(({ endpoint }) => endpoint !== undefined);
  const lively = (await livelyKeys(interfaceName)) ?? new Set(reachable.map(({ publicKey }) => publicKey));
  const due = reachable.filter(({ publicKey }) => !lively.has(publicKey)).slice(0, ASKED_PEERS);
  const asked = due.length + reachable.filter(({ publicKey }) => lively.has(publicKey)).length;
  const endMs = performance.now() + ANSWER_MS;
  let silent = due;
  while (silent.length > 0 && performance.now() < endMs) {
    for (const peer of silent) await greet(peer);
    await sleep(POLL_MS);
    const now = await livelyKeys(interfaceName);
    silent = silent.filter(({ publicKey }) => now?.has(publicKey) === false);
  }
  return { silent, asked };
}

/** Keys with a session; undefined: nobody may be told. */
async function livelyKeys(interfaceName: string): Promise<Set<string> | undefined> {
  const args = ["show", interfaceName, "latest-handshakes"];
  const text = await run({ program: "wg", args }).catch(() => undefined);
  const oldest = Date.now() / 1000 - SESSION_SECONDS;
  const lines = text?.trim().split("\n").map((line) => line.split("\t"));
  return lines && new Set(lines.flatMap(([key = "", seconds]) => Number(seconds) > oldest ? [key] : []));
}

/** One datagram of no use. */
async function greet({ allowedIps }: PeerStatus): Promise<void> {
  for (const text of allowedIps) {
    const prefix = parsePrefix(text);
    if (refused(prefix) || prefix.length === (prefix.family === 4 ? 32 : 128)) continue;
    const socket = Deno.listenDatagram({
      transport: "udp",
      hostname: prefix.family === 4 ? "0.0.0.0" : "::",
      port: 0,
    });
    const address = { transport: "udp" as const, hostname: firstAddress(prefix).text, port: DISCARD_PORT };
    await socket.send(new Uint8Array(1), address).catch(() => 0);
    socket.close();
    return;
  }
}
