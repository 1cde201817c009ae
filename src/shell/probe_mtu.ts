// Sends what core/check/mtu_probe.ts asks for, by ping: nothing that the agent runs otherwise sends packets of a size.

import {
  greatestPassing,
  type MtuReport,
  probedPeers,
  type ProbeResult,
  type ProbeTarget,
} from "../core/check/mtu_probe.ts";
import type { ProbedPeer } from "../core/check/mtu_probe.ts";
import type { PeerStatus } from "../core/plan/status.ts";
import { attempt } from "./command.ts";

/** How to probe. */
export interface ProbeOptions {
  readonly interfaceName: string;
  readonly mtuBytes: number;
  /** When no more peers are begun with; milliseconds from now. */
  readonly limitMs: number;
  /** Hears how many peers are done. */
  readonly onProgress: (done: number) => void;
}

const PEERS_AT_ONCE = 24;

/** Tries all peers, in no order, for as long as there is time. */
export async function probeMtu(statuses: readonly PeerStatus[], options: ProbeOptions): Promise<MtuReport> {
  const { mtuBytes, limitMs, onProgress } = options;
  const peers = probedPeers(statuses, mtuBytes);
  const due = shuffled(peers);
  const results: ProbeResult[] = [];
  const end = performance.now() + limitMs;
  let done = 0;
  const work = async () => {
    while (performance.now() < end) {
      const peer = due.pop();
      if (peer === undefined) return;
      results.push(...await probePeer(peer, options.interfaceName));
      onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: PEERS_AT_ONCE }, work));
  return { mtuBytes, peers, results, unprobed: due.length };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, rank: Math.random() })).sort((a, b) => a.rank - b.rank).map((
    { item },
  ) => item);
}

/** What fits beside the tunnel matters only where all fits through it: then in how many pieces. */
async function probePeer({ node, inner, outer }: ProbedPeer, interfaceName: string): Promise<ProbeResult[]> {
  const results = await Promise.all(inner.map(async (target): Promise<ProbeResult> => {
    return { ...target, node, isOuter: false, passedBytes: await probe(target, ["-I", interfaceName]) };
  }));
  const isWell = results.every(({ passedBytes, bytes }) => passedBytes === bytes);
  if (outer === undefined || !isWell) return results;
  return [...results, { ...outer, node, isOuter: true, passedBytes: await probe(outer, []) }];
}

async function probe(target: ProbeTarget, flags: readonly string[]): Promise<number | undefined> {
  const search = greatestPassing(target.bytes);
  let count = 1;
  for (let step = search.next();;) {
    if (step.done === true) return step.value;
    const passed = await Promise.all(
      step.value.map(async (bytes) => await ping(target, bytes, [...flags, "-c", `${count}`]) ? bytes : []),
    );
    step = search.next(new Set(passed.flat()));
    count = 2; // from now on a lost packet would be taken for a large one
  }
}

const ICMP_BYTES = { 4: 28, 6: 48 } as const;
const PING_MS = 5_000;

/** True when a packet of this size comes back whole, within a second. */
async function ping(
  { family, address }: ProbeTarget,
  bytes: number,
  flags: readonly string[],
): Promise<boolean> {
  const size = `${bytes - ICMP_BYTES[family]}`;
  const args = ["-n", "-q", "-M", "do", "-i", "0.2", "-W", "1", ...flags, "-s", size, address];
  const { failure } = await attempt({ program: "ping", args, timeoutMs: PING_MS });
  return failure === undefined;
}
