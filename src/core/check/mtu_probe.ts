// `wigglenet check --mtu`: which packets to try on the way to a peer, and what came of it -> findings.

import type { Family } from "../net/address.ts";
import { parseEndpoint } from "../net/endpoint.ts";
import { firstAddress, parsePrefix, type Prefix, summarise } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import { IPV4_LEAST_BYTES, OVERHEAD_BYTES } from "../desired/tunnel_mtu.ts";
import { IPV6_LEAST_BYTES } from "../desired/underlay_mtu.ts";
import type { PeerStatus } from "../plan/status.ts";
import type { Finding } from "./check.ts";

/** Where packets are sent, how large they are to be. */
export interface ProbeTarget {
  readonly family: Family;
  readonly address: string;
  readonly bytes: number;
}

/** A peer whose ways are tried. */
export interface ProbedPeer {
  readonly node: string;
  /** Through the tunnel: the peer's own address in it, of each family that it has. */
  readonly inner: readonly ProbeTarget[];
  /** Beside it: WireGuard's largest packet to its endpoint; undefined: none is known, or nothing could be done. */
  readonly outer: ProbeTarget | undefined;
}

/** What came of a target. */
export interface ProbeResult extends ProbeTarget {
  readonly node: string;
  readonly isOuter: boolean;
  /** The greatest packet that passed; undefined: none. */
  readonly passedBytes: number | undefined;
}

/** All that `check --mtu` has seen. */
export interface MtuReport {
  readonly mtuBytes: number;
  readonly peers: readonly ProbedPeer[];
  readonly results: readonly ProbeResult[];
  /** How many peers there was no time for. */
  readonly unprobed: number;
}

/** The peers of a node whose tunnel has this MTU. A peer's interface has the first address of each pod CIDR. */
export function probedPeers(peers: readonly PeerStatus[], mtuBytes: number): ProbedPeer[] {
  const all = peers.map((peer): ProbedPeer => {
    const podCidrs = podCidrsOf(peer);
    const inner = ([4, 6] as const).flatMap((family): ProbeTarget[] => {
      const first = podCidrs.find((prefix) => prefix.family === family);
      return first === undefined ? [] : [{ family, address: firstAddress(first).text, bytes: mtuBytes }];
    });
    return { node: peer.node, inner, outer: outerOf(peer, mtuBytes) };
  });
  // At the least that IPv6 needs fragments are no news, and nothing can be set.
  const isLeast = mtuBytes <= leastOf(all);
  return isLeast ? all.map((peer) => ({ ...peer, outer: undefined })) : all;
}

/** Its allowed IPs hold the node's addresses too, each as a prefix of one. */
function podCidrsOf({ allowedIps }: PeerStatus): readonly Prefix[] {
  const prefixes = allowedIps.map(parsePrefix).filter((prefix): prefix is Prefix => !refused(prefix));
  return summarise(prefixes.filter(({ family, length }) => length < (family === 4 ? 32 : 128)));
}

function outerOf({ endpoint }: PeerStatus, mtuBytes: number): ProbeTarget | undefined {
  const parsed = parseEndpoint(endpoint);
  if (refused(parsed)) return undefined;
  const { family, text: address } = parsed.address;
  return { family, address, bytes: mtuBytes + OVERHEAD_BYTES[family] };
}

function leastOf(peers: readonly ProbedPeer[]): number {
  const isIpv6 = peers.some(({ inner }) => inner.some(({ family }) => family === 6));
  return isIpv6 ? IPV6_LEAST_BYTES : IPV4_LEAST_BYTES;
}

/** A packet that passes wherever any does. */
const SMALL_BYTES = 128;
const SIZES_AT_ONCE = 7;

/**
 * Finds the greatest packet that passes: yields sizes to try, takes those that passed, returns the greatest of all.
 * One that is lost by chance makes the answer smaller, never larger.
 */
export function* greatestPassing(
  bytes: number,
): Generator<number[], number | undefined, ReadonlySet<number>> {
  if ((yield [bytes]).has(bytes)) return bytes;
  const again = yield [bytes, SMALL_BYTES];
  if (again.has(bytes)) return bytes;
  if (!again.has(SMALL_BYTES)) return undefined;
  let [low, high] = [SMALL_BYTES, bytes];
  while (high - low > 1) {
    const step = (high - low) / (SIZES_AT_ONCE + 1);
    const sizes = Array.from({ length: SIZES_AT_ONCE }, (_, i) => Math.round(low + (i + 1) * step));
    const tried = [...new Set(sizes)].filter((size) => size > low && size < high);
    const passed = yield tried;
    low = Math.max(low, ...passed);
    high = Math.min(high, ...tried.filter((size) => size > low));
  }
  return low;
}

/** One finding for each peer that something is wrong with. */
export function mtuFindings(report: MtuReport): Finding[] {
  const least = leastOf(report.peers);
  const results = Map.groupBy(report.results, ({ node }) => node);
  const findings = report.peers.flatMap(({ node, outer }) =>
    findingOf(results.get(node) ?? [], { node, outer, least }) ?? []
  );
  if (report.unprobed === 0) return findings;
  return [...findings, {
    level: "warning",
    what: `there was no time to try ${report.unprobed} of ${report.peers.length} peers`,
    remedy: "ask again: others come first each time",
  }];
}

interface Circumstances {
  readonly node: string;
  readonly outer: ProbeTarget | undefined;
  readonly least: number;
}

function findingOf(results: readonly ProbeResult[], about: Circumstances): Finding | undefined {
  const inner = results.filter(({ isOuter }) => !isOuter);
  const narrow = inner.filter(({ passedBytes, bytes }) => passedBytes !== undefined && passedBytes < bytes);
  if (narrow.length > 0) return narrowTunnel(narrow, about);
  const silent = inner.filter(({ passedBytes }) => passedBytes === undefined);
  if (silent.length > 0) {
    const addresses = silent.map(({ address }) => address).join(", ");
    return {
      level: "warning",
      what: `${about.node} does not answer through the tunnel (${addresses}): what fits is not known`,
      remedy: `wigglenet status tells when its last handshake was; then ping ${silent[0]!.address}`,
    };
  }
  const fragmented = results.find(({ isOuter, passedBytes, bytes }) =>
    isOuter && passedBytes !== undefined && passedBytes < bytes
  );
  return fragmented && fragments(fragmented, about);
}

function narrowTunnel(narrow: readonly ProbeResult[], { node, outer, least }: Circumstances): Finding {
  const bytes = narrow[0]!.bytes;
  const passed = Math.min(...narrow.map(({ passedBytes }) => passedBytes!));
  const wider = outer === undefined
    ? "let the path take larger packets"
    : `let the path to ${outer.address} take ${outer.bytes} bytes`;
  return {
    level: "error",
    what: `packets of ${bytes} bytes do not pass through the tunnel to ${node}, those of ${passed} do`,
    remedy: passed < least ? wider : `WIGGLENET_MTU=${passed} on this node and on ${node}, or ${wider}`,
  };
}

function fragments({ family, address, bytes, passedBytes }: ProbeResult, about: Circumstances): Finding {
  const fits = passedBytes! - OVERHEAD_BYTES[family];
  const wider = `let that path take ${bytes} bytes`;
  return {
    level: "warning",
    what:
      `full packets to ${about.node} travel in fragments: the path to ${address} takes ${passedBytes} bytes`,
    remedy: fits < about.least
      ? wider
      : `WIGGLENET_MTU=${fits} on this node and on ${about.node}, or ${wider}`,
  };
}
