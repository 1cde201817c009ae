// The settings of what pods may send and receive, and with which addresses.

import { parsePrefix, type Prefix, withoutNested } from "../net/prefix.ts";
import { Refusal, refused } from "../net/refusal.ts";
import { unusablePodCidr } from "../net/scope.ts";
import { boolean, list, type Setting } from "./grammar.ts";

/** A part of the table of settings. */
export const TRAFFIC_SETTINGS = {
  masqueradeIpv4: boolean("MASQUERADE_IPV4", true, "Masquerade what pods send out of the pod network, IPv4."),
  masqueradeIpv6: boolean("MASQUERADE_IPV6", true, "The same for IPv6."),
  noMasqueradeCidrs: {
    env: "NO_MASQUERADE_CIDRS",
    fallback: "",
    accepts: "a comma-separated list of CIDRs",
    meaning:
      "Outside the pod network, and pods' packets go there with their own addresses: it needs routes back; the same on all nodes.",
    parse: parseUnmasqueraded,
  } satisfies Setting<readonly Prefix[]>,
  filterIpv4: boolean("FILTER_IPV4", false, "No new connections to pods from outside the pod network, IPv4."),
  filterIpv6: boolean("FILTER_IPV6", false, "The same for IPv6."),
  isStrict: boolean(
    "STRICT",
    true,
    "Packets to other nodes' pods leave by the tunnel, or the transport that is set, or not at all; a pod's address is believed of that pod and of these alone.",
  ),
  clusterPodCidrs: {
    env: "CLUSTER_POD_CIDRS",
    fallback: "",
    accepts: "a comma-separated list of CIDRs",
    meaning: "What the whole cluster's pods use; guarded even where no Node claims it yet.",
    parse: parsePodCidrs,
  } satisfies Setting<readonly Prefix[]>,
} as const;

function parsePodCidrs(text: string): readonly Prefix[] | Refusal {
  return parsePrefixes(text, unusablePodCidr);
}

function parseUnmasqueraded(text: string): readonly Prefix[] | Refusal {
  return parsePrefixes(
    text,
    ({ length, family, text }) =>
      length > 0 ? undefined : `${text} is everywhere, which MASQUERADE_IPV${family}=false says`,
  );
}

function parsePrefixes(
  text: string,
  unusable: (prefix: Prefix) => string | undefined,
): readonly Prefix[] | Refusal {
  const prefixes: Prefix[] = [];
  for (const item of list(text)) {
    const prefix = parsePrefix(item);
    if (refused(prefix)) return prefix;
    const reason = unusable(prefix);
    if (reason !== undefined) return new Refusal(reason);
    prefixes.push(prefix);
  }
  return withoutNested(prefixes);
}
