// Peers. Whatever is added starts the handshake itself (`greet`). A session that works is never touched.

import type { DesiredLink, DesiredState, Peer } from "../desired/desired_state.ts";
import { foundAsWanted, noteAsWanted } from "./found_as_wanted.ts";
import { equalEnds } from "../net/equal_ends.ts";
import type { ObservedPeer, ObservedState } from "../observed/observed_state.ts";
import { renderPeers } from "../render/render_network.ts";
import { greetingOf } from "./greeting.ts";
import { endpointFor, isFresh, keepaliveFor, NAT_KEEPALIVE_SECONDS } from "./choose_endpoint.ts";
import { type Action, type Change, type ConfirmedPeer, FEW, STAGE, type Step } from "./plan.ts";

/** An empty file removes it. */
const NO_PRESHARED_KEY = ["preshared-key", "/dev/null"];
/** Peers on one command line: far below the kernel's 2 MiB of arguments. */
const PEERS_PER_COMMAND = 1000;

/** Steps for the peers of the interface. */
export function diffPeers(
  { link, peers, spared }: Pick<DesiredState, "link" | "peers" | "spared">,
  observed: Pick<ObservedState, "link" | "wireguard">,
  steadySeconds: number,
): Step[] {
  if (link === undefined) return [];
  const state = observed.link === undefined ? undefined : observed.wireguard;
  const found = state?.peers ?? new Map<string, ObservedPeer>();
  // Of an interface that is made anew as another kind.
  const remembered = observed.link === undefined ? observed.wireguard?.peers : undefined;
  const replaced: Wish[] = [];
  const touched: Touch[] = [];
  const moment = { own: link.keepaliveSeconds, steadySeconds };
  const { start, end } = equalEnds(foundAsWanted(found, moment), peers);
  let known = start + end;
  const circumstances = { link, steadySeconds };
  for (const peer of peers.slice(start, peers.length - end)) {
    const has = found.get(peer.publicKey);
    if (has !== undefined) known++;
    const shown = withShown(peer, remembered?.get(peer.publicKey), steadySeconds);
    const wish = wishFor(shown, has, circumstances);
    if (has === undefined || has.allowedIps !== peer.allowedIps) replaced.push(wish);
    else touched.push(...touch(wish, has));
  }
  if (replaced.length + touched.length === 0 && known === found.size) noteAsWanted(found, peers, moment);
  const surplus = known === found.size
    ? []
    : without(found.keys(), peers).filter((key) => !spared?.peers.has(key));
  return [
    ...replaceStep(link.name, { replaced, isFirst: state === undefined }),
    ...touchStep(link.name, touched.filter(({ cause }) => cause === undefined)),
    ...touchStep(link.name, touched.filter(({ cause }) => cause !== undefined), "session"),
    ...removeStep(link.name, surplus),
  ];
}

/** The keys that no wanted peer has, sorted. */
function without(keys: Iterable<string>, peers: readonly Peer[]): string[] {
  const wanted = new Set<string>(peers.map(({ publicKey }) => publicKey));
  return [...keys].filter((key) => !wanted.has(key)).sort();
}

/** A session whose endpoint the peer itself has shown, and which lives: there it is, whatever its Node says. */
function withShown(peer: Peer, shown: ObservedPeer | undefined, steadySeconds: number): Peer {
  const isShown = shown?.endpoint !== undefined && shown.isRoamed && isFresh(shown, steadySeconds);
  return isShown ? { ...peer, endpoint: shown.endpoint } : peer;
}

/** What a peer shall be, given what it is. */
interface Wish {
  readonly peer: Peer;
  readonly has: ObservedPeer | undefined;
  /** Undefined: it stays where it is. */
  readonly endpoint: string | undefined;
  readonly keepaliveSeconds: number;
  readonly steadySeconds: number;
}

interface Circumstances {
  readonly link: DesiredLink;
  readonly steadySeconds: number;
}

function wishFor(peer: Peer, has: ObservedPeer | undefined, { link, steadySeconds }: Circumstances): Wish {
  const own = peer.keepaliveSeconds ?? link.keepaliveSeconds;
  if (has === undefined) {
    return { peer, has, endpoint: peer.endpoint, keepaliveSeconds: own ?? 0, steadySeconds };
  }
  const endpoint = endpointFor(peer, has, steadySeconds);
  const keepaliveSeconds = keepaliveFor(peer, has, { own, endpoint });
  return {
    peer,
    has,
    endpoint: endpoint === has.endpoint ? undefined : endpoint,
    keepaliveSeconds,
    steadySeconds,
  };
}

/** What the host has once a wish is granted. */
function confirmed({ peer, endpoint, keepaliveSeconds, steadySeconds }: Wish): ConfirmedPeer {
  const { publicKey, allowedIps } = peer;
  const choice = { preferred: peer.candidates[0] ?? "", sinceSeconds: steadySeconds, isAnswered: false };
  return { publicKey, allowedIps, keepaliveSeconds, ...(endpoint === undefined ? {} : { endpoint, choice }) };
}

interface Replacement {
  readonly replaced: readonly Wish[];
  /** The interface has not even a key yet. */
  readonly isFirst: boolean;
}

function replaceStep(name: string, { replaced, isFirst }: Replacement): Step[] {
  if (replaced.length === 0) return [];
  const changes = replaced.map(({ peer, has, endpoint }): Change => {
    const place = endpoint ?? has?.endpoint ?? "an endpoint that it must show";
    const text = `${peer.publicKey} at ${place} for ${peer.allowedIps || "no addresses"}`;
    const reason = has === undefined ? "missing" : `allowed IPs are ${has.allowedIps || "none"}`;
    return { op: has === undefined ? "+" : "~", kind: "peer", target: peer.node, text, reason };
  });
  const areFew = replaced.length <= FEW;
  const peers = replaced.map(({ peer: { publicKey }, keepaliveSeconds }) => ({
    publicKey,
    keepaliveSeconds,
  }));
  return [{
    part: "wireguard",
    stage: areFew && isFirst ? STAGE.configure : STAGE.tunnel,
    needs: ["link"],
    changes,
    actions: [
      ...(areFew ? wgSet(name, replaced.map(replacement)) : addMany(name, replaced)),
      { kind: "greet", interfaceName: name, hasBegun: areFew, peers },
    ],
    confirms: { peers: { set: replaced.map(confirmed), removed: [] } },
  }];
}

/** A keepalive that is turned on sends a packet at once, and with it the handshake (docs/decisions/0011). */
function replacement({ peer: { publicKey, allowedIps }, has, endpoint, keepaliveSeconds }: Wish): string[] {
  return [
    ...["peer", publicKey],
    ...(has?.hasPresharedKey ? NO_PRESHARED_KEY : []),
    ...(endpoint === undefined ? [] : ["endpoint", endpoint]),
    ...["allowed-ips", allowedIps],
    ...greetingOf(publicKey, keepaliveSeconds).slice(2),
  ];
}

/** Those of hundreds are longer than arguments can be; handshakes with them begin later, some at a time. */
function addMany(name: string, replaced: readonly Wish[]): Action[] {
  const secret = replaced.filter(({ has }) => has?.hasPresharedKey);
  const sections = replaced.map(({ peer, endpoint, keepaliveSeconds }) => ({
    ...peer,
    endpoint,
    keepaliveSeconds,
  }));
  return [
    { kind: "run", program: "wg", args: ["addconf", name], input: renderPeers(sections) },
    ...wgSet(name, secret.map(({ peer }) => ["peer", peer.publicKey, ...NO_PRESHARED_KEY])),
  ];
}

interface Touch {
  readonly wish: Wish;
  readonly change: Change;
  readonly args: readonly string[];
  readonly cause: Step["cause"];
}

/**
 * Nobody is greeted who moves on to another endpoint: WireGuard starts no two handshakes within five seconds, and while
 * it tries one starts every five seconds anyway. To greet would make it try for ever.
 */
function touch(wish: Wish, has: ObservedPeer): Touch[] {
  const { peer, endpoint, keepaliveSeconds } = wish;
  // Of thousands nearly all, each few seconds.
  if (endpoint === undefined && has.keepaliveSeconds === keepaliveSeconds && !has.hasPresharedKey) return [];
  const args: string[] = [];
  const texts: string[] = [];
  const reasons: string[] = [];
  const isSilent = has.silence !== undefined;
  if (endpoint !== undefined) {
    args.push("endpoint", endpoint);
    texts.push(`endpoint ${endpoint}`);
    reasons.push(isSilent ? `${has.endpoint} does not answer` : `endpoint is ${has.endpoint ?? "unknown"}`);
  }
  if (has.keepaliveSeconds !== keepaliveSeconds) {
    // One that is on already waits for the end of its interval: only one that is turned on sends at once.
    if (has.keepaliveSeconds !== 0 && keepaliveSeconds !== 0) {
      args.push("persistent-keepalive", "off", "peer", peer.publicKey);
    }
    args.push("persistent-keepalive", keepaliveSeconds === 0 ? "off" : String(keepaliveSeconds));
    texts.push(keepaliveSeconds === 0 ? "no keepalive" : `a keepalive every ${keepaliveSeconds} s`);
    reasons.push(keepaliveReason(wish, has));
  }
  if (has.hasPresharedKey) {
    args.push(...NO_PRESHARED_KEY);
    texts.push("no preshared key");
    reasons.push("it has a preshared key");
  }
  const change: Change = {
    op: "~",
    kind: "peer",
    target: peer.node,
    text: texts.join(", "),
    reason: reasons.join(", "),
  };
  const cause = isSilent || isOfNat(wish, has) ? "session" : undefined;
  return [{ wish, change, args: ["peer", peer.publicKey, ...args], cause }];
}

/** The keepalive that comes and goes with a peer's place. */
function isOfNat({ endpoint, keepaliveSeconds }: Wish, has: ObservedPeer): boolean {
  const pair = [has.keepaliveSeconds, keepaliveSeconds];
  return endpoint === undefined && pair.includes(0) && pair.includes(NAT_KEEPALIVE_SECONDS);
}

function keepaliveReason({ peer, keepaliveSeconds }: Wish, has: ObservedPeer): string {
  const isMoved = has.endpoint !== undefined && !peer.candidates.includes(has.endpoint);
  if (isMoved && keepaliveSeconds === NAT_KEEPALIVE_SECONDS) return `it is seen at ${has.endpoint}`;
  return `keepalive is ${has.keepaliveSeconds === 0 ? "off" : `${has.keepaliveSeconds} s`}`;
}

function touchStep(name: string, touched: readonly Touch[], cause?: "session"): Step[] {
  if (touched.length === 0) return [];
  return [{
    part: "wireguard",
    stage: STAGE.deletions,
    needs: ["link"],
    ...(cause === undefined ? {} : { cause }),
    changes: touched.map(({ change }) => change),
    actions: wgSet(name, touched.map(({ args }) => args)),
    confirms: { peers: { set: touched.map(({ wish }) => confirmed(wish)), removed: [] } },
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
