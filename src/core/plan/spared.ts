// An agent that starts beside a file that it cannot read: what it finds on the host and no Node wants may be wanted
// there. That, and nothing else, is spared until the file is read: what this agent itself wanted once is its own to
// remove, and what came later is somebody else's.

import type { DesiredState, Spared } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";

/** All is known: what nobody wants goes. */
export const NOTHING_SPARED: Spared = { peers: new Set(), routes: new Set(), members: new Set() };

/** All that a host has. */
export function everythingOn({ wireguard, routes, table }: ObservedState): Spared {
  return {
    peers: new Set(wireguard?.peers.keys()),
    routes: routes[4].union(routes[6]),
    members: new Set([...table?.sets.values() ?? []].flatMap((set) => [...set])),
  };
}

/** What is left of it when some of it is wanted. */
export function withoutWanted(spared: Spared, { peers, routes, table }: DesiredState): Spared {
  return {
    peers: spared.peers.difference(new Set<string>(peers.map(({ publicKey }) => publicKey))),
    routes: spared.routes.difference(new Set(routes.map(({ text }) => text))),
    members: spared.members.difference(new Set(Object.values(table.sets).flat())),
  };
}
