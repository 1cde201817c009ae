// What the guard does not hold back: an operator is told, for nothing else on the node shows it.

import type { Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import { clearFamilies } from "../transport/own_transports.ts";
import { TRANSPORTS } from "../transport/transports.ts";
import { familySettings, type Settings } from "../settings/settings.ts";

/**
 * Pods whose packets may leave this node in the clear, a sentence for each family.
 * @param podCidrs of all Nodes
 * @param clusterPodCidrs those of CLUSTER_POD_CIDRS that are used
 */
export function unguarded(
  settings: Settings,
  podCidrs: readonly { readonly prefix: Prefix }[],
  clusterPodCidrs: readonly Prefix[],
): string[] {
  const families = ([4, 6] as const).filter((family) =>
    podCidrs.some(({ prefix }) => prefix.family === family)
  );
  return families.flatMap((family) => {
    const isWhole = clusterPodCidrs.some((prefix) => prefix.family === family);
    return sentencesOf(settings, family, isWhole).map((what) => `IPv${family}: ${what}`);
  });
}

function sentencesOf(settings: Settings, family: Family, isWhole: boolean): string[] {
  if (settings.isFirewallOnly) return ["all pods of other nodes, whoever routes them (FIREWALL_ONLY)"];
  const { isRouted, transport } = familySettings(settings, family);
  if (!isRouted) {
    const isOriginals = family === 4 ? settings.isNativeIpv4 : settings.isNativeIpv6;
    const said = isOriginals ? `NATIVE_ROUTING_IPV${family}` : `TRANSPORT_IPV${family}=native`;
    return [`all pods of other nodes: it is routed natively (${said})`];
  }
  const isBeside = clearFamilies(settings).includes(family);
  const isClear = isBeside && !TRANSPORTS[transport].isEncrypted;
  const way = isBeside ? "their way" : "their way through the tunnel";
  return [
    ...(isClear
      ? [
        `pods of nodes that are reached in the clear (TRANSPORT_IPV${family}=${transport}): who is on that network can ` +
        "read what they send, and forge it",
      ]
      : []),
    ...(settings.isStrict ? [] : [`pods of other nodes while ${way} is missing (STRICT=false)`]),
    ...(!settings.isStrict || isWhole
      ? []
      : ["pods of Nodes that are not known here yet; say all of the pod network by CLUSTER_POD_CIDRS"]),
  ];
}
