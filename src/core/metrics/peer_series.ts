// The series of each peer, as text, some peers at a time: 5,000 peers are 20,000 lines, which no loop shall stand still
// for and no memory shall hold at once. The format is Prometheus' text exposition format 0.0.4.

import type { Peer } from "../desired/desired_state.ts";
import type { ObservedPeer } from "../observed/observed_state.ts";
import { type MetricName, METRICS } from "./metrics.ts";

const PEERS_AT_ONCE = 250;

type PeerLine = (peer: ObservedPeer, at: PeerTimes) => string | undefined;

/** What peer series are written by. */
export interface PeerTimes {
  /** Since 1970. */
  readonly nowSeconds: number;
  /** Names of Nodes by public key, of the peers that are wanted. */
  readonly nodes: ReadonlyMap<string, string>;
}

const LINES: readonly (readonly [MetricName, PeerLine])[] = [
  ["wigglenet_peer_last_handshake_seconds", (peer, { nowSeconds }) => {
    const age = nowSeconds - peer.handshakeSeconds;
    // One of the future is of a clock that went back: a dead peer would look best of all.
    if (peer.handshakeSeconds === 0 || age < 0) return undefined;
    return line("wigglenet_peer_last_handshake_seconds", placeOf(peer), age);
  }],
  [
    "wigglenet_peer_receive_bytes_total",
    (peer) => line("wigglenet_peer_receive_bytes_total", placeOf(peer), peer.receivedBytes),
  ],
  [
    "wigglenet_peer_transmit_bytes_total",
    (peer) => line("wigglenet_peer_transmit_bytes_total", placeOf(peer), peer.sentBytes),
  ],
  ["wigglenet_peer_info", ({ publicKey }, { nodes }) => {
    const node = nodes.get(publicKey);
    if (node === undefined) return undefined;
    return line("wigglenet_peer_info", `public_key="${escaped(publicKey)}",node="${escaped(node)}"`, 1);
  }],
];

/** Names of the metrics that {@link peerSeries} writes. */
export const PEER_METRICS: readonly MetricName[] = LINES.map(([name]) => name);

/** Names of Nodes by public key. */
export function nodesByKey(peers: readonly Peer[]): ReadonlyMap<string, string> {
  return new Map(peers.map(({ publicKey, node }) => [publicKey, node]));
}

/** All series of peers in pieces of some 30 kB, metric by metric, as the format wants it. */
export function* peerSeries(peers: readonly ObservedPeer[], times: PeerTimes): Generator<string> {
  for (const [name, lineOf] of LINES) {
    const { help, type } = METRICS[name];
    let text = `\n# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (let i = 0; i < peers.length; i += PEERS_AT_ONCE) {
      for (const peer of peers.slice(i, i + PEERS_AT_ONCE)) text += lineOf(peer, times) ?? "";
      yield text;
      text = "";
    }
    if (text !== "") yield text;
  }
}

function placeOf({ publicKey, endpoint }: ObservedPeer): string {
  return `public_key="${escaped(publicKey)}",endpoint="${escaped(endpoint ?? "")}"`;
}

function line(name: MetricName, labels: string, value: number): string {
  return `${name}{${labels}} ${value}\n`;
}

/** Nothing of a Node's text gets here but by a grammar that has none of these; this is the second lock. */
function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => c === "\n" ? "\\n" : `\\${c}`);
}
