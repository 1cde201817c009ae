// The routes of a node: into the tunnel for the pods of others, and unreachable ones behind them.

import type { Family } from "../net/address.ts";
import { containsAddress, type Prefix, summarise } from "../net/prefix.ts";
import type { Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settlement } from "../nodes/settle_claims.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import { type Route, ROUTE_PROTOCOL, UNREACHABLE_METRIC } from "./desired_state.ts";
import { KeptMap } from "./kept_map.ts";
import { clearRoutes } from "../transport/clear_peers.ts";
import type { Ways } from "../transport/ways.ts";

const FAMILIES: readonly Family[] = [4, 6];

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
  { own, ways }: { readonly own: SettledNode; readonly ways: Ways },
  { nodes, podCidrs, clusterPodCidrs }: Guarded,
): Route[] {
  const noPeers = new Set<string>(
    nodes.filter(({ publicKey }) => publicKey === undefined).map(({ node }) => node.name),
  );
  const isOwn = (node: string) => node === own.node.name;
  const cluster = settings.isStrict ? clusterPodCidrs : [];
  const families = FAMILIES.filter((family) => familySettings(settings, family).isRouted);
  const prefixesOf = (family: Family, isWanted: (node: string) => boolean) =>
    podCidrs.filter(({ prefix, node }) => prefix.family === family && isWanted(node)).map(({ prefix }) =>
      prefix
    );
  const toPods = families.flatMap((family) => {
    const { clear, unreached } = ways[family];
    const beside = new Set<string>([...unreached, ...clear.map(({ settled }) => settled.node.name)]);
    const isTunnelled = (node: string) => !isOwn(node) && !noPeers.has(node) && !beside.has(node);
    return [
      ...routesTo(prefixesOf(family, isTunnelled), { type: "tunnel", family }, settings),
      ...clearRoutes(ways[family], family),
    ];
  });
  const behind = families.flatMap((family) => {
    const prefixes = prefixesOf(family, settings.isStrict ? () => true : isOwn);
    prefixes.push(...cluster.filter((prefix) => prefix.family === family));
    return routesTo(prefixes, { type: "unreachable", family }, settings);
  });
  return [...toPods, ...behind];
}

const keptRoutes = () => ({ 4: new KeptMap<Prefix, Route>(), 6: new KeptMap<Prefix, Route>() });
const KEPT = { tunnel: keptRoutes(), unreachable: keptRoutes() };

function routesTo(
  prefixes: readonly Prefix[],
  { type, family }: { readonly type: "tunnel" | "unreachable"; readonly family: Family },
  { interfaceName }: Settings,
): readonly Route[] {
  const rest = type === "tunnel"
    ? ` dev ${interfaceName} proto ${ROUTE_PROTOCOL}`
    : ` proto ${ROUTE_PROTOCOL} metric ${UNREACHABLE_METRIC}`;
  const start = type === "tunnel" ? "" : "unreachable ";
  return KEPT[type][family].map(summarise(prefixes), rest, ({ text }) => ({
    family,
    destination: text,
    type,
    text: [start, text, rest].join(""), // in one piece, where `+` would keep the pieces as well
  }));
}
