// The demo's scenes, in order. Each builds or breaks something, looks, and refuses to go on when it sees
// something else than it should.

import { isWireGuard, isWithin } from "../lab/frames.ts";
import type { Lab } from "../lab/lab.ts";
import type { Family } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { connect, listen } from "../lab/tcp.ts";
import { until } from "../lab/until.ts";
import { expect } from "./progress.ts";
import { readTable } from "./table.ts";

type Tell = (result: string) => void;

const FAMILIES: readonly Family[] = [4, 6];
const POD_PORT = 80;
const NODE_PORT = 8080;
const PINGS = 3;
// Two handshakes that meet on the way can leave both sides with other keys; WireGuard tries again after 5 s, or
// after 15 s when both think that they have a session (seen in about one of a hundred first contacts).
const RENEWAL_MS = 30_000;
const SETTINGS = { "filter-ipv4": "true", "filter-ipv6": "true" };

/** Round trip from a pod to another in milliseconds. */
export interface RoundTrip {
  readonly from: Pod;
  readonly to: Pod;
  readonly family: Family;
  readonly ms: number;
  readonly lost: number;
}

/** What crossed the underlay while the pods pinged each other. */
export interface Crossing {
  readonly wireGuard: number;
  /** Packets with a pod's address that anybody on the underlay could read. */
  readonly readable: number;
  /** Neighbour discovery and the like. */
  readonly other: number;
}

/** Starts the agent on every node and waits until each has told its node's pods how to attach. */
export async function startAgents(lab: Lab, tell: Tell): Promise<void> {
  const start = performance.now();
  const times = await Promise.all(lab.nodes.map(async (node) => {
    node.startAgent({ settings: SETTINGS });
    await node.conflist();
    return timeSince(start);
  }));
  tell(`CNI file on ${lab.nodes.map(({ name }, i) => `${name} after ${times[i]}`).join(", ")}`);
}

/** Waits until each node has every other as a peer and a packet has gone there and back through each tunnel. */
export async function meetPeers(lab: Lab, tell: Tell): Promise<void> {
  const start = performance.now();
  const seen = () => lab.diagnose();
  for (const node of lab.nodes) {
    const others = lab.nodes.filter((other) => other !== node);
    await until(`the peers of ${node.name}`, async () => {
      const keys = (await node.run(["wg", "show", "wigglenet", "peers"])).trim().split("\n").sort();
      return keys.join() === others.map(publicKeyOf).sort().join();
    }, { seen });
  }
  const answers = await Promise.all(
    pairsOf(lab.nodes).map(async ([a, b]) => {
      for (const prefix of b.podCIDRs) {
        const gateway = prefix.replace(/0?\/\d+$/, "1");
        await until(`${a.name} to reach ${b.name}'s ${gateway}`, async () => {
          return (await a.ping(gateway, { timeoutMs: 100 })).received === 1;
        }, { deadlineMs: RENEWAL_MS, seen });
      }
      return `${a.name}–${b.name} after ${timeSince(start)}`;
    }),
  );
  tell(`answers through ${answers.join(", ")}`);
}

/** Every two nodes once. */
export function pairsOf<T>(all: readonly T[]): (readonly [T, T])[] {
  return all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const));
}

/** The public key that a node's annotation gives. */
export function publicKeyOf(node: Node): string {
  return node.manifest.metadata.annotations!["wigglenet/public-key"]!;
}

/** Two pods on each node; the second on the last node also has a port of the node. */
export async function addPods(lab: Lab, tell: Tell): Promise<Pod[]> {
  const mapping = { hostPort: NODE_PORT, containerPort: POD_PORT, protocol: "tcp" } as const;
  const pods = await Promise.all(lab.nodes.map(async (node) => [
    await node.addPod(`${node.name}-a`),
    await node.addPod(`${node.name}-b`, node === lab.nodes.at(-1) ? [mapping] : []),
  ]));
  tell("by the real ptp, host-local and portmap, from the agent's CNI file");
  return pods.flat();
}

/**
 * Pings every pod from every other, over both families. Each pair must answer `least` times of {@link PINGS}:
 * right after a tunnel was made anew, WireGuard may lose a packet between two sessions.
 */
export async function pingAll(pods: readonly Pod[], tell: Tell, least = PINGS): Promise<RoundTrip[]> {
  const trips: RoundTrip[] = [];
  // One sender at a time with all its targets: gentle enough for two cores to measure something.
  for (const from of pods) {
    const targets = pods.filter((pod) => pod !== from).flatMap((to) =>
      FAMILIES.map((family) => ({ to, family }))
    );
    trips.push(...await Promise.all(targets.map(({ to, family }) => pingOne({ from, to, family }, least))));
  }
  const lost = trips.reduce((sum, trip) => sum + trip.lost, 0);
  const median = medianOf(trips.map(({ ms }) => ms)).toFixed(2);
  tell(`${trips.length} pairs answered, ${lost} of ${trips.length * PINGS} pings lost, median ${median} ms`);
  return trips;
}

async function pingOne(pair: Pick<RoundTrip, "from" | "to" | "family">, least: number): Promise<RoundTrip> {
  const { from, to, family } = pair;
  const address = to.address(family);
  expect(address !== undefined, `${to.name} to have an IPv${family} address`, "none");
  const { received, averageMs, trouble } = await from.ping(address!, { count: PINGS });
  const seen = `${received} answers of ${PINGS} ${trouble}`.trim();
  expect(received >= least, `${from.name} to reach ${to.name} at ${address}`, seen);
  return { ...pair, ms: averageMs!, lost: PINGS - received };
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Pings every pair while the underlay is captured, and judges what crossed it. */
export async function pingCaptured(
  lab: Lab,
  pods: readonly Pod[],
  tell: Tell,
): Promise<{ trips: RoundTrip[]; crossing: Crossing }> {
  const capture = await lab.capture();
  const trips = await pingAll(pods, tell);
  await lab.catchUp(capture);
  const packets = await capture.stop();
  const wireGuard = packets.filter((packet) => isWireGuard(packet)).length;
  const readable = packets.filter((packet) => isWithin(packet, lab.podCIDRs)).length;
  return { trips, crossing: { wireGuard, readable, other: packets.length - wireGuard - readable } };
}

/** Expects enough WireGuard packets for the pings that crossed, and none that shows a pod's address. */
export function judgeCrossing(
  { wireGuard, readable, other }: Crossing,
  trips: readonly RoundTrip[],
  tell: Tell,
): void {
  const crossed = trips.filter(({ from, to }) => from.node !== to.node).length * PINGS;
  const least = 2 * crossed;
  expect(
    wireGuard >= least,
    `at least ${least} WireGuard packets for ${crossed} pings there and back`,
    `${wireGuard}`,
  );
  expect(readable === 0, "no packet with a pod's address readable on the underlay", `${readable}`);
  tell(
    `${wireGuard} WireGuard packets, ${readable} with a readable pod address (${other} ARP, NDP and pings between nodes)`,
  );
}

/** Connects to a pod from another pod, from outside, and from outside by the node's port. */
export async function tryOutsider(lab: Lab, pods: readonly Pod[], tell: Tell): Promise<void> {
  const [inside, server] = [pods[0]!, pods.at(-1)!];
  const node = lab.nodes.at(-1)!;
  await listen(server, POD_PORT);
  await Promise.all(FAMILIES.map(async (family) => {
    const [podAddress, nodeAddress] = [server.address(family)!, node.address(family)!];
    const attempts = [
      { from: inside, address: podAddress, port: POD_PORT, isOpen: true },
      { from: lab.outsider, address: podAddress, port: POD_PORT, isOpen: false },
      { from: lab.outsider, address: nodeAddress, port: NODE_PORT, isOpen: true },
    ];
    for (const { from, address, port, isOpen } of attempts) {
      const seen = await connect(from, { address, port });
      const what = `TCP from ${from.name} to ${address} port ${port} to be ${isOpen ? "open" : "closed"}`;
      expect(seen.isOpen === isOpen, what, JSON.stringify(seen));
    }
  }));
  tell(`pod to pod: open; outsider to pod: silence; outsider to ${node.name} port ${NODE_PORT}: open`);
}

/** Flushes all nftables rules of a node and waits until our table is what it was. */
export async function flushTable(node: Node, tell: Tell): Promise<void> {
  const before = await readTable(node);
  const start = performance.now();
  await node.run(["nft", "flush", "ruleset"]);
  await until(`the table of ${node.name} to be what it was`, async () => await readTable(node) === before, {
    seen: () => node.diagnose(),
  });
  tell(`nft flush ruleset: same table back after ${timeSince(start)}`);
}

/** Deletes a node's tunnel interface and waits until its pods talk to the others again, both ways. */
export async function deleteInterface(node: Node, pods: readonly Pod[], tell: Tell): Promise<void> {
  const indexBefore = await linkIndex(node);
  const start = performance.now();
  await node.run(["ip", "link", "delete", "wigglenet"]);
  await until(`a new interface on ${node.name}`, async () => {
    const index = await linkIndex(node);
    return index !== undefined && index !== indexBefore;
  }, { seen: () => node.diagnose() });
  const isBack = timeSince(start);
  const [own, far] = [pods.find((pod) => pod.node === node)!, pods.filter((pod) => pod.node !== node)];
  const pairs = far.flatMap((pod) => [[own, pod], [pod, own]] as const);
  await Promise.all(
    pairs.flatMap(([from, to]) =>
      FAMILIES.map((family) =>
        until(`${from.name} to reach ${to.name} over IPv${family}`, async () => {
          return (await from.ping(to.address(family)!, { timeoutMs: 100 })).received === 1;
        }, { deadlineMs: RENEWAL_MS, seen: () => node.diagnose() })
      )
    ),
  );
  tell(`ip link delete: interface back after ${isBack}, pods answer after ${timeSince(start)}`);
}

async function linkIndex(node: Node): Promise<number | undefined> {
  const { code, stdout } = await node.attempt(["ip", "-json", "link", "show", "wigglenet"]);
  return code === 0 ? (JSON.parse(stdout) as { ifindex: number }[])[0]?.ifindex : undefined;
}

function timeSince(start: number): string {
  const ms = performance.now() - start;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
