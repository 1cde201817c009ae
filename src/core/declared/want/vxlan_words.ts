// What makes a VXLAN the one that is wanted, as words of `ip link add ... type`: said by an object, and told by the kernel.

import type { Address } from "../../net/address.ts";
import type { NetlinkSpec } from "../kinds/netlink_interface.ts";
import { isMulticast } from "../schema/texts.ts";
import type { WantedKind } from "./wanted_interface.ts";

type Spec = NonNullable<NetlinkSpec["vxlan"]>;

/** What a VXLAN is made with; none of it can be changed afterwards, so that another is another interface. */
export interface Vxlan {
  readonly vni: number;
  readonly dev: string | undefined;
  readonly local: string | undefined;
  readonly group: string | undefined;
  readonly isMulticast: boolean;
  readonly port: number;
  readonly portRange: readonly number[] | undefined;
  readonly isLearning: boolean;
  readonly isAgeing: boolean;
  readonly isProxy: boolean;
  readonly ttl: number | undefined;
  readonly tos: number | undefined;
}

/** drivers/net/vxlan: outer Ethernet, IP, UDP and VXLAN; a longer MTU than that leaves of its device's the kernel refuses. */
const HEADROOM_BYTES = { 4: 50, 6: 70 } as const;

/** The VXLAN that an object asks for. */
export function vxlanLink(spec: Spec): Extract<WantedKind, { kind: "vxlan" }> {
  const { vni, dev, port, local, group } = spec;
  const family = (local ?? group)?.family ?? 4;
  // Both families may have the same numbers, and so may devices where the ends are link-local.
  const isOfDevice = group !== undefined && isLinkLocal(group);
  return {
    kind: "vxlan",
    words: vxlanWords(vxlanOf(spec)),
    dev,
    port,
    segment: `VNI ${vni} at port ${port}${family === 6 ? " of IPv6" : ""}${isOfDevice ? ` on ${dev}` : ""}`,
    headroomBytes: HEADROOM_BYTES[family],
  };
}

function isLinkLocal({ family, value }: Address): boolean {
  return family === 6 && value >> 118n === 0x3fan;
}

/** What an object says of its VXLAN. */
function vxlanOf(spec: Spec): Vxlan {
  const text = (address: Address | undefined) => address?.text;
  return {
    vni: spec.vni,
    dev: spec.dev,
    local: text(spec.local),
    group: text(spec.group),
    isMulticast: spec.group !== undefined && isMulticast(spec.group),
    port: spec.port,
    portRange: spec.portRange,
    isLearning: !spec.noLearning,
    isAgeing: !spec.noAge,
    isProxy: spec.proxyARP,
    ttl: spec.ttl,
    tos: spec.tos,
  };
}

/**
 * The kernel takes 0 for its default, 300 s; that many, times the thousand jiffies that a second has at most, are within 31 bits
 * (drivers/net/vxlan: age_interval * HZ).
 */
export const LONGEST_AGE_SECONDS = 2_000_000;

/** One text for what is the same. */
export function vxlanWords(vxlan: Vxlan): string {
  const { vni, dev, local, group, port, portRange, ttl, tos } = vxlan;
  return [
    `vxlan id ${vni}`,
    ...(dev === undefined ? [] : [`dev ${dev}`]),
    ...(local === undefined ? [] : [`local ${local}`]),
    ...(group === undefined ? [] : [`${vxlan.isMulticast ? "group" : "remote"} ${group}`]),
    `dstport ${port}`,
    ...(portRange === undefined ? [] : [`srcport ${portRange.join(" ")}`]),
    ...(ttl === undefined ? [] : [`ttl ${ttl}`]),
    // As a hexadecimal number: ip takes 16 for 22.
    ...(tos === undefined || tos === 0 ? [] : [`tos 0x${tos.toString(16)}`]),
    vxlan.isLearning ? "learning" : "nolearning",
    ...(vxlan.isAgeing ? [] : [`ageing ${LONGEST_AGE_SECONDS}`]),
    ...(vxlan.isProxy ? ["proxy"] : []),
  ].join(" ");
}
