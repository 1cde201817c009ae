// A node forwards what pods send and get. The agent does not switch that on: it makes a router of a host, which takes away
// the default route that IPv6 has from router advertisements, and in a pod nobody may write it (docs/decisions/0031).

import type { Family } from "../net/address.ts";
import type { Waiting } from "./desired_state.ts";

/** The sysctl of a family. */
export const FORWARDING: Readonly<Record<Family, string>> = {
  4: "net.ipv4.ip_forward",
  6: "net.ipv6.conf.all.forwarding",
};

/** What to do where it is off. */
export function forwardingRemedy(family: Family): string {
  return `on the host, not in a pod: sysctl -w ${FORWARDING[family]}=1, and a file in /etc/sysctl.d`;
}

/** Announcements are heard by a host that forwards only where it is told so: without, its default route would go. */
const HEARD_BY_ROUTERS = 2;

/**
 * What switches forwarding on.
 * @param announced interfaces whose default route of IPv6 a router has announced
 */
export function forwardingSysctls(families: readonly Family[], announced: readonly string[]): string[] {
  return families.flatMap((family) => [
    // With slashes: a name may have a dot in it.
    ...(family === 6 ? announced.map((name) => `net/ipv6/conf/${name}/accept_ra=${HEARD_BY_ROUTERS}`) : []),
    `${FORWARDING[family]}=1`,
  ]);
}

const WHAT = /^IPv[46] forwarding$/;

/** What is told of the families of a node's pods in which its host forwards nothing. */
export function forwardingWaits(families: readonly Family[]): Waiting[] {
  return families.map((family) => ({
    what: `IPv${family} forwarding`,
    why: `${
      FORWARDING[family]
    } is 0: nothing gets to this node's pods or from them, nor through its NodePorts`,
    next: forwardingRemedy(family),
    isTrouble: true,
  }));
}

/** True for one of these. */
export function isForwardingWait(what: string): boolean {
  return WHAT.test(what);
}
