import assert from "node:assert/strict";
import { QUIET } from "../../../test/host_state.ts";
import type { PublicKey } from "../net/keys.ts";
import type { ObservedPeer } from "../observed/observed_state.ts";
import { nodesByKey, peerSeries } from "./peer_series.ts";

function peer(words: Partial<ObservedPeer>): ObservedPeer {
  const seen = { publicKey: "a=", endpoint: "192.0.2.1:24601", allowedIps: "", handshakeSeconds: 1000 };
  return { ...QUIET, ...seen, ...words };
}

Deno.test("peer series are the original's, and the Node of each peer that is wanted", () => {
  const wanted = {
    node: "n2",
    publicKey: "a=" as PublicKey,
    endpoint: undefined,
    candidates: [],
    allowedIps: "",
  };
  const peers = [
    peer({ receivedBytes: 2 ** 40, sentBytes: 7 }),
    peer({ publicKey: "b=", endpoint: undefined, handshakeSeconds: 0 }),
  ];
  const text = [...peerSeries(peers, { nowSeconds: 1012.5, nodes: nodesByKey([wanted]) })].join("");
  assert.equal(
    text,
    `
# HELP wigglenet_peer_last_handshake_seconds Seconds since the last handshake with the peer; absent before the first.
# TYPE wigglenet_peer_last_handshake_seconds gauge
wigglenet_peer_last_handshake_seconds{public_key="a=",endpoint="192.0.2.1:24601"} 12.5

# HELP wigglenet_peer_receive_bytes_total Bytes received from the peer.
# TYPE wigglenet_peer_receive_bytes_total counter
wigglenet_peer_receive_bytes_total{public_key="a=",endpoint="192.0.2.1:24601"} 1099511627776
wigglenet_peer_receive_bytes_total{public_key="b=",endpoint=""} 0

# HELP wigglenet_peer_transmit_bytes_total Bytes sent to the peer.
# TYPE wigglenet_peer_transmit_bytes_total counter
wigglenet_peer_transmit_bytes_total{public_key="a=",endpoint="192.0.2.1:24601"} 7
wigglenet_peer_transmit_bytes_total{public_key="b=",endpoint=""} 0

# HELP wigglenet_peer_info The Node that a peer is. Always 1.
# TYPE wigglenet_peer_info gauge
wigglenet_peer_info{public_key="a=",node="n2"} 1
`,
  );
});

Deno.test("peer series of thousands come in pieces", () => {
  const peers = Array.from({ length: 1_000 }, (_, i) => peer({ publicKey: `${i}` }));
  const pieces = [...peerSeries(peers, { nowSeconds: 1000, nodes: new Map() })];
  assert.ok(pieces.length >= 12, `${pieces.length} pieces`);
  assert.ok(Math.max(...pieces.map((piece) => piece.length)) < 40_000);
  assert.match(pieces[0]!, /public_key="0".*\} 0\n/);
});

Deno.test("no value of a label ends its quotes", () => {
  const [text] = peerSeries([peer({ publicKey: 'x"} 1\nevil 1\\' })], { nowSeconds: 1000, nodes: new Map() });
  assert.match(text!, /^wigglenet_peer_last_handshake_seconds\{public_key="x\\"\} 1\\nevil 1\\\\",/m);
});

Deno.test("a handshake of the future, by a clock that went back, has no age", () => {
  const text = [...peerSeries([peer({})], { nowSeconds: 999, nodes: new Map() })].join("");
  assert.doesNotMatch(text, /^wigglenet_peer_last_handshake_seconds/m);
  assert.match(text, /^wigglenet_peer_receive_bytes_total/m);
});
