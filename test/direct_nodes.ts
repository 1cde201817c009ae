// Nodes that take packets in the clear, and what one that sends so wants, as tests of transports write them down.

import type { DesiredState } from "../src/core/desired/desired_state.ts";
import { interfaceOf, type NodeWords, ordinaryNode } from "./cluster.ts";

/** n1's interface. */
export const ETH0 = interfaceOf("eth0", ["10.9.1.1/24", "fd09::1/64"], { hasDefaultRoute: true });
/** Settings: both families in the clear. */
export const DIRECT = { TRANSPORT_IPV4: "direct", TRANSPORT_IPV6: "direct" };
/** The routes to n2's pods. */
export const N2 = [
  "10.244.2.0/24 via 10.9.1.2 dev eth0 onlink proto 146",
  "fd00:10:244:2::/64 via fd09::2 dev eth0 onlink proto 146",
];

/** A node that says that it takes packets in the clear. */
export function direct(i: number, words: NodeWords = {}): NodeWords {
  return { ...ordinaryNode(i), transport: "ipv4=direct,ipv6=direct", ...words };
}

/** Those that lead to pods. */
export function routesOf({ routes }: DesiredState): string[] {
  return routes.filter(({ type }) => type !== "unreachable").map(({ text }) => text);
}

/** What is waited for, in one line each. */
export function told({ waiting }: DesiredState): string[] {
  return waiting.map(({ what, why, next }) => `${what}: ${why}; ${next}`);
}
