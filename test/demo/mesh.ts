// What the picture shows, read from the running nodes.

import type { Lab } from "../lab/lab.ts";
import { addressesOf, type Family } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import type { Done } from "./progress.ts";
import { type Crossing, pairsOf, publicKeyOf, type RoundTrip } from "./scenes.ts";

/** A pod as drawn. */
export interface PodSketch {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly hostPort?: number;
}

/** A node as drawn. */
export interface NodeSketch {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly publicKey: string;
  readonly pods: readonly PodSketch[];
}

/** A tunnel between two nodes as drawn. */
export interface TunnelSketch {
  readonly between: readonly [string, string];
  /** Where each is found by the other, as `wg` tells. */
  readonly endpoints: readonly [string, string];
  readonly handshakeSecondsAgo: number;
  readonly bytes: number;
}

/** One round trip between pods as drawn. */
export interface TripSketch {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  readonly ms: number;
  readonly isLocal: boolean;
}

/** All that the picture shows. */
export interface Mesh {
  readonly nodes: readonly NodeSketch[];
  readonly tunnels: readonly TunnelSketch[];
  readonly trips: readonly TripSketch[];
  readonly crossing: Crossing;
  readonly outsider: string;
  readonly done: readonly Done[];
}

/** What the scenes saw. */
export interface Seen {
  readonly pods: readonly Pod[];
  readonly trips: readonly RoundTrip[];
  readonly crossing: Crossing;
  readonly done: readonly Done[];
}

/** Reads the rest from the nodes. */
export async function readMesh(lab: Lab, { pods, trips, crossing, done }: Seen): Promise<Mesh> {
  return {
    nodes: lab.nodes.map((node) => sketchOf(node, pods)),
    tunnels: await Promise.all(pairsOf(lab.nodes).map(([a, b]) => readTunnel(a, b))),
    trips: trips.map(({ from, to, family, ms }) => {
      return { from: from.name, to: to.name, family, ms, isLocal: from.node === to.node };
    }),
    crossing,
    outsider: lab.outsiderAddresses.join(", "),
    done,
  };
}

function sketchOf(node: Node, pods: readonly Pod[]): NodeSketch {
  return {
    name: node.name,
    addresses: addressesOf(node.manifest),
    podCIDRs: node.podCIDRs,
    publicKey: publicKeyOf(node),
    pods: pods.filter((pod) => pod.node === node).map((pod) => {
      const addresses = ([4, 6] as const).flatMap((family) => pod.address(family) ?? []);
      const hostPort = pod.portMappings[0]?.hostPort;
      return { name: pod.name, addresses, ...(hostPort === undefined ? {} : { hostPort }) };
    }),
  };
}

async function readTunnel(a: Node, b: Node): Promise<TunnelSketch> {
  const [toB, toA] = await Promise.all([readPeer(a, b), readPeer(b, a)]);
  return {
    between: [a.name, b.name],
    endpoints: [toA.endpoint, toB.endpoint],
    handshakeSecondsAgo: Math.round(Date.now() / 1000 - Math.max(toA.handshake, toB.handshake)),
    bytes: toB.received + toB.sent,
  };
}

interface Peer {
  readonly endpoint: string;
  readonly handshake: number;
  readonly received: number;
  readonly sent: number;
}

/** wg(8), show dump: key, preshared key, endpoint, allowed IPs, handshake, received, sent, keepalive. */
async function readPeer(node: Node, peer: Node): Promise<Peer> {
  const lines = (await node.run(["wg", "show", "wigglenet", "dump"])).trim().split("\n").slice(1);
  const fields = lines.map((line) => line.split("\t")).find(([key]) => key === publicKeyOf(peer));
  if (fields === undefined) throw new Error(`${node.name} has no peer ${peer.name}`);
  const [, , endpoint, , handshake, received, sent] = fields as [string, ...string[]];
  return {
    endpoint: endpoint!,
    handshake: Number(handshake),
    received: Number(received),
    sent: Number(sent),
  };
}
