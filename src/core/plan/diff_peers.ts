// Peers. Whatever is added starts the handshake itself (`greet`). A session that works is never touched.

import type { DesiredState, Peer } from "../desired/desired_state.ts";
import { equalEnds } from "../net/equal_ends.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { SESSION_SECONDS } from "../observed/parse_network.ts";
import { renderPeers } from "../render/render_network.ts";
import { type Action, type Change, STAGE, type Step } from "./plan.ts";

/** An empty file removes it. */
const NO_PRESHARED_KEY = ["preshared-key", "/dev/null"];
/** Peers on one command line: far below the kernel's 2 MiB of arguments. */
const PEERS_PER_COMMAND = 1000;

/** Peers of which nothing was to be changed; the next look at the host gives another map. */
const AS_WANTED = new WeakMap<ReadonlyMap<string, ObservedPeer>, readonly Peer[]>();

/** Steps for the peers of the interface. */
export function diffPeers(
  { link, peers, spared }: DesiredState,
  observed: ObservedState,
  steadySeconds: number,
): Step[] {
  if (link === undefined) return [];
  const state = observed.link === undefined ? undefined : observed.wireguard;
  const found = state?.peers ?? new Map<string, ObservedPeer>();
  // Of an interface that is made anew as another kind.
  const remembered = observed.link === undefined ? observed.wireguard?.peers : undefined;
  const replaced: Replacement[] = [];
  const touched: Touch[] = [];
  const { start, end } = equalEnds(AS_WANTED.get(found) ?? [], peers);
  let known = start + end;
  for (const peer of peers.slice(start, peers.length - end)) {
    const has = found.get(peer.publicKey);
    if (has !== undefined) known++;
    const shown = remembered?.get(peer.publicKey);
    if (shown?.endpoint !== undefined && isRoaming(shown, steadySeconds)) {
      replaced.push({ peer: { ...peer, endpoint: shown.endpoint }, has: undefined, keepsEndpoint: false });
    } else if (has === undefined || has.allowedIps !== peer.allowedIps) {
      replaced.push({ peer, has, keepsEndpoint: has !== undefined && isRoaming(has, steadySeconds) });
    } else touched.push(...touch(peer, has, steadySeconds));
  }
  if (replaced.length + touched.length === 0 && known === found.size) AS_WANTED.set(found, peers);
  const surplus = known === found.size
    ? []
    : without(found.keys(), peers).filter((key) => !spared?.peers.has(key));
  return [
    ...replaceStep(link.name, replaced),
    ...touchStep(link.name, touched),
    ...removeStep(link.name, surplus),
  ];
}

/** The keys that no wanted peer has, sorted. */
function without(keys: Iterable<string>, peers: readonly Peer[]): string[] {
  const wanted = new Set<string>(peers.map(({ publicKey }) => publicKey));
  return [...keys].filter((key) => !wanted.has(key)).sort();
}

/** A session whose endpoint the peer itself has shown, and which lives: what its Node says is not where it is. */
function isRoaming({ isRoamed, aliveSeconds }: ObservedPeer, steadySeconds: number): boolean {
  return isRoamed && steadySeconds - aliveSeconds < SESSION_SECONDS;
}

interface Replacement {
  readonly peer: Peer;
  readonly has: ObservedPeer | undefined;
  readonly keepsEndpoint: boolean;
}

function replaceStep(name: string, replaced: readonly Replacement[]): Step[] {
  if (replaced.length === 0) return [];
  const changes = replaced.map(({ peer, has }): Change => {
    const text = `${peer.publicKey} at ${
      peer.endpoint ?? "an endpoint that it must show"
    } for ${peer.allowedIps}`;
    const reason = has === undefined ? "missing" : `allowed IPs are ${has.allowedIps || "none"}`;
    return { op: has === undefined ? "+" : "~", kind: "peer", target: peer.node, text, reason };
  });
  const peers = replaced.map(({ peer, keepsEndpoint }) =>
    keepsEndpoint ? { ...peer, endpoint: undefined } : peer
  );
  return [{
    part: "wireguard",
    stage: STAGE.tunnel,
    needs: ["link"],
    changes,
    actions: [
      {
        kind: "run",
        program: "wg",
        args: ["addconf", name],
        input: renderPeers(peers, "off"),
      },
      ...wgSet(
        name,
        replaced.filter(({ has }) => has?.hasPresharedKey).map((
          { peer },
        ) => ["peer", peer.publicKey, ...NO_PRESHARED_KEY]),
      ),
      { kind: "greet", interfaceName: name, publicKeys: peers.map(({ publicKey }) => publicKey) },
    ],
    confirms: { peers: { set: peers, removed: [] } },
  }];
}

interface Touch {
  readonly peer: Peer;
  readonly change: Change;
  readonly args: readonly string[];
}

function touch(peer: Peer, has: ObservedPeer, steadySeconds: number): Touch[] {
  const isMisplaced = peer.endpoint !== undefined && peer.endpoint !== has.endpoint &&
    !isRoaming(has, steadySeconds);
  const args: string[] = [];
  const reasons: string[] = [];
  if (isMisplaced) {
    args.push("endpoint", peer.endpoint!);
    reasons.push(`endpoint is ${has.endpoint ?? "unknown"}`);
  }
  if (has.keepaliveSeconds !== 0) {
    args.push("persistent-keepalive", "off");
    reasons.push(`keepalive is ${has.keepaliveSeconds} s`);
  }
  if (has.hasPresharedKey) {
    args.push(...NO_PRESHARED_KEY);
    reasons.push("it has a preshared key");
  }
  if (args.length === 0) return [];
  const text = isMisplaced ? `endpoint ${peer.endpoint}` : "no keepalive, no preshared key";
  return [{
    peer: isMisplaced ? peer : { ...peer, endpoint: has.endpoint },
    change: { op: "~", kind: "peer", target: peer.node, text, reason: reasons.join(", ") },
    args: ["peer", peer.publicKey, ...args],
  }];
}

function touchStep(name: string, touched: readonly Touch[]): Step[] {
  if (touched.length === 0) return [];
  return [{
    part: "wireguard",
    stage: STAGE.deletions,
    needs: ["link"],
    changes: touched.map(({ change }) => change),
    actions: wgSet(name, touched.map(({ args }) => args)),
    confirms: { peers: { set: touched.map(({ peer }) => peer), removed: [] } },
  }];
}

function removeStep(name: string, keys: readonly string[]): Step[] {
  if (keys.length === 0) return [];
  return [{
    part: "wireguard",
    stage: STAGE.deletions,
    needs: ["link"],
    changes: keys.map((key): Change => ({
      op: "-",
      kind: "peer",
      target: key,
      text: key,
      reason: "not wanted",
    })),
    actions: wgSet(name, keys.map((key) => ["peer", key, "remove"])),
    confirms: { peers: { set: [], removed: keys } },
  }];
}

function wgSet(name: string, peers: readonly (readonly string[])[]): Action[] {
  const actions: Action[] = [];
  for (let i = 0; i < peers.length; i += PEERS_PER_COMMAND) {
    actions.push({
      kind: "run",
      program: "wg",
      args: ["set", name, ...peers.slice(i, i + PEERS_PER_COMMAND).flat()],
    });
  }
  return actions;
}
