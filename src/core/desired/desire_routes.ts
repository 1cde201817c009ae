// The routes of a node: into the tunnel for the pods of others, and unreachable ones behind them.

import { type Prefix, summarise } from "../net/prefix.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settlement } from "../nodes/settle_claims.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import { type Route, ROUTE_PROTOCOL, UNREACHABLE_METRIC } from "./desired_state.ts";
import { KeptMap } from "./kept_map.ts";

/**
 * Every guarded prefix has an unreachable route behind it: when the interface, its routes or a peer go, nothing
 * follows the default route, established flows included, and a forged source of an own prefix has no way back.
 */
export function desireRoutes(settings: Settings, own: SettledNode, { nodes, podCidrs }: Settlement): Route[] {
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
  const cluster = settings.isStrict
    ? settings.clusterPodCidrs.filter(({ family }) => isTunnelled[family])
    : [];
  return [
    ...routesTo(remote.map(({ prefix }) => prefix), "tunnel", settings),
    ...routesTo([...guarded.map(({ prefix }) => prefix), ...cluster], "unreachable", settings),
  ];
}

const keptRoutes = () => ({ 4: new KeptMap<Prefix, Route>(), 6: new KeptMap<Prefix, Route>() });
const KEPT = { tunnel: keptRoutes(), unreachable: keptRoutes() };

function routesTo(prefixes: readonly Prefix[], type: Route["type"], { interfaceName }: Settings): Route[] {
  const rest = type === "tunnel"
    ? `dev ${interfaceName} proto ${ROUTE_PROTOCOL}`
    : `proto ${ROUTE_PROTOCOL} metric ${UNREACHABLE_METRIC}`;
  const start = type === "tunnel" ? "" : "unreachable ";
  const all = summarise(prefixes);
  return ([4, 6] as const).flatMap((family) =>
    KEPT[type][family].map(all.filter((prefix) => prefix.family === family), rest, ({ text }) => ({
      family,
      destination: text,
      type,
      text: `${start}${text} ${rest}`,
    }))
  );
}
