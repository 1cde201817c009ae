// By what this host sent before: its routes say it, or the table for whoever is killed while others have not heard
// that it is back in the tunnel, or in the clear another way. They send so until then.

import type { Family } from "../net/address.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import { familySettings, type GivenSettings } from "../settings/settings.ts";
import { isWrapping } from "./clear_peers.ts";
import { ipsecInterface } from "./ipsec/names.ts";
import { MOST_PACKETS } from "./ipsec/rollover.ts";
import { isOurXfrm } from "./ipsec/xfrm_text.ts";
import { mediumOfKind, OVERLAY_KINDS, type OverlayMedium } from "./overlay_kinds.ts";
import type { Transport } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

const FAMILIES: readonly Family[] = [4, 6];
const OVERLAY_MEDIA = Object.keys(OVERLAY_KINDS) as OverlayMedium[];

/** What a host is found with. */
type Found = Pick<ObservedState, "routes" | "table" | "overlay" | "leftOverlay" | "ipsec">;

/** The transport for each family that has come to another one: from beside the tunnel, or from that to another one that encrypts. */
export type Former = Partial<Record<Family, "wireguard" | "direct" | "ipsec" | OverlayMedium>>;

/**
 * What an agent that starts finds; undefined: nothing that it does not want itself.
 * @param observed routes of our protocol, what the table still accepts, and interfaces that wrap, which stand for as long
 */
export function formerTransports(
  settings: GivenSettings,
  observed: Found,
): Former | undefined {
  const [v4, v6] = FAMILIES.map((family) => TRANSPORTS[familySettings(settings, family).transport]);
  const wanted = [v4?.medium, v6?.medium];
  const isSecured = !encryptsHosts(settings) && maySecure(observed, wanted);
  const former: Former = {};
  for (const family of FAMILIES) {
    const { medium, isEncrypted } = (family === 4 ? v4 : v6)!;
    if (medium === undefined) continue;
    if (isEncrypted) {
      // It takes nothing in the clear, but goes on by the tunnel for a while.
      if (isTunnelled(observed, family, settings)) former[family] = "wireguard";
      continue;
    }
    const standing = standingIn(observed, wanted);
    // Where the other family has it, it tells nothing of this one.
    const isTold = medium === "tunnel" || !wanted.includes(standing);
    if (isTold && standing && accepts(observed, family, medium)) former[family] = standing;
    if (isSecured && wasBeside(observed, family)) former[family] = "ipsec";
    for (const text of observed.routes[family]) {
      const found = text.includes(" via ")
        ? "direct"
        : isSecured && isBy(text, ipsecInterface(settings))
        ? "ipsec"
        : wrapperIn(text, settings);
      if (found === undefined || found === medium) continue;
      former[family] = found;
      break;
    }
  }
  return Object.keys(former).length === 0 ? undefined : former;
}

/** True where all goes by the tunnel yet: not of one that starts anew, and sends to some by that only. */
function isTunnelled({ routes, ipsec }: Found, family: Family, { interfaceName }: GivenSettings): boolean {
  return ipsec?.link === undefined && routes[family].values().some((text) => isBy(text, interfaceName));
}

/** By which interface something may come in the clear: of two that wrap the one that nobody wants. */
function standingIn(
  { overlay, leftOverlay }: Found,
  wanted: readonly Transport["medium"][],
): OverlayMedium | "direct" | undefined {
  const links = [overlay, leftOverlay].filter((link) => link !== undefined);
  if (links.length === 0) return "direct";
  const media = links.map(({ kind }) => mediumOfKind(kind));
  return media.find((medium) => medium !== undefined && !wanted.includes(medium)) ?? media[0];
}

/**
 * True where the table takes something in the clear: for a host that is back in the tunnel only while others may not have heard of it. The last
 * one of a cluster to change has no route in the clear any more, and yet others send so.
 */
function accepts(
  { table, ipsec }: Pick<ObservedState, "table" | "ipsec">,
  family: Family,
  medium: Transport["medium"],
): boolean {
  if (ipsec?.link !== undefined) return false;
  return medium === "tunnel" ? hasMembers(table, [`late-v${family}`]) : wasBeside({ table }, family);
}

function wasBeside({ table }: Pick<Found, "table">, family: Family): boolean {
  return hasMembers(table, [`clear-v${family}`, `near-v${family}`]);
}

function hasMembers(table: Found["table"], sets: readonly string[]): boolean {
  return sets.some((name) => (table?.sets.get(name)?.size ?? 0) > 0);
}

/**
 * True where the kernel has what a former agent has made, and it may go on for a while: it numbers on by itself, under keys that nobody makes
 * again. Where the other family has it, it is that one's. (HOST_ENCRYPTION would lead ESP into the tunnel, by its mark.)
 */
function maySecure({ ipsec }: Found, wanted: readonly Transport["medium"][]): boolean {
  if (ipsec?.link === undefined || !isOurXfrm(ipsec.link) || wanted.includes("ipsec")) return false;
  return ipsec.associations.every(({ packets }) => packets < MOST_PACKETS);
}

function isBy(route: string, name: string): boolean {
  return route.includes(` dev ${name} `);
}

function wrapperIn(text: string, settings: GivenSettings): OverlayMedium | undefined {
  if (!isWrapping(text)) return undefined;
  return OVERLAY_MEDIA.find((medium) => isBy(text, OVERLAY_KINDS[medium].nameOf(settings)));
}
