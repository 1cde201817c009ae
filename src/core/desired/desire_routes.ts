// The routes of a node: into the tunnel for the pods of others, and unreachable ones behind them.

import { type Prefix, summarise } from "../net/prefix.ts";
import type { SettledNode, Settlement } from "../nodes/settle_claims.ts";
import { familySettings, type Settings } from "../settings/settings.ts";
import type { Route } from "./desired_state.ts";

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
  const routes = (type: Route["type"], prefixes: readonly Prefix[]) =>
    summarise(prefixes).map((prefix) => routeTo(prefix, type));
  return [
    ...routes("tunnel", remote.map(({ prefix }) => prefix)),
    ...routes("unreachable", [...guarded.map(({ prefix }) => prefix), ...cluster]),
  ];
}

const ROUTES = { tunnel: new WeakMap<Prefix, Route>(), unreachable: new WeakMap<Prefix, Route>() };

/** The same object each time: what is derived from it is kept too. */
function routeTo(prefix: Prefix, type: Route["type"]): Route {
  let known = ROUTES[type].get(prefix);
  if (known === undefined) {
    known = { family: prefix.family, destination: prefix.text, type };
    ROUTES[type].set(prefix, known);
  }
  return known;
}
