// The flowtable: which interfaces flows may enter it by. What is missing is named and left out.

import { isInterfaceName } from "../settings/grammar.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import type { Settings } from "../settings/settings.ts";
import type { DesiredFastpath, Waiting } from "./desired_state.ts";
import { hasIpvs, type HostFacts, LOOPBACK } from "./host_facts.ts";

/** What is wanted, and what stands in its way. */
export interface FastpathWish {
  readonly fastpath: DesiredFastpath | undefined;
  readonly waiting: readonly Waiting[];
}

/**
 * Computes the flowtable of this host. `render` knows no interface: it takes the names as they are given.
 * @param hasTunnel the tunnel's interface is wanted
 */
export function desireFastpath(settings: Settings, facts: HostFacts, hasTunnel: boolean): FastpathWish {
  if (!settings.isFlowtableEnabled) return { fastpath: undefined, waiting: [] };
  if (encryptsHosts(settings)) return { fastpath: undefined, waiting: [UNMARKED] };
  if (hasIpvs(facts)) return { fastpath: undefined, waiting: [UNTRANSLATED] };
  const { interfaces } = facts;
  const { flowtableDevices: chosen, interfaceName } = settings;
  const present = new Set(interfaces.map(({ name }) => name).filter((name) => name !== LOOPBACK));
  if (hasTunnel) present.add(interfaceName);
  const names = chosen === "auto" ? [...present].filter(isInterfaceName) : chosen;
  const devices = interfaces.length === 0 ? names : names.filter((name) => present.has(name));
  const waiting = names.filter((name) => !devices.includes(name)).map((name): Waiting => ({
    what: `flowtable on ${name}`,
    why: "this host has no interface of that name: it is left out",
    next: `ip link shows what there is; mend FLOWTABLE_DEVICES, or set it to auto`,
  }));
  const fastpath = { devices: [...new Set(devices)].sort(), packets: settings.flowtablePackets };
  return { fastpath: devices.length === 0 ? undefined : fastpath, waiting };
}

/**
 * IPVS gives conntrack another end for the answers and no sign of a translation: an entry of the flowtable would send what
 * is for a Service to a pod as it is (net/netfilter/ipvs/ip_vs_nfct.c, nf_flow_table_core.c: fill_dir).
 */
const UNTRANSLATED: Waiting = {
  what: "flowtable",
  why: "kube-proxy is in IPVS mode: what it translates must not take a way of its own",
  next: "set ENABLE_FLOWTABLE=false, or run kube-proxy in another mode",
};

/**
 * An entry asks neither for the mark nor our last check behind it, and the way of answers is looked up with the mark of the packet
 * that made it, which may be another one (nft_flow_offload.c: nft_flow_route).
 */
const UNMARKED: Waiting = {
  what: "flowtable",
  why:
    "HOST_ENCRYPTION is require: by the short cut what is for another node's address would leave beside the tunnel",
  next: "set ENABLE_FLOWTABLE=false",
};
