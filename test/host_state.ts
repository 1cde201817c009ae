// Observed states as tests need them: a host that has nothing, and one that has all that is wanted.

import { NO_POLICY } from "../src/core/observed/parse_policy.ts";
import type { DesiredState, OverlayLink } from "../src/core/desired/desired_state.ts";
import type {
  ObservedIpsec,
  ObservedLink,
  ObservedPeer,
  ObservedSecond,
  ObservedState,
} from "../src/core/observed/observed_state.ts";
import { LINK_KIND } from "../src/core/plan/diff_link.ts";
import { cniTarget } from "../src/core/plan/diff_cni.ts";
import { renderCni } from "../src/core/render/render_network.ts";
import { renderStructure } from "../src/core/render/render_table.ts";

/** A host on which the agent has never run. */
export const EMPTY_HOST: ObservedState = {
  link: undefined,
  wireguard: undefined,
  userspacePids: [],
  routes: { 4: new Set(), 6: new Set() },
  table: undefined,
  reference: "",
  fastpath: undefined,
  fastpathReference: undefined,
  cni: { text: undefined, linkTarget: undefined },
};

/** A host in sync. */
export function hostOf(desired: DesiredState): ObservedState {
  const { link, table, fastpath, cni } = desired;
  const keepaliveSeconds = link?.keepaliveSeconds ?? 0;
  const structure = renderStructure(table);
  const sets = Object.entries(table.sets).map(([name, members]) => [name, new Set(members)] as const);
  const routes = (family: 4 | 6) =>
    new Set(desired.routes.filter((route) => route.family === family).map(({ text }) => text));
  const { link: overlay, left: { link: leftOverlay } = {} } = desired.overlay;
  return {
    ...(overlay && { overlay: overlayOf(overlay) }),
    ...(leftOverlay && { leftOverlay: overlayOf(leftOverlay) }),
    ...(desired.ipsec.link && { ipsec: ipsecOf(desired.ipsec.link) }),
    link: link && {
      kind: LINK_KIND[link.implementation],
      mtuBytes: link.mtuBytes,
      isUp: true,
      addresses: new Set(link.addresses),
    },
    wireguard: link && {
      publicKey: link.publicKey ?? "(unknown)",
      port: link.port,
      hasMark: false,
      peers: new Map(
        desired.peers.map(({ publicKey, endpoint, allowedIps }) =>
          [publicKey as string, { publicKey, endpoint, allowedIps, ...QUIET, keepaliveSeconds }] as const
        ),
      ),
    },
    userspacePids: [],
    routes: { 4: routes(4), 6: routes(6) },
    table: {
      hasFlags: false,
      structure,
      sets: new Map(sets),
      policy: NO_POLICY,
    },
    reference: structure,
    fastpath: fastpath && { hasFlags: false, structure: "", devices: new Set(fastpath.devices) },
    fastpathReference: fastpath && "",
    cni: cni === undefined
      ? EMPTY_HOST.cni
      : { text: renderCni(cni), linkTarget: cniTarget(desired.cniPath) },
  };
}

function overlayOf({ kind, port, mtuBytes, addresses }: OverlayLink): ObservedLink {
  return {
    ...{ kind, mtuBytes, isUp: true, isExternal: true, addresses: new Set(addresses) },
    ...(port !== undefined && { vxlanPort: port }),
  };
}

/** With no associations yet, nor policies. */
function ipsecOf({ mtuBytes, addresses }: NonNullable<DesiredState["ipsec"]["link"]>): ObservedIpsec {
  return {
    link: { kind: "xfrm", ifId: 146, mtuBytes, isUp: true, addresses: new Set(addresses) },
    associations: [],
    policies: new Map(),
    unchecked: [],
    used: new Set(),
    retired: new Set(),
    patientSeconds: Infinity,
    wallSeconds: 0,
  };
}

/** A peer that has said nothing, and of which nothing is set. */
export const QUIET: Omit<ObservedPeer, "publicKey" | "endpoint" | "allowedIps"> = {
  handshakeSeconds: 0,
  aliveSeconds: -Infinity,
  receivedBytes: 0,
  sentBytes: 0,
  keepaliveSeconds: 0,
  hasPresharedKey: false,
  isRoamed: false,
  isProven: false,
  silence: undefined,
  choice: undefined,
};

/** The second interface as it is wanted while a peer rotates from one key to the next, with a session of now by that. */
export function secondOf(
  host: ObservedState,
  { key, nextKey, nowSeconds }: {
    readonly key: string;
    readonly nextKey: string;
    readonly nowSeconds: number;
  },
): { readonly second: ObservedSecond; readonly has: ObservedPeer } {
  const has: ObservedPeer = {
    ...host.wireguard!.peers.get(key)!,
    publicKey: nextKey,
    endpoint: "10.9.1.2:24602",
    handshakeSeconds: 9,
    aliveSeconds: nowSeconds,
  };
  const second: ObservedSecond = {
    link: { ...host.link!, isNext: true },
    wireguard: { ...host.wireguard!, port: 24602, peers: new Map([[nextKey, has]]) },
    userspacePids: [],
    heard: new Map([[nextKey, {
      ...{ handshakeSeconds: 9, receivedBytes: 500, toldSeconds: -Infinity },
      ...{ lastSeconds: nowSeconds, readSeconds: nowSeconds, times: 1 },
    }]]),
    sinceSeconds: 0,
  };
  return { second, has };
}
