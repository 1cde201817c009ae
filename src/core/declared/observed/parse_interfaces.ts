// Output of `ip -N -j -d address show` -> interfaces by name.

import { parseAddress } from "../../net/address.ts";
import { refused } from "../../net/refusal.ts";
import { addressOn } from "../interface_address.ts";
import { LONGEST_AGE_SECONDS, vxlanWords } from "../want/vxlan_words.ts";
import { DECLARED_GROUP, type ObservedInterface } from "./observed_interfaces.ts";

interface AddressJson {
  readonly local?: string;
  /** Of the other end. */
  readonly address?: string;
  readonly prefixlen?: number;
  readonly noprefixroute?: boolean;
  /** Who gave it, of kernels since 5.18: a number with `0x`, linux/if_addr.h. */
  readonly protocol?: string;
  /** A lifetime that ends: a router or a DHCP client gave it. */
  readonly dynamic?: boolean;
  readonly "stable-privacy"?: boolean;
}

interface VxlanJson {
  readonly id?: number;
  readonly link?: string;
  readonly local?: string;
  readonly local6?: string;
  readonly group?: string;
  readonly group6?: string;
  readonly remote?: string;
  readonly remote6?: string;
  readonly port?: number;
  readonly port_range?: { readonly low?: number; readonly high?: number };
  readonly learning?: boolean;
  readonly ageing?: number;
  readonly proxy?: boolean;
  readonly ttl?: number;
  /** A number, or a text with `0x`. */
  readonly tos?: number | string;
}

interface TunJson {
  /** `tun` or `tap`. */
  readonly type?: string;
  readonly persist?: boolean;
  /** For whom it is. */
  readonly user?: unknown;
  readonly group?: unknown;
}

interface InterfaceJson {
  readonly ifname?: string;
  readonly ifindex?: number;
  /** That of the other end, where it is elsewhere. */
  readonly link_index?: number;
  readonly ifalias?: string;
  /** Its hardware address. */
  readonly address?: string;
  /** A number. */
  readonly group?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly master?: string;
  /** What it stands on; of a pair the other end, where that is here. */
  readonly link?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: VxlanJson & TunJson };
  readonly addr_info?: readonly AddressJson[];
}

/**
 * Reads the interfaces of a network namespace.
 * @throws SyntaxError when ip printed no list
 */
export function parseInterfaces(json: string): ReadonlyMap<string, ObservedInterface> {
  const list: unknown = JSON.parse(json);
  if (!Array.isArray(list)) throw new SyntaxError("ip printed no JSON list");
  const interfaces = (list as InterfaceJson[]).filter(({ ifname }) => ifname !== undefined);
  return new Map(interfaces.map((it) => [it.ifname!, interfaceOf(it)]));
}

function interfaceOf(json: InterfaceJson): ObservedInterface {
  const kind = json.linkinfo?.info_kind ?? "physical";
  return {
    name: json.ifname!,
    isOurs: json.group === String(DECLARED_GROUP),
    kind,
    alias: json.ifalias ?? "",
    mtuBytes: json.mtu ?? 0,
    isUp: json.flags?.includes("UP") ?? false,
    master: json.master,
    other: kind === "veth" ? json.link : undefined,
    ...(kind === "veth" && { index: json.ifindex, otherIndex: json.link_index }),
    words: kind === "vxlan" ? wordsOf(json.linkinfo?.info_data ?? {}) : undefined,
    addresses: new Set(json.addr_info?.filter((it) => !isGiven(it, json)).flatMap(textOf)),
    given: new Set(json.addr_info?.filter((it) => isGiven(it, json)).flatMap(textOf)),
    ...(isBlankTun(json) && { blankTun: json.linkinfo?.info_data?.persist ? "kept" : "held" } as const),
  };
}

function isBlankTun(
  { linkinfo, group, flags = [], ifalias, addr_info = [], master }: InterfaceJson,
): boolean {
  const { type, user, group: reserved } = linkinfo?.info_data ?? {};
  return linkinfo?.info_kind === "tun" && type === "tun" && user === undefined && reserved === undefined &&
    group === "0" && ifalias === undefined && master === undefined && addr_info.length === 0 &&
    !flags.includes("UP");
}

/** IFAPROT_KERNEL_RA and IFAPROT_KERNEL_LL. */
const KERNELS: readonly string[] = ["0x2", "0x3"];

/** Not by us, nor by anybody who wants it to stay: it comes and goes with the interface. */
function isGiven(
  { protocol, dynamic, local = "", ...it }: AddressJson,
  { address }: InterfaceJson,
): boolean {
  return KERNELS.includes(protocol ?? "") || dynamic === true ||
    it["stable-privacy"] === true || local.startsWith("fe80:") && local === linkLocalOf(address);
}

/** What the kernel makes of a hardware address: RFC 4291, appendix A. */
function linkLocalOf(hardware = ""): string | undefined {
  const bytes = hardware.split(":").map((text) => parseInt(text, 16));
  if (bytes.length !== 6 || bytes.some(Number.isNaN)) return undefined;
  const [a, b, c, d, e, f] = bytes as [number, number, number, number, number, number];
  const groups = [(a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f];
  const address = parseAddress(`fe80::${groups.map((group) => group.toString(16)).join(":")}`);
  return refused(address) ? undefined : address.text;
}

function textOf({ local, address, prefixlen, noprefixroute }: AddressJson): string[] {
  const own = parseAddress(local);
  const other = parseAddress(address);
  if (refused(own) || prefixlen === undefined) return [];
  const peer = refused(other) ? undefined : other;
  return [addressOn(own, { peer, length: prefixlen, noPrefixRoute: noprefixroute === true }).text];
}

/** The kernel tells of what nobody has set as 0, or not at all. */
function wordsOf(json: VxlanJson): string {
  const { port_range: { low = 0, high = 0 } = {}, tos = 0 } = json;
  const multicast = json.group ?? json.group6;
  return vxlanWords({
    vni: json.id ?? 0,
    dev: json.link,
    local: json.local ?? json.local6,
    group: multicast ?? json.remote ?? json.remote6,
    isMulticast: multicast !== undefined,
    port: json.port ?? 0,
    portRange: low === 0 && high === 0 ? undefined : [low, high],
    isLearning: json.learning !== false,
    isAgeing: json.ageing !== LONGEST_AGE_SECONDS,
    isProxy: json.proxy === true,
    ttl: json.ttl === 0 ? undefined : json.ttl,
    tos: Number(tos),
  });
}
