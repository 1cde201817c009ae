// Output of `wg show NAME dump` and `ip -j` -> ObservedState parts.

import { overlayIn } from "../transport/overlay_kinds.ts";
import type { TunnelJson } from "../transport/transport.ts";
import type { Family } from "../net/address.ts";
import { ownText } from "../net/own_text.ts";
import { comparePrefixes, parsePrefix, type Prefix } from "../net/prefix.ts";
import { refused } from "../net/refusal.ts";
import { ROUTE_PROTOCOL } from "../desired/desired_state.ts";
import { NEXT_GROUP } from "../rotation/names.ts";
import { followPeer } from "./follow_peer.ts";
import type { Now, ObservedLink, ObservedPeer, ObservedWireguard } from "./observed_state.ts";

/**
 * Reads `wg show NAME dump`. The private and preshared keys in it are dropped at once.
 * @param last the previous state: tells an endpoint that moved with the peer's packets from one that somebody set, and
 * since when a handshake is known
 * @throws SyntaxError when a line has not the fields that wg prints
 */
export function parseWireguard(
  dump: string,
  last: ObservedWireguard | undefined,
  now: Now,
): ObservedWireguard {
  const [head, ...lines] = dump.split("\n");
  const peers = lines.filter((line) => line !== "").map((line) => parsePeer(line, last, now));
  return { ...parseInterface(head!), peers: new Map(peers.map((peer) => [peer.publicKey, peer])) };
}

/**
 * The first line of the dump, without its private key.
 * @throws SyntaxError
 */
export function parseInterface(line: string): Omit<ObservedWireguard, "peers"> {
  const [, publicKey, port, mark] = line.split("\t");
  if (publicKey === undefined || !/^\d+$/.test(port ?? "")) {
    throw new SyntaxError("wg printed no interface line");
  }
  return { publicKey: ownText(publicKey), port: Number(port), hasMark: mark !== "off" };
}

/**
 * A line of a peer.
 * @returns the identical value where it says what is known already
 * @throws SyntaxError
 */
export function parsePeer(line: string, state: ObservedWireguard | undefined, now: Now): ObservedPeer {
  const [publicKey, presharedKey, endpoint, allowed, handshake, received, sent, keepalive] = line.split("\t");
  if (publicKey === undefined || keepalive === undefined) {
    throw new SyntaxError("wg printed an incomplete peer line");
  }
  const last = state?.peers.get(publicKey);
  const known = endpoint === "(none)" ? undefined : endpoint;
  const sight = {
    endpoint: known === last?.endpoint ? last?.endpoint : known && ownText(known),
    handshakeSeconds: Number(handshake),
    receivedBytes: Number(received),
    sentBytes: Number(sent),
  };
  const peer: ObservedPeer = {
    publicKey: last?.publicKey ?? ownText(publicKey),
    ...sight,
    allowedIps: allowed === last?.allowedIps ? last!.allowedIps : canonicalAllowedIps(allowed!),
    keepaliveSeconds: keepalive === "off" ? 0 : Number(keepalive),
    hasPresharedKey: presharedKey !== "(none)",
    ...followPeer(last, sight, now),
  };
  return last !== undefined && isSame(last, peer) ? last : peer;
}

/** What is at rest keeps its value: thousands that are made anew every few seconds are all the collector's work. */
function isSame(a: ObservedPeer, b: ObservedPeer): boolean {
  return a.publicKey === b.publicKey && a.endpoint === b.endpoint && a.allowedIps === b.allowedIps &&
    a.handshakeSeconds === b.handshakeSeconds && a.receivedBytes === b.receivedBytes &&
    a.sentBytes === b.sentBytes && a.keepaliveSeconds === b.keepaliveSeconds &&
    a.hasPresharedKey === b.hasPresharedKey && a.isRoamed === b.isRoamed && a.isProven === b.isProven;
}

function canonicalAllowedIps(text: string): string {
  if (text === "(none)") return "";
  const prefixes = text.split(",").map(parsePrefix).filter((prefix): prefix is Prefix => !refused(prefix));
  return prefixes.sort(comparePrefixes).map((prefix) => prefix.text).join(",");
}

interface LinkJson {
  readonly ifname?: string;
  readonly mtu?: number;
  /** A number, or what /etc/iproute2/group calls it. */
  readonly group?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    /** Of an xfrm `if_id` is `0x92`. */
    readonly info_data?: TunnelJson & { readonly if_id?: string };
  };
  /** Of a bridge, a bond or a VRF that has taken it. */
  readonly master?: string;
  readonly addr_info?: readonly {
    readonly scope?: string;
    readonly local?: string;
    readonly prefixlen?: number;
  }[];
}

/** Reads `ip -j -d address show dev NAME`; undefined when it lists nothing. */
export function parseLink(json: string): ObservedLink | undefined {
  const [link] = listOf(json) as LinkJson[];
  if (link?.ifname === undefined) return undefined;
  const global = (link.addr_info ?? []).filter(({ scope }) => scope === "global");
  return {
    kind: link.linkinfo?.info_kind ?? "physical",
    mtuBytes: link.mtu ?? 0,
    isUp: link.flags?.includes("UP") ?? false,
    addresses: new Set(global.map(({ local, prefixlen }) => `${local}/${prefixlen}`)),
    ...(isOfNextGroup(link) && { isNext: true }),
    ...externalOf(link),
    ...(link.linkinfo?.info_data?.if_id !== undefined && { ifId: Number(link.linkinfo.info_data.if_id) }),
  };
}

function externalOf(
  { linkinfo, master }: LinkJson,
): Pick<ObservedLink, "isExternal" | "vxlanPort" | "isOdd"> {
  const { info_kind: kind = "", info_data: data = {} } = linkinfo ?? {};
  const overlay = overlayIn(kind, data);
  if (overlay === undefined) return {};
  return {
    isExternal: true,
    ...(data.port !== undefined && { vxlanPort: data.port }),
    ...((overlay.isOdd || master !== undefined) && { isOdd: true }),
  };
}

/** True for an interface, as ip tells of it, that has been made as our second one. */
export function isOfNextGroup({ group }: Pick<LinkJson, "group">): boolean {
  return group === String(NEXT_GROUP);
}

/** A route as ip tells of it. */
export interface ToldRoute {
  readonly type?: string | undefined;
  readonly dst: string;
  readonly tos?: string | undefined;
  readonly dev?: string | undefined;
  readonly gateway?: string | undefined;
  /** How packets are wrapped: `ip id 146 src 10.9.1.1 dst 10.9.1.2`. */
  readonly encap?: string | undefined;
  readonly prefsrc?: string | undefined;
  readonly metric?: number | undefined;
  /** `onlink` is one that was given with it; others say how its interface is. */
  readonly flags?: readonly string[] | undefined;
  /** Undefined: ours. */
  readonly protocol?: string | undefined;
}

/** Reads `ip -j -4|-6 route show proto 146`, or of another protocol: routes by their texts, as a desired one has it. */
export function parseRoutes(json: string, family: Family, protocol?: string): Set<string> {
  return new Set(
    (listOf(withOneDst(json)) as RouteJson[]).map(({ encap, ...route }) =>
      toldRouteText({ ...route, encap: encapText(encap), protocol }, family)
    ),
  );
}

/** As ip has it of a route that wraps, from some version between 6.1 and 6.15 on. */
interface EncapJson {
  readonly encap_type: string;
  readonly id: number;
  readonly src: string;
  readonly dst: string;
  readonly key?: true;
}

type RouteJson = Omit<ToldRoute, "encap"> & { readonly encap?: string | EncapJson };

function encapText(encap: RouteJson["encap"]): string | undefined {
  if (typeof encap !== "object") return encap?.trimEnd();
  const { encap_type, id, src, dst, key } = encap;
  return withoutAnySource(`${encap_type} id ${id} src ${src} dst ${dst}${key === undefined ? "" : " key"}`);
}

/** Before, a route that wraps had two fields `dst`. */
const WRAPPED =
  /"encap":"(ip6?)","id":(\d+),"src":"([^"]*)","dst":"([^"]*)","(?:ttl|hoplimit)":\d+,"(?:tos|tc)":\d+(?:,"(key)":true)?/g;

function withOneDst(json: string): string {
  if (!json.includes('"encap":')) return json;
  return withoutAnySource(json.replace(WRAPPED, '"encap":"$1 id $2 src $3 dst $4 $5"'));
}

/** As a desired route has it: without a source that the kernel is left to choose. */
export function withoutAnySource(text: string): string {
  return text.replaceAll(/ src (?:0\.0\.0\.0|::|any) dst /g, " dst ");
}

/** The text that a desired route has, with all that `ip route del` needs to find it. */
export function toldRouteText(route: ToldRoute, family: Family): string {
  const { type, dst, tos, dev, gateway, encap, prefsrc, metric, flags, protocol = ROUTE_PROTOCOL } = route;
  const isUnicast = type === undefined || type === "unicast";
  const implied = isUnicast ? (family === 4 ? 0 : 1024) : 0;
  const words: (string | number)[] = isUnicast ? [] : [type];
  words.push(dst.includes("/") || dst === "default" ? dst : `${dst}/${family === 4 ? 32 : 128}`);
  if (tos !== undefined) words.push("tos", tos);
  if (encap !== undefined) words.push("encap", encap);
  if (gateway !== undefined) words.push("via", gateway);
  if (isUnicast && dev !== undefined) words.push("dev", dev);
  if (flags?.includes("onlink")) words.push("onlink");
  words.push("proto", protocol);
  if (prefsrc !== undefined) words.push("src", prefsrc);
  if (metric !== undefined && metric !== implied) words.push("metric", metric);
  return words.join(" ");
}

/** `ip -j` prints nothing at all, or a list with empty objects, when it has nothing to list. */
function listOf(json: string): unknown[] {
  const list: unknown = json.trim() === "" ? [] : JSON.parse(json);
  if (!Array.isArray(list)) throw new SyntaxError("ip printed no JSON list");
  return list.filter((item) => typeof item === "object" && item !== null && Object.keys(item).length > 0);
}
