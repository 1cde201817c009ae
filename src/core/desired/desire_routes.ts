// The routes of a node: into the tunnel for the pods of others, and unreachable ones behind them.

import { containsAddress, type Prefix, summarise } from "../net/prefix.ts";
import type { Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settlement } from "../nodes/settle_claims.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import { type Route, ROUTE_PROTOCOL, UNREACHABLE_METRIC } from "./desired_state.ts";
import { KeptMap } from "./kept_map.ts";

/** All prefixes that are guarded, those of CLUSTER_POD_CIDRS among them. */
export type Guarded = Settlement & { readonly clusterPodCidrs: readonly Prefix[] };

/**
 * CLUSTER_POD_CIDRS without those that hold an address of this node: they are a mistake that would cut it off. (What
 * other Nodes say is no reason: a bad one must not take the guard away.)
 */
export function clusterPodCidrs(
  { clusterPodCidrs, isStrict }: Settings,
  { node, addresses }: SettledNode,
): { prefixes: readonly Prefix[]; rejected: readonly Rejected[] } {
  const isMistake = (prefix: Prefix) =>
    isStrict && addresses.some((address) => containsAddress(prefix, address));
  return {
    prefixes: clusterPodCidrs.filter((prefix) => !isMistake(prefix)),
    rejected: clusterPodCidrs.filter(isMistake).map(({ text }) => ({
      node: node.name,
      claim: `CLUSTER_POD_CIDRS ${text}`,
      reason: "covers an address of this node, which would be cut off",
      kind: "host",
    })),
  };
}

/**
 * Every guarded prefix has an unreachable route behind it: when the interface, its routes or a peer go, nothing
 * follows the default route, established flows included, and a forged source of an own prefix has no way back.
 */
export function desireRoutes(
  settings: Settings,
  own: SettledNode,
  { nodes, podCidrs, clusterPodCidrs }: Guarded,
): Route[] {
  const isTunnelled = {
    4: familySettings(settings, 4).isTunnelled,
    6: familySettings(settings, 6).isTunnelled,
  };
  const noPeers = new Set<string>(
    nodes.filter(({ publicKey }) => publicKey === undefined).map(({ node }) => node.name),
  );
  const tunnelled = podCidrs.filter(({ prefix }) => isTunnelled[prefix.family]);
  const remote = tunnelled.filter(({ node }) => node !== own.node.name && !noPeers.has(node));
  const guarded = settings.isStrict ? tunnelled : tunnelled.filter(({ node }) => node === own.node.name);
  const cluster = settings.isStrict ? clusterPodCidrs.filter(({ family }) => isTunnelled[family]) : [];
  return [
    ...routesTo(remote.map(({ prefix }) => prefix), "tunnel", settings),
    ...routesTo([...guarded.map(({ prefix }) => prefix), ...cluster], "unreachable", settings),
  ];
}

const keptRoutes = () => ({ 4: new KeptMap<Prefix, Route>(), 6: new KeptMap<Prefix, Route>() });
const KEPT = { tunnel: keptRoutes(), unreachable: keptRoutes() };

function routesTo(prefixes: readonly Prefix[], type: Route["type"], { interfaceName }: Settings): Route[] {
  const rest = type === "tunnel"
    ? ` dev ${interfaceName} proto ${ROUTE_PROTOCOL}`
    : ` proto ${ROUTE_PROTOCOL} metric ${UNREACHABLE_METRIC}`;
  const start = type === "tunnel" ? "" : "unreachable ";
  const all = summarise(prefixes);
  return ([4, 6] as const).flatMap((family) =>
    KEPT[type][family].map(all.filter((prefix) => prefix.family === family), rest, ({ text }) => ({
      family,
      destination: text,
      type,
      text: [start, text, rest].join(""), // in one piece, where `+` would keep the pieces as well
    }))
  );
}
