// What the host has of the bridge, and what its links say of its ports.

import type { ObservedLink } from "../observed/observed_state.ts";
import { parseLink } from "../observed/parse_network.ts";
import type { BridgeFacts } from "./desire_bridge.ts";
import { bridgeInterface, PORT_GROUP } from "./names.ts";

/** The bridge. */
export interface ObservedBridge {
  readonly link: ObservedBridgeLink | undefined;
  /** Its rules; undefined: there are none. */
  readonly table: { readonly hasFlags: boolean; readonly structure: string } | undefined;
  /** The wanted ones as this host's nft prints them; undefined: none are wanted. */
  readonly reference: string | undefined;
}

/** The interface of its name. */
export interface ObservedBridgeLink extends ObservedLink {
  /** Its MAC. */
  readonly hardwareAddress: string | undefined;
}

/** Reads `ip -j -d address show dev NAME`; undefined when it lists nothing. */
export function parseBridgeLink(json: string): ObservedBridgeLink | undefined {
  const link = parseLink(json);
  if (link === undefined) return undefined;
  const [{ address }] = JSON.parse(json) as [{ readonly address?: string }];
  return { ...link, hardwareAddress: address };
}

/** What `ip -j -d address show` tells of one of all links. */
export interface ToldLink {
  readonly ifname?: string;
  readonly master?: string;
  /** A number, or what /etc/iproute2/group calls it. */
  readonly group?: string;
}

/** The bridge as the links of a host show it; undefined: it has none, nor ports of one. */
export function bridgeIn(links: readonly ToldLink[], interfaceName: string): BridgeFacts | undefined {
  const bridge = bridgeInterface(interfaceName);
  const isStanding = links.some(({ ifname }) => ifname === bridge);
  const ports = links.flatMap(({ ifname, master, group }) => {
    const [isAttached, isKnown] = [master === bridge, group === String(PORT_GROUP)];
    // One that hangs on another's bridge now is another's.
    const isPort = ifname !== undefined && (isAttached || isKnown && master === undefined);
    return isPort ? [{ name: ifname, isAttached, isKnown }] : [];
  });
  return isStanding || ports.length > 0 ? { isStanding, ports } : undefined;
}
