// DesiredState -> texts for wg, ip and the CNI runtime.

import type { DesiredCni, DesiredState, Peer } from "../desired/desired_state.ts";

/** A peer as a section says it. */
export interface PeerSection extends Pick<Peer, "node" | "publicKey" | "allowedIps"> {
  /** Undefined: nothing is said of it, nor changed. */
  readonly endpoint: string | undefined;
  /** 0: off; undefined: nothing is said of it. */
  readonly keepaliveSeconds?: number | undefined;
}

/** Peer sections for `wg addconf`, which replaces the allowed IPs of the peers that it names and leaves the rest alone. */
export function renderPeers(peers: readonly PeerSection[]): string {
  return peers.map(({ node, publicKey, allowedIps, endpoint, keepaliveSeconds }) =>
    [
      "[Peer]",
      `# ${node}`,
      `PublicKey = ${publicKey}`,
      `AllowedIPs = ${allowedIps}`,
      ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
      ...(keepaliveSeconds === undefined ? [] : [`PersistentKeepalive = ${keepaliveSeconds || "off"}`]),
      "",
    ].join("\n")
  ).join("\n");
}

/** The whole WireGuard configuration but the private key, for people and for `wg addconf`. */
export function renderWireguard({ link, peers }: DesiredState): string {
  if (link === undefined) return "";
  const keepaliveSeconds = link.keepaliveSeconds || undefined;
  const sections = peers.map((peer) => ({ ...peer, keepaliveSeconds }));
  return `[Interface]\nListenPort = ${link.port}\n\n${renderPeers(sections)}`;
}

/** The conflist: the original's with `mtu`. host-local keeps its leases on a tmpfs: they end with the boot, as pods do. */
export function renderCni(cni: DesiredCni): string {
  const isIpv6 = (prefix: string) => prefix.includes(":");
  const routes = [
    ...(cni.podCidrs.some(isIpv6) ? [{ dst: "::/0" }] : []),
    ...(cni.podCidrs.every(isIpv6) ? [] : [{ dst: "0.0.0.0/0" }]),
  ];
  const ipam = {
    type: "host-local",
    routes,
    dataDir: "/run/cni-ipam-state",
    ranges: cni.podCidrs.map((subnet) => [{ subnet }]),
  };
  const attached = cni.bridge === undefined
    ? { type: "ptp" }
    : { type: "bridge", bridge: cni.bridge, isGateway: true, hairpinMode: true };
  const first = { ...attached, ...(cni.mtuBytes === undefined ? {} : { mtu: cni.mtuBytes }), ipam };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: "0.3.1", name: "wigglenet", plugins: [first, portmap] }, null, 2) +
    "\n";
}
