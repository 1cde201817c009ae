// The table of interfaces that wrap packets of pods: a line for each transport that has one of its own.

import type { GivenSettings } from "../settings/settings.ts";
import { GRE_KIND } from "./gre/gre.ts";
import { ipsecUdpInterface } from "./ipsec/names.ts";
import type { OverlayKind, TunnelJson } from "./transport.ts";
import { VXLAN_KIND } from "./vxlan/vxlan.ts";

/** By their medium. */
export const OVERLAY_KINDS = { vxlan: VXLAN_KIND, gre: GRE_KIND } as const satisfies Record<
  string,
  OverlayKind
>;
/** A medium that has its own interface. */
export type OverlayMedium = keyof typeof OVERLAY_KINDS;

/** All of their names, and that of the one by which ESP goes in UDP. */
export function overlayNames(settings: Pick<GivenSettings, "interfaceName">): string[] {
  return [...Object.values(OVERLAY_KINDS).map(({ nameOf }) => nameOf(settings)), ipsecUdpInterface(settings)];
}

/** True for a medium that has its own interface. */
export function isOverlayMedium(medium: string | undefined): medium is OverlayMedium {
  return medium !== undefined && medium in OVERLAY_KINDS;
}

/** The medium of an interface of that kind. */
export function mediumOfKind(kind: string): OverlayMedium | undefined {
  return (Object.keys(OVERLAY_KINDS) as OverlayMedium[]).find((medium) =>
    kindOf(medium).kinds.includes(kind)
  );
}

/** What one that wraps by routes is, as ip tells of it; undefined: none of ours. */
export function overlayIn(kind: string, data: TunnelJson): { readonly isOdd: boolean } | undefined {
  const medium = mediumOfKind(kind);
  if (medium === undefined || !isOn(data.external) || !kindOf(medium).isOurs(data)) return undefined;
  return { isOdd: kindOf(medium).isOdd(data) };
}

function kindOf(medium: OverlayMedium): OverlayKind {
  return OVERLAY_KINDS[medium];
}

/** Of ip 6.15 flags may be null where they are on. */
function isOn(flag: boolean | null | undefined): boolean {
  return flag !== undefined && flag !== false;
}
